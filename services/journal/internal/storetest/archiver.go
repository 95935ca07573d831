package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Archiver is an archiver of two parts: the store of the service, with the service's rights, and the side of
// the archiver with its own.
type Archiver struct {
	app.Store
	Side app.Archiver
}

// ArchiveLease and the others are the archiver's own.
func (a Archiver) ArchiveLease(ctx context.Context, tenant, holder string, life time.Duration) (bool, error) {
	return a.Side.ArchiveLease(ctx, tenant, holder, life)
}

// Archivable implements app.Archiver.
func (a Archiver) Archivable(ctx context.Context, tenant, before string, after journal.StoreDay, limit int) ([]journal.StoreDay, error) {
	return a.Side.Archivable(ctx, tenant, before, after, limit)
}

// Day implements app.Archiver.
func (a Archiver) Day(ctx context.Context, tenant string, day journal.StoreDay) (*journal.Day, error) {
	return a.Side.Day(ctx, tenant, day)
}

// Bodies implements app.Archiver.
func (a Archiver) Bodies(ctx context.Context, tenant string, indexes []uint64, visit func(uint64, *journal.Stored) error) error {
	return a.Side.Bodies(ctx, tenant, indexes, visit)
}

// Register implements app.Archiver.
func (a Archiver) Register(ctx context.Context, tenant string, s *app.Segment) error {
	return a.Side.Register(ctx, tenant, s)
}

// Remove implements app.Archiver.
func (a Archiver) Remove(ctx context.Context, tenant, name string) (int, error) {
	return a.Side.Remove(ctx, tenant, name)
}

// Purge implements app.Archiver.
func (a Archiver) Purge(ctx context.Context, tenant, name string, p app.Purge) error {
	return a.Side.Purge(ctx, tenant, name, p)
}

// Erased implements app.Archiver.
func (a Archiver) Erased(ctx context.Context, tenant, name string, at time.Time) error {
	return a.Side.Erased(ctx, tenant, name, at)
}

// NoteRun implements app.Archiver.
func (a Archiver) NoteRun(ctx context.Context, tenant string, r *app.ArchiveRun) error {
	return a.Side.NoteRun(ctx, tenant, r)
}

