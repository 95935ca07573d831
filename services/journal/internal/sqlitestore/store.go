// Package sqlitestore keeps the journal in SQLite: the embedded default, for a store's own machine,
// for the first run and for tests.
//
// There is one file per tenant and one for what stands above tenants. One process owns them all: a
// lock on the folder refuses a second. Each file has one writing connection and a few reading ones;
// write-ahead logging lets them work side by side, and every commit is synced to the disk before it
// is reported. Everything of one event is written in one transaction.
//
// The package knows SQL and the port that it serves. It decides nothing about events.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// platformFile holds what stands above the tenants. No tenant's code can begin with an underscore,
// so no tenant's file can take its place.
const platformFile = "_platform.db"

// Store implements app.Store.
type Store struct {
	dir      string
	clock    clockwork.Clock
	unlock   func() error
	platform *database
	limits   app.SearchLimits

	mu        sync.Mutex
	tenants   map[string]*database // those that are open
	terminals map[string]bool      // terminals that the platform database surely lists

	// step runs before every statement of a commit and around its end; tests fail or kill there.
	step func(name string) error
	// watch is between a search and the database; tests look at its statements there.
	watch func(querier) querier
}

// Open opens the journal in dir, which it makes when it is not there. It fails when another process
// has it open.
func Open(ctx context.Context, dir string, clock clockwork.Clock) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal folder: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, clock: clock, unlock: unlock, limits: app.UsualSearchLimits,
		tenants: map[string]*database{}, terminals: map[string]bool{},
		step: func(string) error { return nil }, watch: func(q querier) querier { return q },
	}
	if s.platform, err = openDatabase(ctx, filepath.Join(dir, platformFile), &platformSchema, true); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return s, nil
}

// Close closes every file and lets another process in.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{}
	for _, db := range s.tenants {
		errs = append(errs, db.close())
	}
	return errors.Join(append(errs, s.platform.close(), s.unlock())...)
}

// Ping implements app.Store: it takes and gives back the right to write.
func (s *Store) Ping(ctx context.Context) error {
	return s.platform.write(ctx, func(tx *sql.Tx) error {
		var n int
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM schema_version`).Scan(&n)
	})
}

// Describe implements app.Store.
func (s *Store) Describe(ctx context.Context) (app.DatabaseState, error) {
	version, err := column[string](ctx, s.platform.reader, `SELECT sqlite_version()`)
	if err != nil {
		return app.DatabaseState{}, err
	}
	return app.DatabaseState{Engine: "SQLite " + version[0]}, nil
}

// Provision implements app.Recorder. The file is complete before the tenant is listed, so that what
// is listed can always be opened.
func (s *Store) Provision(ctx context.Context, tenant string) (created bool, err error) {
	if !identity.ValidCode(tenant) {
		return false, fmt.Errorf("%w: %q is not a tenant code", app.ErrRefused, tenant)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	listed, err := s.isListed(ctx, tenant)
	if err != nil {
		return false, err
	}
	if listed {
		db, err := s.open(ctx, tenant)
		if err != nil {
			return false, err
		}
		if err := tenantSchema.prepare(ctx, db.writer); err != nil {
			return false, classify(err)
		}
		return false, classify(db.prepareWords(ctx))
	}
	db, err := openTenant(ctx, s.file(tenant), true)
	if err != nil {
		return false, classify(err)
	}
	err = s.platform.write(ctx, func(tx *sql.Tx) error {
		if err := s.step("list tenant"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tenants (tenant_id, provisioned_at) VALUES (?, ?)`, tenant, micros(s.clock.Now()))
		return err
	})
	if err != nil {
		return false, errors.Join(err, db.close())
	}
	s.tenants[tenant] = db
	return true, nil
}

// Tenants implements app.Recorder.
func (s *Store) Tenants(ctx context.Context) ([]string, error) {
	return column[string](ctx, s.platform.reader, `SELECT tenant_id FROM tenants ORDER BY tenant_id`)
}

// tenant gives the open database of a provisioned tenant.
func (s *Store) tenant(ctx context.Context, tenant string) (*database, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(ctx, tenant)
}

