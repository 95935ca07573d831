package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// attic is a journal with an archive, whose past is long enough to be archived.
type attic struct {
	t         testing.TB
	store     app.Store
	archiver  app.Archiver
	blobs     archive.Blobs
	clock     *clockwork.FakeClock
	publicKey string
	app       *app.App
	registry  *prometheus.Registry
	f         *injector
}

// The day that is archived, and one that is too new for it.
const (
	pastDay   = "20260105"
	recentDay = "20260328"
)

// atticEngines make an empty journal, and the archiver's side of it.
func atticEngines(t *testing.T) map[string]func(t *testing.T) (app.Store, app.Archiver) {
	uri, engine := mongoURI(t)
	return map[string]func(t *testing.T) (app.Store, app.Archiver){
		"SQLite": func(t *testing.T) (app.Store, app.Archiver) {
			s, err := sqlitestore.Open(context.Background(), t.TempDir(), clockwork.NewRealClock())
			require.NoError(t, err)
			a := sqlitestore.NewArchiver(s)
			t.Cleanup(func() { require.NoError(t, errors.Join(a.Close(), s.Close())) })
			return s, a
		},
		engine: func(t *testing.T) (app.Store, app.Archiver) {
			cfg := mongostore.Config{
				URI: uri, AnyRights: true, Clock: clockwork.NewRealClock(), Namespace: fmt.Sprintf("a%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1)),
			}
			s, err := mongostore.Open(context.Background(), cfg)
			require.NoError(t, err)
			a, err := mongostore.NewArchiver(context.Background(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, errors.Join(a.Close(), s.Close())) })
			return s, a
		},
	}
}

// onEveryEngine runs a test on an empty journal of each engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, a *attic)) {
	for engine, open := range atticEngines(t) {
		t.Run(engine, func(t *testing.T) {
			store, archiver := open(t)
			test(t, newAttic(t, store, archiver))
		})
	}
}

func newAttic(t testing.TB, store app.Store, archiver app.Archiver) *attic {
	a := &attic{
		t: t, store: store, archiver: archiver, blobs: &archive.Memory{}, registry: prometheus.NewRegistry(), f: &injector{counts: map[string]int{}},
		clock: clockwork.NewFakeClockAt(time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)),
	}
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, publicKey, err := proof.NewSigner(private)
	require.NoError(t, err)
	a.publicKey = publicKey
	a.app = app.New(app.Config{
		Store: store, Hints: memstate.New(a.clock.Now), Publisher: &publisher{}, Clock: a.clock, NewID: outbox.NewID, Log: zap.NewNop(), Metrics: a.registry,
		Signer: signer, PublicKey: publicKey, Blobs: a.blobs, Archiving: a.archiving(),
	})
	_, err = a.app.Tenants.Provision(t.Context(), "acme")
	require.NoError(t, err)
	return a
}