// RunArchiver holds archivers to their contract. open gives one on an empty store.
func RunArchiver(t *testing.T, open func(t *testing.T) app.Archiver) {
	for name, test := range archiverCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// The days of the tests: a business date of a shop that is long past, and one that is newer.
const (
	oldDay = "20260105"
	newDay = "20260328"
)

var archiverCases = map[string]func(t *testing.T, a app.Archiver){
	"days that have anything live are listed, the oldest first": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		for _, at := range []struct {
			store, date string
			no          int
		}{{"s1", "20260103", 1}, {"s1", "20260102", 2}, {"s2", "20260102", 1}, {"s1", "20260201", 1}, {"s2", "20260330", 1}} {
			till := tilltest.New("acme", at.store, at.no).Named(at.date)
			till.BusinessDate = at.date
			commit(t, a, "acme", till.Sale("1"))
		}
		till := tilltest.New("acme", "s1", 3)
		till.Now = time.Date(2026, 1, 4, 23, 59, 0, 0, time.UTC)
		commit(t, a, "acme", till.Business("c", event.OrderSubtotalled{}), tilltest.NewTenant("acme").StoreSnapshot("s1", "UTC", 1))
		want := []journal.StoreDay{{StoreCode: "s1", BusinessDate: "20260102"}, {StoreCode: "s2", BusinessDate: "20260102"},
			{StoreCode: "s1", BusinessDate: "20260103"}, {StoreCode: "s1", BusinessDate: "20260104"}, {StoreCode: "s1", BusinessDate: "20260201"}}
		for _, limit := range []int{1, 2, 10} {
			var got []journal.StoreDay
			for after := (journal.StoreDay{}); ; after = got[len(got)-1] {
				days, err := a.Archivable(t.Context(), "acme", "20260301", after, limit)
				require.NoError(t, err)
				assert.LessOrEqual(t, len(days), limit)
				if got = append(got, days...); len(days) == 0 {
					break
				}
			}
			assert.Equal(t, want, got, "%d at a time", limit)
		}
	},
	"a day is what is live of it, in the order of the log": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		events := days(t, a)
		day, err := a.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: oldDay})
		require.NoError(t, err)
		assert.Equal(t, len(events), day.Unlogged, "nothing is in the log yet")
		assert.Equal(t, len(events), day.Unexamined)
		assert.Empty(t, day.Links)
		extend(t, a)
		examineAll(t, a)
		day, err = a.Day(t.Context(), "acme", day.StoreDay)
		require.NoError(t, err)
		assert.Zero(t, day.Unlogged)
		assert.Zero(t, day.Unexamined)
		var ids []string
		for i, l := range day.Links {
			ids = append(ids, l.EventID)
			leaf, err := a.LeafOf(t.Context(), "acme", l.EventID)
			require.NoError(t, err)
			assert.Equal(t, leaf.Index, l.Index)
			assert.Equal(t, leaf.Stream, l.Stream)
			assert.Equal(t, leaf.Seq, l.Seq)
			assert.True(t, i == 0 || l.Index > day.Links[i-1].Index)
		}
		assert.ElementsMatch(t, events, ids)
		var got []string
		var indexes []uint64
		for _, l := range day.Links {
			indexes = append(indexes, l.Index)
		}
		require.NoError(t, a.Bodies(t.Context(), "acme", indexes, func(i uint64, s *journal.Stored) error {
			assert.Equal(t, indexes[len(got)], i)
			assert.Equal(t, journal.HashOf(s.Content), s.ContentHash)
			got = append(got, s.EventID)
			return nil
		}))
		assert.Equal(t, ids, got)
		require.ErrorIs(t, a.Bodies(t.Context(), "acme", []uint64{9999}, func(uint64, *journal.Stored) error { return nil }), app.ErrDamaged)
		enough := fmt.Errorf("enough")
		require.ErrorIs(t, a.Bodies(t.Context(), "acme", indexes, func(uint64, *journal.Stored) error { return enough }), enough)
	},
	"only what a registered segment has is removed, and all the rest stays": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		events := days(t, a)
		day, s := segmentOf(t, a, 1)
		_, err := a.Remove(t.Context(), "acme", s.Name())
		require.ErrorIs(t, err, app.ErrNotFound, "it is not registered")
		before := everything(t, a)
		require.NoError(t, a.Register(t.Context(), "acme", s))
		assert.Equal(t, before, everything(t, a), "to register removes nothing")
		n, err := a.Remove(t.Context(), "acme", s.Name())
		require.NoError(t, err)
		assert.Equal(t, len(events), n)
		for range 2 {
			n, err = a.Remove(t.Context(), "acme", s.Name())
			require.NoError(t, err)
			assert.Zero(t, n)
		}
		gone := 0
		after := everything(t, a)
		require.Len(t, after, len(before))
		for i, l := range after {
			if slices.Contains(events, l.EventID) {
				gone++
				assert.True(t, l.Archived)
				assert.Empty(t, l.Content)
				assert.Nil(t, l.Entry)
				assert.Equal(t, before[i].Link, l.Link)
				continue
			}
			assert.Equal(t, before[i], l, "what belongs to other days and stores stays")
		}
		assert.Equal(t, len(events), gone)
		again, err := a.Day(t.Context(), "acme", day.StoreDay)
		require.NoError(t, err)
		assert.Empty(t, again.Links)
		left, err := a.Archivable(t.Context(), "acme", "20260110", journal.StoreDay{}, 10)
		require.NoError(t, err)
		assert.Equal(t, []journal.StoreDay{{StoreCode: "s2", BusinessDate: oldDay}}, left)
	},
	"what is archived is found live by nothing, and its repeat is one": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		events := days(t, a)
		keyword := journal.Query{Keywords: journal.Keywords("おにぎり"), Limit: 100}
		before, err := a.Search(t.Context(), "acme", keyword)
		require.NoError(t, err)
		_, s := segmentOf(t, a, 1)
		moved := 0
		require.NoError(t, a.Register(t.Context(), "acme", s))
		_, err = a.Remove(t.Context(), "acme", s.Name())
		require.NoError(t, err)
		for _, id := range events {
			_, err := a.Entry(t.Context(), "acme", id)
			require.ErrorIs(t, err, app.ErrNotFound)
			_, err = a.LeafOf(t.Context(), "acme", id)
			require.NoError(t, err, "it is still in the log")
		}
		known, err := a.Known(t.Context(), "acme", events)
		require.NoError(t, err)
		assert.Len(t, known, len(events))
		till := oldTill("s1", 1)
		assert.Equal(t, []app.Outcome{app.Repeat}, commit(t, a, "acme", till.Open()), "the first event of the till, once more")
		after, err := a.Search(t.Context(), "acme", keyword)
		require.NoError(t, err)
		for _, l := range before.Items {
			if slices.Contains(events, l.EventID) {
				moved++
			}
		}
		assert.Equal(t, 2, moved)
		assert.Equal(t, len(before.Items)-moved, len(after.Items))
		assert.Equal(t, len(after.Items), after.Total)
		assert.False(t, after.TotalIsLowerBound)
		links, err := a.Behind(t.Context(), identity.TerminalStream(till.Terminal), 0, 100)
		require.NoError(t, err)
		for _, l := range links {
			if journal.Examines(l.Topic, "") { // of business events little is looked at
				assert.Equal(t, slices.Contains(events, l.EventID), l.Archived, l.EventID)
				assert.Equal(t, l.Archived, len(l.Content) == 0)
			}
		}
		// New entries are found by the same words afterwards.
		fresh := tilltest.New("acme", "s1", 1).Named("fresh")
		fresh.Now = fresh.Now.Add(time.Hour)
		commit(t, a, "acme", fresh.Sale("77"))
		after, err = a.Search(t.Context(), "acme", keyword)
		require.NoError(t, err)
		assert.Equal(t, len(before.Items)-moved+1, len(after.Items))
	},
	"a late event of an archived day makes a part of its own": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		days(t, a)
		_, s := segmentOf(t, a, 1)
		require.NoError(t, a.Register(t.Context(), "acme", s))
		_, err := a.Remove(t.Context(), "acme", s.Name())
		require.NoError(t, err)
		late := oldTill("s1", 1).Named("late")
		sale := late.Sale("99")
		commit(t, a, "acme", sale)
		left, err := a.Archivable(t.Context(), "acme", "20260110", journal.StoreDay{}, 10)
		require.NoError(t, err)
		assert.Contains(t, left, journal.StoreDay{StoreCode: "s1", BusinessDate: oldDay})
		day, second := segmentOf(t, a, 2)
		require.Len(t, day.Links, 1)
		assert.Equal(t, sale.EventID, day.Links[0].EventID)
		require.NoError(t, a.Register(t.Context(), "acme", second))
		n, err := a.Remove(t.Context(), "acme", second.Name())
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		of, err := a.SegmentAt(t.Context(), "acme", day.Links[0].Stream, day.Links[0].Seq)
		require.NoError(t, err)
		assert.Equal(t, 2, of.Part)
	},
	"no two segments have a name or a link in common": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		days(t, a)
		_, s := segmentOf(t, a, 1)
		require.NoError(t, a.Register(t.Context(), "acme", s))
		require.ErrorIs(t, a.Register(t.Context(), "acme", s), app.ErrMoved, "its name")
		for _, p := range []journal.Part{
			s.Parts[0], {Stream: s.Parts[0].Stream, First: s.Parts[0].Last, Last: s.Parts[0].Last}, {Stream: s.Parts[0].Stream, First: s.Parts[0].First, Last: s.Parts[0].Last + 1},
		} {
			other := *s
			other.Part, other.Parts = 2, []journal.Part{p}
			require.ErrorIs(t, a.Register(t.Context(), "acme", &other), app.ErrMoved, "%+v", p)
		}
		other := *s
		other.Part, other.Parts = 2, []journal.Part{{Stream: s.Parts[0].Stream, First: 1 << 40, Last: 1 << 40}}
		require.ErrorIs(t, a.Register(t.Context(), "acme", &other), app.ErrDamaged, "the chain is not that long")
		other.Parts = []journal.Part{{Stream: "acme-s9-9", First: 1, Last: 1}}
		require.ErrorIs(t, a.Register(t.Context(), "acme", &other), app.ErrDamaged)
		found, err := a.Segments(t.Context(), "acme", app.SegmentQuery{})
		require.NoError(t, err)
		require.Len(t, found, 1, "what was refused is not there in part either")
		assert.Equal(t, s.Manifest, found[0].Manifest)
		assert.Equal(t, s.Parts, found[0].Parts)
	},
	"segments are found by what they hold": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		days(t, a)
		_, s := segmentOf(t, a, 1)
		require.NoError(t, a.Register(t.Context(), "acme", s))
		for _, l := range everything(t, a) {
			inside := slices.ContainsFunc(s.Parts, func(p journal.Part) bool { return p.Stream == l.Stream && p.First <= l.Seq && l.Seq <= p.Last })
			found, err := a.SegmentAt(t.Context(), "acme", l.Stream, l.Seq)
			if !inside {
				require.ErrorIs(t, err, app.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, s.Name(), found.Name())
		}
		_, err := a.SegmentAt(t.Context(), "acme", "nobody", 1)
		require.ErrorIs(t, err, app.ErrNotFound)
	},
	"segments are listed in order, by every filter": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme", "bolt")
		var all []string
		for _, date := range []string{"20260101", "20260102", "20260103"} {
			for _, store := range []string{"s1", "s2"} {
				s := made(store, date, 1)
				require.NoError(t, a.Register(t.Context(), "acme", s))
				all = append(all, s.Name())
			}
		}
		names := func(q app.SegmentQuery) (out []string) {
			found, err := a.Segments(t.Context(), "acme", q)
			require.NoError(t, err)
			for _, s := range found {
				out = append(out, s.Name())
			}
			return out
		}
		reversed := slices.Clone(all)
		slices.Reverse(reversed)
		day := func(d string) *string { return &d }
		for _, c := range []struct {
			q    app.SegmentQuery
			want []string
		}{
			{app.SegmentQuery{}, all},
			{app.SegmentQuery{Newest: true}, reversed},
			{app.SegmentQuery{StoreCode: "s2"}, []string{all[1], all[3], all[5]}},
			{app.SegmentQuery{Date: journal.Span[string]{From: day("20260102")}}, all[2:]},
			{app.SegmentQuery{Date: journal.Span[string]{From: day("20260102"), To: day("20260102")}, StoreCode: "s1"}, all[2:3]},
			{app.SegmentQuery{Name: all[4]}, all[4:5]},
			{app.SegmentQuery{After: all[2]}, all[3:]},
			{app.SegmentQuery{After: all[2], Newest: true, Limit: 1}, all[1:2]},
			{app.SegmentQuery{Limit: 2}, all[:2]},
			{app.SegmentQuery{Remaining: true}, all},
			{app.SegmentQuery{Erasing: true}, nil},
		} {
			assert.Equal(t, c.want, names(c.q), "%+v", c.q)
		}
		_, err := a.Segments(t.Context(), "acme", app.SegmentQuery{After: "t/acme/s1/1999-01-01.1.seg"})
		require.ErrorIs(t, err, app.ErrNotFound)
		_, err = a.Remove(t.Context(), "acme", all[0])
		require.NoError(t, err)
		assert.Equal(t, all[1:], names(app.SegmentQuery{Remaining: true}))
		of, err := a.Segments(t.Context(), "bolt", app.SegmentQuery{})
		require.NoError(t, err)
		assert.Empty(t, of)
	},
	"nothing is purged before its time, and holds only make it later": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		s, ever := made("s1", "20260101", 1), made("s1", "20260102", 1)
		s.KeepUntil = "20270101"
		require.NoError(t, a.Register(t.Context(), "acme", s))
		require.NoError(t, a.Register(t.Context(), "acme", ever))
		on := func(day string) app.Purge {
			at, err := time.Parse("20060102", day)
			require.NoError(t, err)
			return app.Purge{By: "ann", Why: "its time is up", At: at, SHA256: s.SHA256}
		}
		hold := func(until string) error {
			return a.Hold(t.Context(), "acme", s.Name(), app.Hold{Until: until, By: "ann", Why: "court", At: time.Now()})
		}
		ended := func(before string) int {
			found, err := a.Segments(t.Context(), "acme", app.SegmentQuery{Ended: before})
			require.NoError(t, err)
			return len(found)
		}
		require.ErrorIs(t, a.Purge(t.Context(), "acme", s.Name(), on("20280101")), app.ErrRefused, "its originals may be there")
		for _, of := range []*app.Segment{s, ever} {
			_, err := a.Remove(t.Context(), "acme", of.Name())
			require.NoError(t, err)
		}
		require.ErrorIs(t, a.Purge(t.Context(), "acme", s.Name(), on("20270101")), app.ErrRefused, "the last day counts")
		assert.Zero(t, ended("20270101"))
		assert.Equal(t, 1, ended("20270102"))
		require.ErrorIs(t, hold("20261231"), app.ErrRefused, "that is sooner")
		require.ErrorIs(t, hold("20270101"), app.ErrRefused)
		require.NoError(t, hold("20280630"))
		require.ErrorIs(t, hold("20280101"), app.ErrRefused)
		assert.Zero(t, ended("20270102"))
		require.ErrorIs(t, a.Purge(t.Context(), "acme", s.Name(), on("20270102")), app.ErrRefused)
		other := on("20280701")
		other.SHA256 = proof.Hash{1, 2, 3}
		require.ErrorIs(t, a.Purge(t.Context(), "acme", s.Name(), other), app.ErrRefused)
		require.NoError(t, a.Purge(t.Context(), "acme", s.Name(), on("20280701")))
		require.ErrorIs(t, a.Purge(t.Context(), "acme", s.Name(), on("20280701")), app.ErrMoved)
		require.ErrorIs(t, hold("20300101"), app.ErrRefused, "it is gone")
		require.ErrorIs(t, a.Purge(t.Context(), "acme", ever.Name(), on("29990101")), app.ErrRefused, "that is kept for ever")
		require.ErrorIs(t, a.Purge(t.Context(), "acme", "t/acme/s1/1999-01-01.1.seg", on("29990101")), app.ErrNotFound)
		require.ErrorIs(t, a.Hold(t.Context(), "acme", "t/acme/s1/1999-01-01.1.seg", app.Hold{}), app.ErrNotFound)
		erasing, err := a.Segments(t.Context(), "acme", app.SegmentQuery{Erasing: true})
		require.NoError(t, err)
		require.Len(t, erasing, 1)
		assert.Equal(t, "ann", erasing[0].Purge.By)
		assert.Equal(t, s.SHA256, erasing[0].Purge.SHA256)
		for range 2 {
			require.NoError(t, a.Erased(t.Context(), "acme", s.Name(), time.Now()))
		}
		require.ErrorIs(t, a.Erased(t.Context(), "acme", "other", time.Now()), app.ErrNotFound)
		erasing, err = a.Segments(t.Context(), "acme", app.SegmentQuery{Erasing: true})
		require.NoError(t, err)
		assert.Empty(t, erasing)
		all, err := a.Segments(t.Context(), "acme", app.SegmentQuery{})
		require.NoError(t, err)
		assert.Len(t, all, 2, "the catalogue keeps what was purged")
	},
	"the newest policy counts, and runs are listed the newest first": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme", "bolt")
		at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		first := journal.Retention{LiveDays: 30, At: "03:00", SetBy: "ann", SetAt: at}
		second := journal.Retention{LiveDays: 90, KeepDays: 3650, At: "04:30", SetBy: "bob", SetAt: at.Add(time.Hour)}
		require.NoError(t, a.SetRetention(t.Context(), "acme", first))
		require.NoError(t, a.SetRetention(t.Context(), "acme", second))
		got, err := a.Retentions(t.Context(), "acme", 10)
		require.NoError(t, err)
		assert.Equal(t, []journal.Retention{second, first}, got)
		got, err = a.Retentions(t.Context(), "bolt", 10)
		require.NoError(t, err)
		assert.Empty(t, got)
		_, err = a.Retentions(t.Context(), "nobody", 1)
		require.ErrorIs(t, err, app.ErrUnknownTenant)
		require.ErrorIs(t, a.SetRetention(t.Context(), "nobody", first), app.ErrUnknownTenant)
		for i := range 3 {
			require.NoError(t, a.NoteRun(t.Context(), "acme", &app.ArchiveRun{Started: at, Finished: at.Add(time.Duration(i) * time.Minute), By: "schedule", Held: []app.HeldDay{{StoreCode: "s1", BusinessDate: oldDay, Why: "why"}}}))
		}
		runs, err := a.ArchiveRuns(t.Context(), "acme", 2)
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, at.Add(2*time.Minute), runs[0].Finished)
		assert.Equal(t, []app.HeldDay{{StoreCode: "s1", BusinessDate: oldDay, Why: "why"}}, runs[0].Held)
	},
	"searches and walks see each event here or there while it is removed": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		for no := 1; no <= 8; no++ { // each till's are removed in a transaction of their own
			till := oldTill("s1", no)
			commit(t, a, "acme", till.Sale("1"), till.Sale("2"), till.Cash("3"), till.Business("c", event.OrderSubtotalled{}))
		}
		_, s := segmentOf(t, a, 1)
		require.NoError(t, a.Register(t.Context(), "acme", s))
		done := make(chan error)
		go func() {
			_, err := a.Remove(t.Context(), "acme", s.Name())
			done <- err
		}()
		for running := true; running; {
			select {
			case err := <-done:
				require.NoError(t, err)
				running = false
			default:
			}
			page, err := a.Search(t.Context(), "acme", journal.Query{Keywords: journal.Keywords("おにぎり"), Limit: 30})
			require.NoError(t, err)
			for _, l := range page.Items {
				assert.NotEmpty(t, l.JournalText)
			}
			for _, l := range everything(t, a) {
				require.Equal(t, l.Archived, len(l.Content) == 0, "an event is wholly here or wholly there")
				require.Equal(t, l.Archived || l.Topic == event.TopicEvents, l.Entry == nil)
			}
		}
		page, err := a.Search(t.Context(), "acme", journal.Query{Limit: 30})
		require.NoError(t, err)
		assert.Empty(t, page.Items)
	},
	"one archives at a time": func(t *testing.T, a app.Archiver) {
		provision(t, a, "acme")
		for range 2 {
			held, err := a.ArchiveLease(t.Context(), "acme", "a", time.Hour)
			require.NoError(t, err)
			assert.True(t, held)
		}
		_, err := a.ArchiveLease(t.Context(), "acme", "a", 0)
		require.NoError(t, err)
		held, err := a.ArchiveLease(t.Context(), "acme", "b", time.Hour)
		require.NoError(t, err)
		assert.True(t, held, "what was given back can be taken at once")
		_, err = a.ArchiveLease(t.Context(), "nobody", "a", time.Hour)
		require.ErrorIs(t, err, app.ErrUnknownTenant)
	},
}

