package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// The drivers. The journal's own connections have no functions but SQLite's. The archiver's are those of
// the driver that this package's function is registered with.
const (
	plainDriver    = "tillroll-journal"
	archiverDriver = "sqlite"
)

func init() {
	sql.Register(plainDriver, &sqlite.Driver{})
	sqlite.MustRegisterScalarFunction(archiverFunction, 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) { return int64(1), nil })
}

// Archiver implements app.Archiver on the files of an open store. Since one process owns them, it lives in
// the journal's; but it has connections of its own, and only on these can anything be removed.
type Archiver struct {
	*Store
	mu    sync.Mutex
	files map[string]*sql.DB
}

// NewArchiver makes the archiver of a store. It is to be closed before the store.
func NewArchiver(s *Store) *Archiver { return &Archiver{Store: s, files: map[string]*sql.DB{}} }

// Close closes the archiver's connections.
func (a *Archiver) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, db := range a.files {
		errs = append(errs, db.Close())
	}
	a.files = map[string]*sql.DB{}
	return errors.Join(errs...)
}

// write runs fn in one transaction on the archiver's connection, while the journal writes nothing.
func (a *Archiver) write(ctx context.Context, tenant string, fn func(ctx context.Context, tx *sql.Tx) error) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	own, err := a.file(tenant)
	if err != nil {
		return classify(err)
	}
	same := &database{writer: own, turn: db.turn}
	return same.write(ctx, func(tx *sql.Tx) error { return fn(context.WithoutCancel(ctx), tx) })
}

func (a *Archiver) file(tenant string) (*sql.DB, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if db := a.files[tenant]; db != nil {
		return db, nil
	}
	address, err := addressOf(a.Store.file(tenant))
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(archiverDriver, address+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	a.files[tenant] = db
	return db, nil
}

// ArchiveLease implements app.Archiver: no other process has the file open.
func (a *Archiver) ArchiveLease(ctx context.Context, tenant, _ string, _ time.Duration) (bool, error) {
	_, err := a.tenant(ctx, tenant)
	return err == nil, err
}

// Archivable implements app.Archiver. Of each store the next date is looked up in the index of the journal,
// and that of events without one in theirs, so it costs a few steps for each day that is found.
func (a *Archiver) Archivable(ctx context.Context, tenant, before string, after journal.StoreDay, limit int) ([]journal.StoreDay, error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var days []journal.StoreDay
	err = db.read(ctx, func(tx *sql.Tx) error {
		stores, err := column[string](ctx, tx, `SELECT DISTINCT store_code FROM chain_heads WHERE store_code <> '' ORDER BY store_code`)
		for i := 0; err == nil && i < len(stores); i++ {
			err = storeDays(ctx, tx, stores[i], before, after, limit, func(d journal.StoreDay) { days = append(days, d) })
		}
		return err
	})
	slices.SortFunc(days, compareDays)
	return days[:min(limit, len(days))], err
}

func compareDays(a, b journal.StoreDay) int {
	return cmp.Or(strings.Compare(a.BusinessDate, b.BusinessDate), strings.Compare(a.StoreCode, b.StoreCode))
}

// storeDays gives the days of one store that have something live.
func storeDays(ctx context.Context, tx *sql.Tx, store, before string, after journal.StoreDay, limit int, add func(journal.StoreDay)) error {
	at := after.BusinessDate // the next day is not before this one
	for n := 0; n < limit; {
		var date sql.NullString
		if err := tx.QueryRowContext(ctx, nextDay, store, at).Scan(&date); err != nil {
			return err
		}
		from, err := time.Parse(journal.DateForm, at)
		if err != nil {
			from = time.Unix(0, 0)
		}
		var instant sql.NullInt64
		if err := tx.QueryRowContext(ctx, nextInstant, store, micros(from)).Scan(&instant); err != nil {
			return err
		}
		next := date.String
		if instant.Valid {
			if of := time.UnixMicro(instant.Int64).UTC().Format(journal.DateForm); next == "" || of < next {
				next = of
			}
		}
		if next == "" || next >= before {
			return nil
		}
		if day := (journal.StoreDay{StoreCode: store, BusinessDate: next}); after == (journal.StoreDay{}) || compareDays(day, after) > 0 {
			add(day)
			n++
		}
		at = dayAfter(next)
	}
	return nil
}

// dayAfter is the next business date that there can be. A date that is none has itself behind it.
func dayAfter(date string) string {
	d, err := time.Parse(journal.DateForm, date)
	if err != nil {
		return date + "0"
	}
	return d.AddDate(0, 0, 1).Format(journal.DateForm)
}

const (
	nextDay     = `SELECT min(business_date) FROM journal WHERE store_code = ? AND business_date >= ?`
	nextInstant = `SELECT min((SELECT v.occurred_at FROM log_event v WHERE v.store_code = h.store_code AND v.terminal_no = h.terminal_no AND v.occurred_at >= ?2
		ORDER BY v.occurred_at LIMIT 1)) FROM chain_heads h WHERE h.store_code = ?1`
)

// dayLinks are all live events of a store's day, as far as no segment has them.
const dayLinks = `SELECT e.id, l.idx, h.stream, e.chain_seq, e.event_id, e.producer, e.sequence, e.chain_seq <= coalesce(x.chain_seq, 0)
FROM (SELECT id FROM journal WHERE store_code = ?1 AND business_date = ?2
	UNION ALL SELECT v.id FROM chain_heads t CROSS JOIN log_event v ON v.store_code = t.store_code AND v.terminal_no = t.terminal_no
	WHERE t.store_code = ?1 AND v.occurred_at >= ?3 AND v.occurred_at < ?4) d
CROSS JOIN event_ids e ON e.id = d.id CROSS JOIN chain_heads h ON h.stream_id = e.stream_id
LEFT JOIN merkle_leaves l ON l.id = e.id LEFT JOIN examinations x ON x.stream_id = e.stream_id
WHERE coalesce(` + inArchive + `, 0) = 0 ORDER BY l.idx`

// Day implements app.Archiver.
func (a *Archiver) Day(ctx context.Context, tenant string, of journal.StoreDay) (*journal.Day, error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	from, to, err := of.Bounds()
	if err != nil {
		return nil, fmt.Errorf("%w: %s is no day", app.ErrRefused, of)
	}
	day := &journal.Day{StoreDay: of}
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var l journal.DayLink
		var id int64
		var index *uint64
		var examined bool
		if err := rows.Scan(&id, &index, &l.Stream, &l.Seq, &l.EventID, &l.Producer, &l.Sequence, &examined); err != nil {
			return err
		}
		if !examined {
			day.Unexamined++
		}
		if index == nil {
			day.Unlogged++
			return nil
		}
		l.Index = *index
		day.Links = append(day.Links, l)
		return nil
	}, dayLinks, of.StoreCode, of.BusinessDate, micros(from), micros(to))
	return day, err
}