// archiving is an archiver that was just started. The attic's injector stands in front of all that it
// reaches.
func (a *attic) archiving() *app.Archiving {
	out, err := app.NewArchiving(app.ArchivingConfig{
		Archiver: &faultedArchiver{a.archiver, a.f}, Blobs: &faultedBlobs{a.blobs, a.f}, PublicKey: a.publicKey, Clock: a.clock,
		NewID: func() string { return "holder" }, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	require.NoError(a.t, err)
	return out
}

// sell stores a shop's past and recent days, examined and signed.
func (a *attic) sell() {
	a.t.Helper()
	for _, store := range []string{"s1", "s2"} {
		for no := 1; no <= 2; no++ {
			till := pastTill(store, no)
			a.deliver(till.Business("", event.SignedIn{}), till.Open(), till.Sale("10.5"), till.Business("c", event.OrderSubtotalled{}), till.Sale("7"),
				till.Close(2, 2, 0, "", "17.5"), till.Direct(journal.Sale, "3"))
			till.BusinessDate, till.Now, till.OpenCounter = recentDay, till.Now.AddDate(0, 2, 23), 2
			a.deliver(till.Open(), till.Sale("2"))
		}
	}
	a.settle()
}

func pastTill(store string, no int) *tilltest.Till {
	till := tilltest.New("acme", store, no)
	till.BusinessDate, till.Now = pastDay, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	return till
}

func (a *attic) deliver(events ...event.Event) {
	a.t.Helper()
	_, err := a.store.Commit(a.t.Context(), "acme", tilltest.Records(a.t, events...))
	require.NoError(a.t, err)
}

// settle examines everything and signs it.
func (a *attic) settle() {
	a.t.Helper()
	require.NoError(a.t, app.ExamineAll(a.t.Context(), a.app))
	_, err := a.app.Proof.Checkpoint(a.t.Context(), "acme")
	require.NoError(a.t, err)
}

func (a *attic) policy(liveDays, keepDays int) {
	a.t.Helper()
	_, err := a.app.Retentions.Set(a.t.Context(), "acme", journal.Retention{LiveDays: liveDays, KeepDays: keepDays, SetBy: "ann"})
	require.NoError(a.t, err)
}

func (a *attic) run() *app.ArchiveRun {
	a.t.Helper()
	r, err := a.app.Retentions.Run(a.t.Context(), "acme", "ann")
	require.NoError(a.t, err)
	return r
}

// text is what is kept of an event, wherever it is.
type text struct{ content, entry string }

// texts are all events of the tenant, live or archived, each of which is in one place only.
func (a *attic) texts() (all map[string]text, archived int) {
	a.t.Helper()
	all = map[string]text{}
	moved := map[string]bool{}
	require.NoError(a.t, a.store.Walk(a.t.Context(), "acme", app.Walker{
		Stream: func(journal.StreamState) error { return nil },
		Link: func(s *journal.Stored) error {
			if s.Archived {
				moved[s.EventID] = true
				return nil
			}
			x := text{content: string(s.Content)}
			if s.Entry != nil {
				form, err := s.Entry.Form()
				require.NoError(a.t, err)
				x.entry = string(form)
			}
			all[s.EventID] = x
			return nil
		},
		Stray: func(where, id string) error { a.t.Errorf("a stray in %s: %s", where, id); return nil },
	}))
	segments, err := a.store.Segments(a.t.Context(), "acme", app.SegmentQuery{})
	require.NoError(a.t, err)
	for _, s := range segments {
		if s.Purge != nil {
			continue
		}
		blob, err := a.blobs.Open(a.t.Context(), s.Name())
		require.NoError(a.t, err)
		of, err := archive.Open(a.t.Context(), blob)
		require.NoError(a.t, err)
		require.NoError(a.t, of.Each(a.t.Context(), 0, func(_ int, m *archive.Member, l *proof.Line) bool {
			if moved[m.EventID] {
				delete(moved, m.EventID)
				all[m.EventID] = text{string(l.Content), string(l.Entry)}
				archived++
			} else {
				assert.Equal(a.t, all[m.EventID], text{string(l.Content), string(l.Entry)}, "what is still live is the same")
			}
			return true
		}))
		require.NoError(a.t, blob.Close())
	}
	assert.Empty(a.t, moved, "events that are nowhere")
	return all, archived
}

// holds verifies everything, segments included.
func (a *attic) holds() *app.Verification {
	a.t.Helper()
	v, err := a.app.Proof.Verify(a.t.Context(), "acme")
	require.NoError(a.t, err)
	require.True(a.t, v.Holds(), "%+v", v)
	return v
}

func (a *attic) names() (out []string) {
	a.t.Helper()
	list, err := a.store.Segments(a.t.Context(), "acme", app.SegmentQuery{})
	require.NoError(a.t, err)
	for _, s := range list {
		out = append(out, s.Name())
	}
	return out
}

// purged counts the segments that were given up.
func (a *attic) purged() (n int) {
	a.t.Helper()
	list, err := a.store.Segments(a.t.Context(), "acme", app.SegmentQuery{})
	require.NoError(a.t, err)
	for _, s := range list {
		if s.Purge != nil {
			n++
		}
	}
	return n
}

func TestDaysPastTheirTimeMoveToSegments(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.sell()
		before, _ := a.texts()
		r := a.run()
		assert.Zero(t, r.Segments, "without a policy nothing moves")
		a.policy(60, 3650)
		r = a.run()
		assert.Equal(t, 2, r.Segments)
		assert.Equal(t, 28, r.Events)
		assert.Equal(t, 28, r.Removed)
		assert.Empty(t, r.Held)
		assert.Equal(t, []string{"t/acme/s1/2026-01-05.1.seg", "t/acme/s2/2026-01-05.1.seg"}, a.names())
		after, archived := a.texts()
		assert.Equal(t, before, after)
		assert.Equal(t, 28, archived)
		a.holds()
		page, err := a.store.Search(t.Context(), "acme", journal.Query{Limit: 100})
		require.NoError(t, err)
		for _, l := range page.Items {
			assert.Equal(t, recentDay, l.BusinessDate)
		}
		list, err := a.app.Retentions.Segments(t.Context(), "acme", app.SegmentQuery{})
		require.NoError(t, err)
		assert.Equal(t, "20360103", list[0].KeepUntil)
		assert.True(t, list[0].Removed)
		again := a.run()
		assert.Zero(t, again.Segments+again.Removed, "another run finds nothing to do")
		runs, err := a.app.Retentions.Runs(t.Context(), "acme", 10)
		require.NoError(t, err)
		require.Len(t, runs, 3)
		assert.Equal(t, r.Events, runs[1].Events)
		assert.Equal(t, "ann", runs[1].By)
	})
}