// oldTill is a till on the old day.
func oldTill(store string, no int) *tilltest.Till {
	till := tilltest.New("acme", store, no)
	till.BusinessDate, till.Now = oldDay, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	return till
}

// days stores two shops' days and some more, and gives the events of the old day of store s1.
func days(t *testing.T, a app.Archiver) (ids []string) {
	t.Helper()
	for _, store := range []string{"s1", "s2"} {
		for no := 1; no <= 2; no++ {
			till := oldTill(store, no)
			open, sale, detail := till.Open(), till.Sale("1"), till.Business("c", event.OrderSubtotalled{})
			direct := till.Direct(journal.Sale, "5")
			closing := till.Close(1, 1, 0, "", "1")
			if store == "s2" || no == 2 {
				commit(t, a, "acme", open, sale, detail)
			} else {
				commit(t, a, "acme", open, sale, detail, direct, closing)
			}
			till.BusinessDate, till.Now = newDay, till.Now.AddDate(0, 2, 23)
			commit(t, a, "acme", till.Open(), till.Sale("2"), till.Cash("3"))
			if store == "s1" {
				ids = append(ids, open.EventID, sale.EventID, detail.EventID)
			}
			if store == "s1" && no == 1 {
				ids = append(ids, direct.EventID, closing.EventID)
			}
		}
	}
	commit(t, a, "acme", tilltest.NewTenant("acme").StoreSnapshot("s1", "UTC", 1))
	return ids
}

