package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// at is when everything is examined here.
var at = tilltest.Start.Add(time.Hour)

// settle saves an examination of a stream as the examiner would.
func settle(t *testing.T, s app.Store, stream identity.Stream, seq uint64, due time.Time, findings ...*journal.Finding) []*journal.Discrepancy {
	t.Helper()
	saved, err := s.Examination(t.Context(), stream)
	require.NoError(t, err)
	st := &app.Settlement{Stream: stream, Turn: saved.Turn, Seq: seq, State: []byte(`{"seq":1}`), Due: due, Now: at, Findings: map[journal.FindingKey]*journal.Finding{}}
	for _, f := range findings {
		st.Findings[journal.FindingKey{Kind: f.Kind, Key: f.Key}] = f
	}
	changed, err := s.Settle(t.Context(), st)
	require.NoError(t, err)
	return changed
}

func gap(numbers ...uint64) *journal.Finding {
	return &journal.Finding{Kind: journal.SequenceGap, Key: "cart", BusinessDate: "20260329", Detail: "som'e\x00thing", Producer: "cart", Numbers: sequence.Of(numbers...)}
}

var examinerCases = map[string]func(t *testing.T, s app.Store){
	"a stream is behind its examination until all of its links were looked at": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		one, two, tenant := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s2", 2), tilltest.NewTenant("acme")
		unexamined := func(now time.Time) []identity.Stream {
			streams, err := s.Unexamined(t.Context(), "acme", now)
			require.NoError(t, err)
			return streams
		}
		assert.Empty(t, unexamined(at))
		commit(t, s, "acme", one.Sale("1"), one.Sale("2"), two.Open(), tenant.Snapshot(1))
		till, other, own := identity.TerminalStream(one.Terminal), identity.TerminalStream(two.Terminal), identity.TenantStream("acme")
		assert.Equal(t, []identity.Stream{own, till, other}, unexamined(at))
		settle(t, s, own, 1, time.Time{})
		settle(t, s, till, 1, time.Time{})
		settle(t, s, other, 1, at.Add(time.Minute))
		assert.Equal(t, []identity.Stream{till}, unexamined(at))
		settle(t, s, till, 2, time.Time{})
		assert.Empty(t, unexamined(at))
		assert.Equal(t, []identity.Stream{other}, unexamined(at.Add(time.Minute)), "and when it is due")
		commit(t, s, "acme", one.Sale("3"))
		assert.Equal(t, []identity.Stream{till}, unexamined(at))
	},
	"links are read in the order of the chain, with what is looked at": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		signed := till.Business("", event.SignedIn{TerminalID: till.Terminal.ID(), StaffID: "s01"})
		events := []event.Event{till.Sale("1"), till.Cash("2"), till.Open(), till.Business("c", event.OrderSubtotalled{OrderID: "c"}), signed, till.TerminalSnapshot(1, "key")}
		commit(t, s, "acme", events...)
		commit(t, s, "acme", tilltest.New("acme", "s1", 2).Sale("1"))
		stream := identity.TerminalStream(till.Terminal)
		links, err := s.Behind(t.Context(), stream, 0, 100)
		require.NoError(t, err)
		require.Len(t, links, len(events))
		for i, l := range links {
			h := events[i].Head()
			assert.Equal(t, uint64(i+1), l.Seq)
			assert.Equal(t, []any{h.EventID, events[i].Topic(), h.Producer, h.Sequence}, []any{l.EventID, l.Topic, l.Producer, l.Sequence})
			if i == 3 {
				assert.Empty(t, l.Content, "of most business events only the number matters")
				continue
			}
			assert.Equal(t, string(tilltest.Record(t, events[i]).Content), string(l.Content))
		}
		links, err = s.Behind(t.Context(), stream, 2, 2)
		require.NoError(t, err)
		require.Len(t, links, 2)
		assert.Equal(t, uint64(3), links[0].Seq)
		links, err = s.Behind(t.Context(), identity.TenantStream("acme"), 0, 10)
		require.NoError(t, err)
		assert.Empty(t, links)
	},
	"the uses of receipt numbers are found within terminal and business date": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till, other := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
		a, b, c, far := till.Sale("1"), till.Sale("2"), till.Sale("3"), other.Sale("4")
		b.ReceiptNo, far.ReceiptNo = a.ReceiptNo, a.ReceiptNo
		c.ReceiptNo, c.BusinessDate = a.ReceiptNo, "20260330"
		d := till.Sale("5")
		commit(t, s, "acme", a, far, c, till.Cash("1"), b, d)
		uses, err := s.Receipts(t.Context(), till.Terminal, "20260329", []int64{a.ReceiptNo, d.ReceiptNo, 999})
		require.NoError(t, err)
		assert.ElementsMatch(t, []journal.ReceiptUse{{ReceiptNo: a.ReceiptNo, EventID: a.EventID, Seq: 1}, {ReceiptNo: a.ReceiptNo, EventID: b.EventID, Seq: 4}, {ReceiptNo: d.ReceiptNo, EventID: d.EventID, Seq: 5}}, uses)
		uses, err = s.Receipts(t.Context(), till.Terminal, "20260329", nil)
		require.NoError(t, err)
		assert.Empty(t, uses)
	},
	"an examination is saved with what it found, and only on what was read": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		stream := identity.TerminalStream(till.Terminal)
		saved, err := s.Examination(t.Context(), stream)
		require.NoError(t, err)
		assert.Equal(t, app.Saved{}, saved)
		commit(t, s, "acme", till.Sale("1"))
		opened := settle(t, s, stream, 1, time.Time{}, gap(2, 3))
		require.Len(t, opened, 1)
		saved, err = s.Examination(t.Context(), stream)
		require.NoError(t, err)
		assert.JSONEq(t, `{"seq":1}`, string(saved.State))
		assert.Equal(t, opened, saved.Open)

		stale := &app.Settlement{Stream: stream, Turn: saved.Turn - 1, Seq: 1, State: []byte("{}"), Now: at,
			Findings: map[journal.FindingKey]*journal.Finding{{Kind: journal.SequenceGap, Key: "terminal"}: gap(9)}}
		_, err = s.Settle(t.Context(), stale)
		require.ErrorIs(t, err, app.ErrMoved)
		_, total, err := s.Discrepancies(t.Context(), "acme", app.DiscrepancyQuery{Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, 1, total, "nothing of it was kept")
	},
	"of examinations at the same time one is saved": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		commit(t, s, "acme", till.Sale("1"))
		for turn := range int64(3) {
			var all sync.WaitGroup
			var mu sync.Mutex
			saved := 0
			for range 4 {
				all.Go(func() {
					_, err := s.Settle(context.Background(), &app.Settlement{Stream: identity.TerminalStream(till.Terminal), Turn: turn, Seq: 1, State: []byte("{}"), Now: at,
						Findings: map[journal.FindingKey]*journal.Finding{{Kind: journal.SequenceGap, Key: "cart"}: gap(uint64(turn) + 2)}})
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						saved++
						return
					}
					assert.ErrorIs(t, err, app.ErrMoved)
				})
			}
			all.Wait()
			assert.Equal(t, 1, saved)
		}
	},
	"a discrepancy is opened, changed, closed, and opened again as another one": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		stream := identity.TerminalStream(till.Terminal)
		commit(t, s, "acme", till.Sale("1"))
		first := settle(t, s, stream, 1, time.Time{}, gap(2, 3))[0]
		assert.Empty(t, settle(t, s, stream, 1, time.Time{}, gap(2, 3)), "the same again is no change")
		assert.Equal(t, first.ID, settle(t, s, stream, 1, time.Time{}, gap(3))[0].ID)
		got, err := s.Discrepancy(t.Context(), "acme", first.ID)
		require.NoError(t, err)
		assert.Equal(t, *gap(3), got.Finding)
		assert.Equal(t, stream, got.Stream)
		assert.Equal(t, at, got.OpenedAt)

		saved, err := s.Examination(t.Context(), stream)
		require.NoError(t, err)
		none := map[journal.FindingKey]*journal.Finding{{Kind: journal.SequenceGap, Key: "cart"}: nil, {Kind: journal.UnknownStaff, Key: "x"}: nil}
		changed, err := s.Settle(t.Context(), &app.Settlement{Stream: stream, Turn: saved.Turn, Seq: 1, State: []byte("{}"), Now: at.Add(time.Minute), Findings: none})
		require.NoError(t, err)
		require.Len(t, changed, 1)
		got, err = s.Discrepancy(t.Context(), "acme", first.ID)
		require.NoError(t, err)
		assert.Equal(t, changed[0], got)
		assert.Equal(t, journal.DiscrepancyClosed, got.State)
		assert.Equal(t, at.Add(time.Minute), got.ResolvedAt)
		done, err := s.Accept(t.Context(), "acme", first.ID, "ann", "late", at)
		require.NoError(t, err)
		assert.False(t, done)

		second := settle(t, s, stream, 1, time.Time{}, gap(3))[0]
		assert.NotEqual(t, first.ID, second.ID)
		assert.Equal(t, 2, second.Occurrence)
		done, err = s.Accept(t.Context(), "acme", second.ID, "ann", "the till was stolen", at.Add(time.Hour))
		require.NoError(t, err)
		assert.True(t, done)
		got, err = s.Discrepancy(t.Context(), "acme", second.ID)
		require.NoError(t, err)
		assert.Equal(t, journal.DiscrepancyAccepted, got.State)
		assert.Equal(t, []string{"ann", "the till was stolen"}, []string{got.ResolvedBy, got.Resolution})
		assert.Empty(t, settle(t, s, stream, 1, time.Time{}, gap(3)), "what is accepted stays so")
		assert.Equal(t, 3, settle(t, s, stream, 1, time.Time{}, gap(3, 5))[0].Occurrence)
		_, err = s.Discrepancy(t.Context(), "acme", "nothing")
		assert.ErrorIs(t, err, app.ErrNotFound)
		done, err = s.Accept(t.Context(), "acme", "nothing", "ann", "x", at)
		require.NoError(t, err)
		assert.False(t, done)
	},
	"discrepancies are listed by what is asked for, newest first": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		ids := map[string]string{}
		for i, no := range []int{1, 2} {
			till := tilltest.New("acme", "s1", no)
			commit(t, s, "acme", till.Sale("1"))
			f := gap(uint64(i) + 2)
			f.OpenCounter = no
			ids["gap"+till.Terminal.ID()] = settle(t, s, identity.TerminalStream(till.Terminal), 1, time.Time{}, f)[0].ID
		}
		far := tilltest.New("acme", "s2", 1)
		commit(t, s, "acme", far.Sale("1"))
		staff := &journal.Finding{Kind: journal.UnknownStaff, Key: "s09", BusinessDate: "20260330", Events: []string{"e"}}
		ids["staff"] = settle(t, s, identity.TerminalStream(far.Terminal), 1, time.Time{}, staff)[0].ID
		_, err := s.Accept(t.Context(), "acme", ids["gapacme-s1-1"], "ann", "x", at)
		require.NoError(t, err)
		for i, c := range []struct {
			query app.DiscrepancyQuery
			want  []string
			total int
		}{
			{app.DiscrepancyQuery{Limit: 10}, []string{"staff", "gapacme-s1-2", "gapacme-s1-1"}, 3},
			{app.DiscrepancyQuery{Limit: 1, Skip: 1}, []string{"gapacme-s1-2"}, 3},
			{app.DiscrepancyQuery{StoreCode: "s1", Limit: 10}, []string{"gapacme-s1-2", "gapacme-s1-1"}, 2},
			{app.DiscrepancyQuery{StoreCode: "s1", TerminalNo: 1, Limit: 10}, []string{"gapacme-s1-1"}, 1},
			{app.DiscrepancyQuery{State: journal.DiscrepancyOpen, Limit: 10}, []string{"staff", "gapacme-s1-2"}, 2},
			{app.DiscrepancyQuery{Kind: journal.UnknownStaff, Limit: 10}, []string{"staff"}, 1},
			{app.DiscrepancyQuery{BusinessDate: "20260329", Limit: 10}, []string{"gapacme-s1-2", "gapacme-s1-1"}, 2},
			{app.DiscrepancyQuery{Session: 2, Limit: 10}, []string{"staff", "gapacme-s1-2"}, 2},
			{app.DiscrepancyQuery{Session: 3, Limit: 10}, []string{"staff"}, 1},
			{app.DiscrepancyQuery{BusinessDate: "'; --", Limit: 10}, nil, 0},
		} {
			t.Run(name(i), func(t *testing.T) {
				items, total, err := s.Discrepancies(t.Context(), "acme", c.query)
				require.NoError(t, err)
				assert.Equal(t, c.total, total)
				var want, got []string
				for _, w := range c.want {
					want = append(want, ids[w])
				}
				for _, d := range items {
					got = append(got, d.ID)
				}
				assert.Equal(t, want, got)
			})
		}
		open, err := s.OpenDiscrepancies(t.Context(), "acme")
		require.NoError(t, err)
		assert.Equal(t, map[journal.Kind]int{journal.SequenceGap: 1, journal.UnknownStaff: 1}, open)
		open, err = s.OpenDiscrepancies(t.Context(), "bolt")
		require.NoError(t, err)
		assert.Empty(t, open)
	},
}