// Whatever is wrong with a day is said, and keeps it and it alone.
func TestADayStaysAndSaysWhy(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		till := pastTill("s1", 1)
		a.deliver(till.Business("", event.SignedIn{}), till.Open())
		lost := till.Sale("1")
		other := pastTill("s2", 1)
		known := other.Business("", event.SignedIn{})
		known.UserID = "s99"
		a.deliver(till.Sale("2"), known, other.Sale("1"))
		why := func() map[string]string {
			out := map[string]string{}
			for _, h := range a.run().Held {
				out[h.StoreCode] = h.Why
			}
			return out
		}
		assert.Contains(t, why()["s1"], "not in the log yet")
		_, err := a.app.Proof.Checkpoint(t.Context(), "acme")
		require.NoError(t, err)
		assert.Contains(t, why()["s1"], "not examined yet")
		a.settle()
		a.clock.Advance(journal.Grace + time.Second)
		a.settle() // now the lost sale is a gap, and somebody nobody knows sold in s2
		held := why()
		assert.Contains(t, held["s1"], "sequence-gap")
		assert.Contains(t, held["s2"], "unknown-staff")
		assert.Empty(t, a.names())
		open, _, err := a.app.Discrepancies.List(t.Context(), "acme", app.DiscrepancyQuery{StoreCode: "s2", State: journal.DiscrepancyOpen, Limit: 10})
		require.NoError(t, err)
		for _, d := range open {
			_, err := a.app.Discrepancies.Accept(t.Context(), "acme", d.ID, "ann", "a temporary")
			require.NoError(t, err)
		}
		held = why()
		assert.Contains(t, held["s1"], "sequence-gap")
		assert.NotContains(t, held, "s2")
		assert.Equal(t, []string{"t/acme/s2/2026-01-05.1.seg"}, a.names())
		a.deliver(lost) // the gap closes by itself, and the day goes
		a.settle()
		assert.Empty(t, why())
		assert.Equal(t, []string{"t/acme/s1/2026-01-05.1.seg", "t/acme/s2/2026-01-05.1.seg"}, a.names())
		a.holds()
	})
}

// A checkpoint that somebody else has signed proves nothing: nothing leaves by it.
func TestNothingLeavesWithoutASignedCheckpoint(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		a.sell()
		private, _, err := proof.NewKey(nil)
		require.NoError(t, err)
		_, a.publicKey, err = proof.NewSigner(private)
		require.NoError(t, err)
		r, err := a.archiving().Run(t.Context(), "acme", "ann")
		require.NoError(t, err)
		require.Len(t, r.Held, 2)
		assert.Contains(t, r.Held[0].Why, "not signed with the journal's key")
		assert.Empty(t, a.names())
	})
}

