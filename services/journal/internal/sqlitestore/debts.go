package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Debts stand in tables of their own, a row each, so that what owes nothing costs nothing. They change
// in the transactions of what they are about.

// sameItem is the condition under which an item is kept once.
const sameItem = `tenant_id = ? AND event_id = ? AND content_hash = ?`

// alertOwed tells whether people are owed an alert because q is put into quarantine.
func alertOwed(ctx context.Context, tx *sql.Tx, q *journal.Quarantined) (bool, error) {
	var before *journal.Quarantined
	err := each(ctx, tx, func(rows *sql.Rows) error {
		before = &journal.Quarantined{}
		return rows.Scan(&before.Reason, &before.State)
	}, `SELECT reason, state FROM quarantine WHERE `+sameItem, q.TenantID, q.EventID, q.ContentHash[:])
	return q.AlertOwed(before), err
}

// Statements that incur a debt of an item: of the one that is kept for an event, of the one with an id.
const (
	oweOfEvent = `INSERT OR IGNORE INTO quarantine_debts (debt, no) SELECT ?, no FROM quarantine WHERE ` + sameItem
	oweOfItem  = `INSERT OR IGNORE INTO quarantine_debts (debt, no) SELECT ?, no FROM quarantine WHERE id = ?`
)

// exchange replaces whatever an item owes, which was open, by what it owes as it is closed.
func exchange(ctx context.Context, tx *sql.Tx, id string, owes journal.Debt) error {
	_, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM quarantine_debts WHERE no = (SELECT no FROM quarantine WHERE id = ?)`, id)
	if err != nil || owes == "" {
		return err
	}
	_, err = tx.ExecContext(context.WithoutCancel(ctx), oweOfItem, owes, id)
	return err
}

// Owing implements app.Quarantine.
func (s *Store) Owing(ctx context.Context, debt journal.Debt, limit int) ([]*journal.Quarantined, error) {
	return s.items(ctx, `SELECT `+itemColumns+`, NULL FROM quarantine_debts d CROSS JOIN quarantine q USING (no) WHERE d.debt = ? ORDER BY d.no LIMIT ?`, debt, limit)
}

// Paid implements app.Quarantine.
func (s *Store) Paid(ctx context.Context, debt journal.Debt, ids []string) error {
	return s.platform.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			_, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM quarantine_debts WHERE debt = ? AND no = (SELECT no FROM quarantine WHERE id = ?)`, debt, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// oweAlert incurs or cancels the debt of a discrepancy that was just written over the one before.
func oweAlert(ctx context.Context, tx *sql.Tx, d, before *journal.Discrepancy) error {
	switch {
	case d.AlertOwed(before):
		_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO discrepancy_debts (no) SELECT no FROM discrepancies WHERE id = ?`, d.ID)
		return err
	case d.State != journal.DiscrepancyOpen:
		return cancelAlert(ctx, tx, d.ID)
	}
	return nil
}

func cancelAlert(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM discrepancy_debts WHERE no = (SELECT no FROM discrepancies WHERE id = ?)`, id)
	return err
}

// Unalerted implements app.Examiner.
func (s *Store) Unalerted(ctx context.Context, tenant string, limit int) ([]*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return discrepancies(ctx, db.reader, tenant, ` WHERE no IN (SELECT no FROM discrepancy_debts ORDER BY no LIMIT ?) ORDER BY no`, limit)
}

// Alerted implements app.Examiner.
func (s *Store) Alerted(ctx context.Context, tenant string, ids []string) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if err := cancelAlert(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}