// bodiesAtOnce is how many events one statement of Bodies reads.
const bodiesAtOnce = 500

// Bodies implements app.Archiver.
func (a *Archiver) Bodies(ctx context.Context, tenant string, indexes []uint64, visit func(uint64, *journal.Stored) error) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(indexes, bodiesAtOnce) {
		at := 0
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			var index uint64
			var stream string
			stored, err := scanStored(rows, tenant, &index, &stream)
			if err != nil {
				return err
			}
			stored.Stream = stream
			if index != part[at] || len(stored.Content) == 0 {
				return noBody(part[at])
			}
			at++
			return app.Visited(visit(index, stored))
		}, bodies+`(`+marks(len(part))+`) ORDER BY l.idx`, anys(part)...)
		if err == nil && at < len(part) {
			err = noBody(part[at])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const bodies = `SELECT l.idx, h.stream, ` + linkColumns + ` FROM merkle_leaves l CROSS JOIN event_ids e ON e.id = l.id
	CROSS JOIN chain_heads h ON h.stream_id = e.stream_id` + linkJoins + ` WHERE l.idx IN `

func noBody(index uint64) error {
	return fmt.Errorf("%w: event %d of the log has no body", app.ErrDamaged, index)
}

// Register implements app.Archiver.
func (a *Archiver) Register(ctx context.Context, tenant string, s *app.Segment) error {
	manifest, err := json.Marshal(&s.Manifest)
	if err != nil {
		return err
	}
	parts, err := json.Marshal(s.Parts)
	if err != nil {
		return err
	}
	err = a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("insert segment"); err != nil {
			return err
		}
		if found, err := column[int](ctx, tx, `SELECT 1 FROM archive_segment WHERE name = ?`, s.Name()); err != nil || len(found) > 0 {
			return app.OrMoved(err)
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO archive_segment (name, store_code, business_date, part, keep_until, sha256, manifest, parts, registered_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.Name(), s.StoreCode, s.BusinessDate, s.Part, s.KeepUntil, s.SHA256[:], string(manifest), string(parts), micros(s.RegisteredAt))
		if err != nil {
			return err
		}
		no, err := res.LastInsertId()
		if err != nil {
			return err
		}
		return a.insertParts(ctx, tx, no, s.Parts)
	})
	if err != nil {
		return err
	}
	return classify(a.step("registered"))
}

