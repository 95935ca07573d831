package sqlitestore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// A list that ends at a row which cannot be read, as it does when its context ends, has what came before
// and nothing else: who raises alerts goes through what there is.
func TestAListHasNothingOfWhatCannotBeRead(t *testing.T) {
	s, _ := newStore(t)
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	do := func(db *database, statement string) {
		t.Helper()
		_, err := db.writer.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	for no, times := range []string{"1", "'x'"} {
		do(s.platform, fmt.Sprintf(`INSERT INTO quarantine (no, id, tenant_id, event_id, content_hash, topic, store_code, terminal_no, producer, sequence, reason, detail,
			cloud_event, traceparent, generation, first_seen, last_seen, times, state) VALUES (%[1]d, 'item %[1]d', 'acme', '', randomblob(32), '', '', 0, '', 0, 'poison', '', x'', '', 0, 0, 0, %[2]s, 'open')`, no, times))
		do(s.platform, fmt.Sprintf(`INSERT INTO quarantine_debts (debt, no) VALUES ('%s', %d)`, journal.OwesAlert, no))
	}
	for no, finding := range []string{"{}", "{"} {
		do(db, fmt.Sprintf(`INSERT INTO discrepancies (no, id, stream, store_code, terminal_no, kind, key, occurrence, business_date, open_counter, state, finding, opened_at, changed_at, resolved_at, resolved_by, resolution)
			VALUES (%[1]d, 'd %[1]d', '', '', 0, '', '%[1]d', 1, '', 0, 'open', '%[2]s', 0, 0, 0, '', '')`, no, finding))
		do(db, fmt.Sprintf(`INSERT INTO discrepancy_debts (no) VALUES (%d)`, no))
	}
	items, err := s.Owing(t.Context(), journal.OwesAlert, 10)
	require.Error(t, err)
	if assert.Len(t, items, 1) {
		assert.Equal(t, "item 0", items[0].ID)
	}
	found, err := s.Unalerted(t.Context(), "acme", 10)
	require.Error(t, err)
	if assert.Len(t, found, 1) {
		assert.Equal(t, "d 0", found[0].ID)
	}
}