// A late event of a day that was archived makes another part; a repeat of one that was archived is one.
func TestALateEventOfAnArchivedDayMakesAPart(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		a.sell()
		a.run()
		before, archived := a.texts()
		repeated, err := a.store.Commit(t.Context(), "acme", tilltest.Records(t, pastTill("s1", 1).Business("", event.SignedIn{})))
		require.NoError(t, err)
		assert.Equal(t, []app.Outcome{app.Repeat}, repeated)
		late := pastTill("s1", 2).Named("late")
		for range 7 {
			late.ID()
		}
		late.Sale("1") // these numbers came long ago
		late.Sale("1")
		late.Business("c", event.OrderSubtotalled{})
		sale := late.Sale("5")
		sale.ReceiptNo = 9999
		a.deliver(sale)
		a.settle()
		a.clock.Advance(journal.Grace + time.Second)
		a.settle()
		for _, d := range a.open() {
			_, err := a.app.Discrepancies.Accept(t.Context(), "acme", d, "ann", "it came late")
			require.NoError(t, err)
		}
		r := a.run()
		assert.Empty(t, r.Held)
		assert.Equal(t, 1, r.Events)
		assert.Contains(t, a.names(), "t/acme/s1/2026-01-05.2.seg")
		after, now := a.texts()
		assert.Len(t, after, len(before)+1)
		assert.Equal(t, archived+1, now)
		a.holds()
	})
}

// open lists the open discrepancies.
func (a *attic) open() (ids []string) {
	a.t.Helper()
	list, _, err := a.app.Discrepancies.List(a.t.Context(), "acme", app.DiscrepancyQuery{State: journal.DiscrepancyOpen, Limit: 100})
	require.NoError(a.t, err)
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// A day with many events makes several parts, at once.
func TestADayMayMakeSeveralParts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		a.sell()
		before, _ := a.texts()
		parts := a.archiving()
		app.SegmentsOf(parts, 5)
		r, err := parts.Run(t.Context(), "acme", "ann")
		require.NoError(t, err)
		assert.Equal(t, 6, r.Segments, "three of each store's fourteen")
		after, archived := a.texts()
		assert.Equal(t, before, after)
		assert.Equal(t, 28, archived)
		a.holds()
	})
}

// Originals stay as long as their segment cannot be read as it was registered, however far the archiver
// has come.
func TestOriginalsStayWhenTheirSegmentIsNotWhatItWas(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		a.sell()
		before, _ := a.texts()
		a.f.where, a.f.what = point{"Archiver.Remove", 1}, crashBefore
		_, err := a.archiving().Run(t.Context(), "acme", "ann")
		require.Error(t, err)
		name := a.names()[0]
		blob, err := a.blobs.Open(t.Context(), name)
		require.NoError(t, err)
		whole := make([]byte, blob.Size())
		_, err = blob.ReadAt(whole, 0)
		require.NoError(t, err)
		broken := slices.Clone(whole)
		broken[len(broken)/3] ^= 1
		for what, content := range map[string][]byte{"changed": broken, "cut": whole[:len(whole)-40], "gone": nil} {
			if content == nil {
				require.NoError(t, a.blobs.Delete(t.Context(), name))
			} else {
				require.NoError(t, a.blobs.Put(t.Context(), name, readerOf(content)))
			}
			a.f = &injector{counts: map[string]int{}}
			r, err := a.archiving().Run(t.Context(), "acme", "ann")
			require.NoError(t, err, what)
			require.NotEmpty(t, r.Held, what)
			assert.Contains(t, r.Held[0].Why, "the originals stay", what)
		}
		require.NoError(t, a.blobs.Put(t.Context(), name, readerOf(whole)))
		r, err := a.archiving().Run(t.Context(), "acme", "ann")
		require.NoError(t, err)
		assert.Empty(t, r.Held)
		after, archived := a.texts()
		assert.Equal(t, before, after)
		assert.Equal(t, 28, archived)
		a.holds()
	})
}

func readerOf(content []byte) io.Reader {
	return io.NewSectionReader(archive.Bytes(content), 0, int64(len(content)))
}

