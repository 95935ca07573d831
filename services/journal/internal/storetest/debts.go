package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func owing(t *testing.T, s app.Store, debt journal.Debt) []string {
	t.Helper()
	items, err := s.Owing(t.Context(), debt, 100)
	require.NoError(t, err)
	ids := []string{}
	for _, q := range items {
		assert.Empty(t, q.CloudEvent, "a list does not carry the events")
		ids = append(ids, q.ID)
	}
	return ids
}

func unalerted(t *testing.T, s app.Store, tenant string) []string {
	t.Helper()
	found, err := s.Unalerted(t.Context(), tenant, 100)
	require.NoError(t, err)
	ids := []string{}
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	return ids
}

func resolve(t *testing.T, s app.Store, id string, r app.Resolution) {
	t.Helper()
	closed, err := s.Resolve(t.Context(), id, r)
	require.NoError(t, err)
	require.True(t, closed)
}

var debtCases = map[string]func(t *testing.T, s app.Store){
	"what is alarming owes an alert until it is paid, once": func(t *testing.T, s app.Store) {
		put(t, s, item("2", "acme", journal.Poison, 2), item("1", "acme", journal.ContentChanged, 1), item("3", "acme", journal.Undecodable, 3), item("4", "", journal.WrongPublisher, 0))
		assert.Equal(t, []string{"2", "1", "4"}, owing(t, s, journal.OwesAlert), "oldest first")
		items, err := s.Owing(t.Context(), journal.OwesAlert, 1)
		require.NoError(t, err)
		require.Len(t, items, 1)
		assert.Equal(t, []any{"acme", journal.Poison, "00-trace", streamOf("acme")}, []any{items[0].TenantID, items[0].Reason, items[0].TraceParent, items[0].Stream})
		require.NoError(t, s.Paid(t.Context(), journal.OwesStatus, []string{"2"}))
		require.NoError(t, s.Paid(t.Context(), journal.OwesAlert, []string{"2", "4", "nothing"}))
		require.NoError(t, s.Paid(t.Context(), journal.OwesAlert, nil))
		assert.Equal(t, []string{"1"}, owing(t, s, journal.OwesAlert))
		put(t, s, item("2", "acme", journal.Poison, 2))
		assert.Equal(t, []string{"1"}, owing(t, s, journal.OwesAlert), "the same again owes nothing")
	},
	"what becomes alarming, and what is alarming again after its replay, owes an alert": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.UnknownTenant, 1), item("2", "acme", journal.Poison, 2), item("3", "acme", journal.Poison, 3))
		require.NoError(t, s.Paid(t.Context(), journal.OwesAlert, []string{"2", "3"}))
		put(t, s, item("1", "acme", journal.ContentChanged, 1))
		assert.Equal(t, []string{"1"}, owing(t, s, journal.OwesAlert))
		resolve(t, s, "2", done)
		resolve(t, s, "3", gone)
		put(t, s, item("2", "acme", journal.Poison, 2), item("3", "acme", journal.Poison, 3))
		assert.Equal(t, []string{"1", "2"}, owing(t, s, journal.OwesAlert), "what was discarded stays so")
	},
	"what is closed owes no alert, and its publisher word if the resolution says so": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.Poison, 1), item("2", "acme", journal.Undecodable, 2), item("3", "acme", journal.Poison, 3))
		told := gone
		told.Owes = journal.OwesStatus
		resolve(t, s, "1", told)
		resolve(t, s, "2", told)
		resolve(t, s, "3", gone)
		assert.Empty(t, owing(t, s, journal.OwesAlert))
		assert.Equal(t, []string{"1", "2"}, owing(t, s, journal.OwesStatus))
		closed, err := s.Resolve(t.Context(), "3", told)
		require.NoError(t, err)
		assert.False(t, closed)
		assert.Equal(t, []string{"1", "2"}, owing(t, s, journal.OwesStatus), "what was closed already owes nothing new")
		require.NoError(t, s.Paid(t.Context(), journal.OwesStatus, []string{"1"}))
		assert.Equal(t, []string{"2"}, owing(t, s, journal.OwesStatus))
	},
	"a discrepancy of money owes an alert while it is open": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		till := tilltest.New("acme", "s1", 1)
		stream := identity.TerminalStream(till.Terminal)
		commit(t, s, "acme", till.Sale("1"))
		wrong := func(key, detail string) *journal.Finding {
			return &journal.Finding{Kind: journal.TotalsDiffer, Key: key, BusinessDate: "20260329", Detail: detail}
		}
		opened := settle(t, s, stream, 1, time.Time{}, gap(2), wrong("a", "one"))
		require.Len(t, opened, 2)
		first := unalerted(t, s, "acme")
		require.Len(t, first, 1, "a gap is no matter of money")
		settle(t, s, stream, 1, time.Time{}, wrong("a", "two"))
		assert.Equal(t, first, unalerted(t, s, "acme"), "changed, and nobody was told yet")
		require.NoError(t, s.Alerted(t.Context(), "acme", append(first, "nothing")))
		settle(t, s, stream, 1, time.Time{}, wrong("a", "three"))
		assert.Empty(t, unalerted(t, s, "acme"), "they know of it")

		second := settle(t, s, stream, 1, time.Time{}, wrong("b", "one"))[0].ID
		third := settle(t, s, stream, 1, time.Time{}, wrong("c", "one"))[0].ID
		assert.Equal(t, []string{second, third}, unalerted(t, s, "acme"))
		found, err := s.Unalerted(t.Context(), "acme", 1)
		require.NoError(t, err)
		require.Len(t, found, 1)
		assert.Equal(t, []any{stream, journal.TotalsDiffer, "one"}, []any{found[0].Stream, found[0].Kind, found[0].Detail})
		_, err = s.Accept(t.Context(), "acme", second, "ann", "x", at)
		require.NoError(t, err)
		assert.Equal(t, []string{third}, unalerted(t, s, "acme"), "whoever accepts it knows of it")
		saved, err := s.Examination(t.Context(), stream)
		require.NoError(t, err)
		_, err = s.Settle(t.Context(), &app.Settlement{Stream: stream, Turn: saved.Turn, Seq: 1, State: []byte("{}"), Now: at.Add(time.Minute),
			Findings: map[journal.FindingKey]*journal.Finding{{Kind: journal.TotalsDiffer, Key: "c"}: nil}})
		require.NoError(t, err)
		assert.Empty(t, unalerted(t, s, "acme"), "it was put right")
		assert.Empty(t, unalerted(t, s, "bolt"))
		_, err = s.Unalerted(t.Context(), "nobody", 1)
		assert.ErrorIs(t, err, app.ErrUnknownTenant)
		assert.ErrorIs(t, s.Alerted(t.Context(), "nobody", []string{"x"}), app.ErrUnknownTenant)
	},
}