// open is tenant for callers that hold mu.
func (s *Store) open(ctx context.Context, tenant string) (*database, error) {
	if db, ok := s.tenants[tenant]; ok {
		return db, nil
	}
	listed, err := s.isListed(ctx, tenant)
	switch {
	case err != nil:
		return nil, err
	case !listed:
		return nil, app.ErrUnknownTenant
	}
	// The file of a listed tenant is never made anew: an empty journal in place of a lost one would
	// look as if nothing had happened.
	db, err := openTenant(ctx, s.file(tenant), false)
	if err != nil {
		return nil, classify(err)
	}
	s.tenants[tenant] = db
	return db, nil
}

func (s *Store) isListed(ctx context.Context, tenant string) (bool, error) {
	if !identity.ValidCode(tenant) {
		return false, nil
	}
	found, err := column[string](ctx, s.platform.reader, `SELECT tenant_id FROM tenants WHERE tenant_id = ?`, tenant)
	return slices.Contains(found, tenant), err
}

func (s *Store) file(tenant string) string { return filepath.Join(s.dir, tenant+".db") }

// database is one SQLite file.
type database struct {
	writer *sql.DB // one connection
	reader *sql.DB
	turn   *sync.Mutex // held while writing, so that waiting is fair and not SQLite's polling
}

// pragmas of every connection. FULL syncs the log at each commit: what was acknowledged survives a
// power cut. recursive_triggers lets the delete guard see what a REPLACE removes.
const pragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=recursive_triggers(ON)"

func openDatabase(ctx context.Context, path string, schema *schema, create bool) (*database, error) {
	if _, err := os.Stat(path); !create && err != nil {
		return nil, fmt.Errorf("journal file %s is gone: restore it from its backup, then redeliver what is newer: %w", path, err)
	}
	if create {
		if err := createFile(path); err != nil {
			return nil, err
		}
	}
	address, err := addressOf(path)
	if err != nil {
		return nil, err
	}
	db := &database{turn: &sync.Mutex{}}
	if db.writer, err = sql.Open(plainDriver, address+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	db.writer.SetMaxOpenConns(1)
	if err := schema.prepare(ctx, db.writer); err != nil {
		return nil, errors.Join(fmt.Errorf("journal file %s: %w", path, err), db.writer.Close())
	}
	if db.reader, err = sql.Open(plainDriver, address+"&_pragma=query_only(ON)"); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.reader.SetMaxOpenConns(max(4, runtime.NumCPU()))
	db.reader.SetMaxIdleConns(max(4, runtime.NumCPU()))
	return db, nil
}

// addressOf is how the driver wants to be told of a file.
func addressOf(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	return (&url.URL{Scheme: "file", Path: absolute}).String() + "?mode=rw&" + pragmas, err
}

// createFile makes an empty file, which is an empty database, that nobody else may read; SQLite gives
// its other files the same mode.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("journal file: %w", err)
	}
	return f.Close()
}

func (d *database) close() error { return errors.Join(d.reader.Close(), d.writer.Close()) }

// write runs fn in one transaction. The statements run to their end even when ctx ends: a commit is
// short, and interrupting SQLite in one would leave its connection in doubt. ctx is looked at before
// the beginning and before the commit.
func (d *database) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	tx, err := d.writer.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit this does nothing
	if err := fn(tx); err != nil {
		return classify(err)
	}
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	return classify(tx.Commit())
}

// read runs fn in one consistent view.
func (d *database) read(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := d.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	return classify(fn(tx))
}

// querier is what both a pool and a transaction can do.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// column reads one column of all rows.
func column[T any](ctx context.Context, q querier, query string, args ...any) ([]T, error) {
	var out []T
	err := each(ctx, q, func(rows *sql.Rows) error {
		var v T
		err := rows.Scan(&v)
		out = append(out, v)
		return err
	}, query, args...)
	return out, err
}

// errStop ends each without an error.
var errStop = errors.New("sqlitestore: enough")

// each calls fn with every row.
func each(ctx context.Context, q querier, fn func(rows *sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return classify(err)
		}
	}
	return classify(rows.Err())
}