// Every call that an archiver makes is struck with every fault, and the next run makes everything good.
func TestEveryCallOfTheArchiverMayFail(t *testing.T) {
	for engine, open := range atticEngines(t) {
		t.Run(engine, func(t *testing.T) {
			play := func(t *testing.T, where point, what fault) *attic {
				store, archiver := open(t)
				a := newAttic(t, store, archiver)
				a.policy(60, 100)
				a.sell()
				before, _ := a.texts()
				a.f.where, a.f.what = where, what
				for day := 0; day < 2; day++ { // the first day archives, the second, much later, purges
					for try := 0; ; try++ {
						require.Less(t, try, 4, "it does not get on")
						_, err := a.archiving().Run(t.Context(), "acme", "ann")
						a.f.dead = false // whoever died is started again
						if day == 0 {
							whole, _ := a.texts()
							require.True(t, maps.Equal(before, whole), "nothing is lost at any moment")
						}
						if err == nil {
							break
						}
					}
					v, err := a.app.Proof.Verify(t.Context(), "acme")
					require.NoError(t, err)
					require.True(t, v.Holds(), "%+v", v)
					if day == 0 {
						_, archived := a.texts()
						require.Equal(t, 28, archived)
						require.Zero(t, a.purged(), "not before its time")
						a.clock.Advance(30 * 24 * time.Hour)
						continue
					}
					require.Equal(t, 2, a.purged())
				}
				for _, name := range a.names() {
					_, err := a.blobs.Open(t.Context(), name)
					if day := name[len(name)-16 : len(name)-6]; day == "2026-01-05" {
						require.ErrorIs(t, err, archive.ErrNotExist)
					} else {
						require.NoError(t, err)
					}
				}
				return a
			}
			clean := play(t, point{}, "")
			t.Logf("%d points", len(clean.f.seen))
			whole := os.Getenv("SOAK") != ""
			if !whole {
				t.Log("SAMPLE: only the first call of each method is struck here; SOAK=1 strikes all")
			}
			struck := map[string]bool{}
			for _, where := range clean.f.seen {
				if !whole && struck[where.call] {
					continue
				}
				struck[where.call] = true
				for _, what := range faults {
					if what == panicBefore {
						continue // it ends the process, as a crash does
					}
					t.Run(where.String()+"/"+string(what), func(t *testing.T) {
						t.Parallel()
						require.True(t, play(t, where, what).f.struck)
					})
				}
			}
			for _, call := range []string{"Archiver.ArchiveLease", "Archiver.Archivable", "Archiver.Day", "Archiver.Bodies", "Archiver.Register", "Archiver.Remove",
				"Archiver.Purge", "Archiver.Erased", "Archiver.NoteRun", "Blobs.Put", "Blobs.Open", "Blobs.Delete"} {
				assert.True(t, struck[call], call)
			}
		})
	}
}

// Half a segment is none: what breaks off while it is written is written again.
func TestASegmentThatBreaksOffIsWrittenAgain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 0)
		a.sell()
		before, _ := a.texts()
		full := errors.New("no space left")
		whole := a.blobs
		a.blobs = &breaking{whole, full}
		_, err := a.archiving().Run(t.Context(), "acme", "ann")
		require.ErrorIs(t, err, full)
		a.blobs = whole
		assert.Empty(t, a.names())
		after, _ := a.texts()
		assert.Equal(t, before, after)
		assert.Equal(t, 28, a.run().Removed)
	})
}

// breaking takes a part of what it is given, and fails.
type breaking struct {
	archive.Blobs
	err error
}

func (b *breaking) Put(_ context.Context, _ string, r io.Reader) error {
	_, err := io.CopyN(io.Discard, r, 100)
	return errors.Join(err, b.err)
}

// Nothing is purged before its time, and nothing that somebody holds.
func TestRetention(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, a *attic) {
		a.policy(60, 90)
		a.sell()
		a.run()
		names := a.names()
		require.Len(t, names, 2)
		a.policy(60, 61) // shorter now: what is archived keeps its time
		assert.Zero(t, a.run().Purged)
		_, err := a.app.Retentions.Hold(t.Context(), "acme", names[0], "20260601", "ann", "court")
		require.NoError(t, err)
		_, err = a.app.Retentions.Hold(t.Context(), "acme", names[0], "20260501", "ann", "court")
		assert.Equal(t, app.HoldRefused, problem.Of(err).Kind)
		_, err = a.app.Retentions.Hold(t.Context(), "acme", "t/acme/s1/1999-01-01.1.seg", "20260501", "ann", "court")
		assert.Equal(t, app.SegmentNotFound, problem.Of(err).Kind)
		end, err := time.Parse("20060102", "20260405") // 90 days after the business date
		require.NoError(t, err)
		a.clock.Advance(end.Sub(a.clock.Now().Truncate(24 * time.Hour)))
		assert.Zero(t, a.run().Purged, "its last day is not over")
		a.clock.Advance(24 * time.Hour)
		ended, err := a.app.Retentions.Ended(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, ended, 1)
		assert.Equal(t, 1, a.run().Purged)
		_, err = a.blobs.Open(t.Context(), names[1])
		require.ErrorIs(t, err, archive.ErrNotExist)
		_, err = a.blobs.Open(t.Context(), names[0])
		require.NoError(t, err, "somebody holds it")
		gone, err := a.app.Retentions.Segment(t.Context(), "acme", names[1])
		require.NoError(t, err)
		assert.Equal(t, "ann", gone.Purge.By)
		assert.Equal(t, gone.SHA256, gone.Purge.SHA256)
		a.holds()
		assert.Equal(t, 1, a.purged())
		_, err = a.app.Retentions.Hold(t.Context(), "acme", names[1], "", "ann", "court")
		assert.Equal(t, app.HoldRefused, problem.Of(err).Kind, "too late")
		a.clock.Advance(60 * 24 * time.Hour)
		a.run()
		_, err = a.blobs.Open(t.Context(), names[0])
		require.ErrorIs(t, err, archive.ErrNotExist, "nobody holds it any more")
	})
}