// segmentOf makes the segment of the old day of s1, as far as the catalogue is concerned.
func segmentOf(t *testing.T, a app.Archiver, part int) (*journal.Day, *app.Segment) {
	t.Helper()
	extend(t, a)
	day, err := a.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: oldDay})
	require.NoError(t, err)
	require.NotEmpty(t, day.Links)
	s := made("s1", oldDay, part)
	s.Parts = journal.PartsOf(day.Links)
	return day, s
}

// made is a segment that has no links.
func made(store, date string, part int) *app.Segment {
	return &app.Segment{
		Manifest: archive.Manifest{Header: archive.Header{Format: archive.Format, Version: 1, TenantID: "acme", StoreCode: store, BusinessDate: date, Part: part,
			WrittenAt: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}, Events: 1, SHA256: proof.Hash{byte(part), 7}},
		Parts: []journal.Part{}, RegisteredAt: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	}
}

// examineAll saves an examination to the end of every stream.
func examineAll(t *testing.T, s app.Store) {
	t.Helper()
	states, err := s.Streams(t.Context(), "acme")
	require.NoError(t, err)
	for _, st := range states {
		saved, err := s.Examination(t.Context(), st.Stream)
		require.NoError(t, err)
		_, err = s.Settle(t.Context(), &app.Settlement{Stream: st.Stream, Turn: saved.Turn, Seq: st.Seq, State: []byte("{}"), Now: time.Now()})
		require.NoError(t, err)
	}
}

// everything is all links of all chains. There are no strays.
func everything(t *testing.T, s app.Store) (out []*journal.Stored) {
	t.Helper()
	require.NoError(t, s.Walk(t.Context(), "acme", app.Walker{
		Stream: func(journal.StreamState) error { return nil },
		Link: func(l *journal.Stored) error { // it is valid during the call only
			kept := *l
			kept.Content = slices.Clone(l.Content)
			if l.Entry != nil {
				entry := *l.Entry
				kept.Entry = &entry
			}
			out = append(out, &kept)
			return nil
		},
		Stray: func(where, id string) error { t.Errorf("a stray in %s: %s", where, id); return nil },
	}))
	return out
}
