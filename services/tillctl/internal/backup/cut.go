package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// patience is how long a database's writers are waited for, in milliseconds, and pages how many are
// copied before the context is looked at.
const (
	patience = 10_000
	pages    = 4096
)

// view is one database as it was at the instant of the cut.
type view struct {
	path string
	db   *sql.DB
	conn *sql.Conn
}

type views []view

// cut opens a view of each database, all of the same instant: it takes every right to write, opens
// the views, and gives the rights back. Writers wait meanwhile, for milliseconds. No deadlock can
// come of it, because the services never hold one database while they wait for another.
func cut(ctx context.Context, data string, paths []string) (_ views, err error) {
	var all views
	var writers []*sql.Conn
	defer func() {
		for _, w := range writers {
			_, failed := w.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, failed, w.Close())
		}
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	for _, path := range paths {
		db, err := open(filepath.Join(data, filepath.FromSlash(path)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, view{path: path, db: db})
		writer, err := begin(ctx, db, "BEGIN IMMEDIATE")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		writers = append(writers, writer)
	}
	for i := range all {
		if all[i].conn, err = begin(ctx, all[i].db, "BEGIN"); err == nil {
			var tables int // reading anything fixes the view
			err = all[i].conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", all[i].path, err)
		}
	}
	return all, nil
}

func open(path string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	address := url.URL{Scheme: "file", Path: absolute, RawQuery: fmt.Sprintf("mode=rw&_pragma=busy_timeout(%d)", patience)}
	return sql.Open("sqlite", address.String())
}

func begin(ctx context.Context, db *sql.DB, statement string) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (all views) close() error {
	var errs []error
	for _, v := range all {
		if v.conn != nil {
			_, err := v.conn.ExecContext(context.Background(), "ROLLBACK")
			errs = append(errs, err, v.conn.Close())
		}
		errs = append(errs, v.db.Close())
	}
	return errors.Join(errs...)
}

// copyTo writes the view into a new file, one without a log beside it, and has SQLite check it. It
// gives the schema.
func (v view) copyTo(ctx context.Context, target string) (schema string, err error) {
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	err = v.conn.Raw(func(driver any) error {
		source, ok := driver.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("the SQLite driver (%T) cannot copy", driver)
		}
		backup, err := source.NewBackup(target)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if err = ctx.Err(); err == nil {
				more, err = backup.Step(pages)
			}
		}
		return errors.Join(err, backup.Finish())
	})
	if err != nil {
		return "", err
	}
	return seal(ctx, target)
}

// seal makes one self-contained file of a copy and looks through it for damage: a backup of a damaged
// database is none.
func seal(ctx context.Context, path string) (schema string, err error) {
	db, err := open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var mode, health string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode); err != nil {
		return "", err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&health); err != nil {
		return "", err
	}
	if health != "ok" {
		return "", fmt.Errorf("the database is damaged: %s", health)
	}
	// The journal's databases say what they are; Dapr's have no such table.
	err = db.QueryRowContext(ctx, "SELECT kind || ' ' || version FROM schema_version").Scan(&schema)
	if err != nil && !strings.Contains(err.Error(), "no such table") {
		return "", err
	}
	return schema, syncFile(path)
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