// The schedule: each tenant at its time, once a day, and again when that failed.
func TestTheScheduleKeepsEachTenantsTime(t *testing.T) {
	store, archiver := atticEngines(t)["SQLite"](t)
	a := newAttic(t, store, archiver)
	a.sell()
	schedule := a.archiving()
	runs := func() int {
		require.NoError(t, schedule.RunDue(t.Context()))
		list, err := a.app.Retentions.Runs(t.Context(), "acme", 100)
		require.NoError(t, err)
		return len(list)
	}
	assert.Zero(t, runs(), "there is no policy")
	_, err := a.app.Retentions.Set(t.Context(), "acme", journal.Retention{LiveDays: 60, At: "03:00", SetBy: "ann"})
	require.NoError(t, err)
	assert.Equal(t, 1, runs(), "what was due at three is made good")
	assert.Equal(t, 1, runs())
	a.clock.Advance(14 * time.Hour)
	assert.Equal(t, 1, runs(), "it is two in the morning")
	a.clock.Advance(time.Hour)
	assert.Equal(t, 2, runs())
	a.clock.Advance(24 * time.Hour)
	a.f.where, a.f.what = point{"Archiver.NoteRun", 3}, failBefore
	require.Error(t, schedule.RunDue(t.Context()))
	assert.Equal(t, 3, runs(), "it failed, and is tried again")
	list, err := a.app.Retentions.Runs(t.Context(), "acme", 1)
	require.NoError(t, err)
	assert.Equal(t, app.BySchedule, list[0].By)
}

// How late the archive is shows in the journal's metrics, whoever fills it.
func TestALateArchiveIsSeen(t *testing.T) {
	store, archiver := atticEngines(t)["SQLite"](t)
	a := newAttic(t, store, archiver)
	look := func(name string) float64 {
		app.LookAtArchive(t.Context(), a.app)
		n, err := testutil.GatherAndCount(a.registry, name)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		families, err := a.registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	assert.Zero(t, look("tillroll_journal_archive_late_seconds"))
	a.policy(60, 0)
	a.clock.Advance(3 * time.Hour)
	assert.Equal(t, 3*3600.0, look("tillroll_journal_archive_late_seconds"))
	a.deliver(pastTill("s1", 1).Sale("1"))
	a.run()
	assert.Zero(t, look("tillroll_journal_archive_late_seconds"))
	assert.Equal(t, 1.0, look("tillroll_journal_archive_held_days"))
}

func TestOneArchivesAtATime(t *testing.T) {
	store, archiver := atticEngines(t)["SQLite"](t)
	a := newAttic(t, store, archiver)
	a.policy(60, 0)
	a.sell()
	slow := &waiting{Blobs: a.blobs, begun: make(chan struct{}), goOn: make(chan struct{})}
	a.blobs = slow
	one := a.archiving()
	done := make(chan error)
	go func() {
		_, err := one.Run(t.Context(), "acme", "ann")
		done <- err
	}()
	<-slow.begun
	_, err := one.Run(t.Context(), "acme", "bob")
	require.ErrorIs(t, err, app.ErrArchiving)
	close(slow.goOn)
	require.NoError(t, <-done)
}

type waiting struct {
	archive.Blobs
	begun, goOn chan struct{}
	told        bool
}

func (w *waiting) Put(ctx context.Context, name string, r io.Reader) error {
	if !w.told {
		w.told = true
		close(w.begun)
		<-w.goOn
	}
	return w.Blobs.Put(ctx, name, r)
}