func (a *Archiver) insertParts(ctx context.Context, tx *sql.Tx, no int64, parts []journal.Part) error {
	for i, p := range parts {
		if err := a.step("insert parts"); i == 0 && err != nil {
			return err
		}
		taken, err := column[bool](ctx, tx, `SELECT coalesce((SELECT last_seq FROM archive_parts WHERE stream_id = h.stream_id AND first_seq <= ?3 ORDER BY first_seq DESC LIMIT 1) >= ?2, 0)
			FROM chain_heads h WHERE h.stream = ?1 AND h.chain_seq >= ?3`, p.Stream, p.First, p.Last)
		switch {
		case err != nil:
			return err
		case len(taken) == 0:
			return fmt.Errorf("%w: %s has no links %d to %d", app.ErrDamaged, p.Stream, p.First, p.Last)
		case taken[0]:
			return app.ErrMoved
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO archive_parts (stream_id, first_seq, last_seq, segment) SELECT stream_id, ?, ?, ? FROM chain_heads WHERE stream = ?`,
			p.First, p.Last, no, p.Stream); err != nil {
			return err
		}
	}
	return a.step("commit segment")
}

// removedAtOnce is how many events one transaction removes: the journal waits for some milliseconds.
const removedAtOnce = 200

// Remove implements app.Archiver.
func (a *Archiver) Remove(ctx context.Context, tenant, name string) (removed int, err error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return 0, err
	}
	found, err := eachSegment(ctx, db.reader, segments+` WHERE s.name = ?`, name)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, app.ErrNotFound
	}
	if found[0].Removed {
		return 0, nil
	}
	for _, p := range found[0].Parts {
		for first := p.First; first <= p.Last; first += removedAtOnce {
			n, err := a.removePart(ctx, tenant, journal.Part{Stream: p.Stream, First: first, Last: min(p.Last, first+removedAtOnce-1)})
			removed += n
			if err != nil {
				return removed, err
			}
		}
	}
	err = a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("insert removed"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, emptyBlocks); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO archive_removed (segment, removed_at) SELECT no, ? FROM archive_segment s WHERE name = ?
			AND NOT EXISTS (SELECT 1 FROM archive_removed r WHERE r.segment = s.no)`, micros(a.clock.Now()), name)
		return err
	})
	return removed, err
}

// removePart removes the bodies of some links of a chain, together with what the keyword index has of
// their entries.
func (a *Archiver) removePart(ctx context.Context, tenant string, p journal.Part) (removed int, err error) {
	err = a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("read originals"); err != nil {
			return err
		}
		var ids []any
		words := map[int64]*indexed{}
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var id int64
			var has bool
			e := &indexed{}
			if err := rows.Scan(&id, &has, &e.store, &e.terminal, &e.kind, &e.text); err != nil {
				return err
			}
			if ids = append(ids, id); has {
				words[id] = e
			}
			return nil
		}, originals, p.Stream, p.First, p.Last)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := a.step("forget words"); err != nil {
			return err
		}
		for id, e := range words {
			if err := forgetEntry(ctx, tx, id, e); err != nil {
				return err
			}
		}
		for _, table := range archived {
			if err := a.step("delete from " + table); err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s WHERE id IN (%s)`, table, marks(len(ids))), ids...)
			if err != nil {
				return fmt.Errorf("delete from %s: %w", table, err)
			}
			// Every event has one body beside its entry.
			if n, err := res.RowsAffected(); err == nil && table != "journal" {
				removed += int(n)
			}
		}
		return a.step("commit removal")
	})
	if err != nil {
		return 0, err
	}
	return removed, classify(a.step("removed"))
}

const originals = `SELECT e.id, j.id IS NOT NULL, coalesce(j.store_code, ''), coalesce(j.terminal_no, 0), coalesce(j.transaction_type, 0), coalesce(j.journal_text, '')
	FROM chain_heads h CROSS JOIN event_ids e ON e.stream_id = h.stream_id LEFT JOIN journal j ON j.id = e.id
	WHERE h.stream = ? AND e.chain_seq BETWEEN ? AND ?`

// Purge implements app.Archiver.
func (a *Archiver) Purge(ctx context.Context, tenant, name string, p app.Purge) error {
	err := a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("insert purge"); err != nil {
			return err
		}
		found, err := eachSegment(ctx, tx, segments+` WHERE s.name = ?`, name)
		if err != nil {
			return err
		}
		if err := app.MayPurge(first(found), p); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO archive_purge (segment, sha256, purged_by, why, purged_at) SELECT no, ?, ?, ?, ? FROM archive_segment WHERE name = ?`,
			p.SHA256[:], p.By, p.Why, micros(p.At), name)
		return err
	})
	if err != nil {
		return err
	}
	return classify(a.step("purged"))
}

// Erased implements app.Archiver.
func (a *Archiver) Erased(ctx context.Context, tenant, name string, at time.Time) error {
	return a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("insert erased"); err != nil {
			return err
		}
		no, err := segmentNo(ctx, tx, name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO archive_erased (segment, erased_at) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM archive_erased WHERE segment = ?1)`, no, micros(at))
		return err
	})
}

// NoteRun implements app.Archiver.
func (a *Archiver) NoteRun(ctx context.Context, tenant string, r *app.ArchiveRun) error {
	report, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.write(ctx, tenant, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.step("insert run"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO archive_run (report) VALUES (?)`, string(report))
		return err
	})
}
