package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func (b *bench) keys() proof.Keys {
	b.t.Helper()
	keys, err := proof.ParseKeys(b.publicKey)
	require.NoError(b.t, err)
	return keys
}

// checkpoint brings the log up to date.
func (b *bench) checkpoint(tenant string) proof.Checkpoint {
	b.t.Helper()
	c, err := b.app.Proof.Checkpoint(b.t.Context(), tenant)
	require.NoError(b.t, err)
	signed, err := b.keys().Open(c.Note)
	require.NoError(b.t, err)
	require.Equal(b.t, signed, c)
	return c
}

// export takes a whole tenant away, page after page, as an auditor's tool does.
func (b *bench) export(tenant string, page int) []byte {
	b.t.Helper()
	c := b.checkpoint(tenant)
	file, err := json.Marshal(proof.Header{Format: proof.ExportFormat, Version: 1, TenantID: tenant, Events: c.Size, Checkpoint: c.Note})
	require.NoError(b.t, err)
	file = append(file, '\n')
	for from := uint64(0); from < c.Size; from += uint64(page) {
		lines, err := b.app.Proof.Export(b.t.Context(), tenant, c.Size, from, page)
		require.NoError(b.t, err)
		file = append(file, lines...)
	}
	return file
}

// check reads an export as somebody does who has only the public key.
func check(t testing.TB, keys proof.Keys, file []byte, kept ...string) *proof.Fault {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	c, err := proof.NewCheck(keys, lines[0], kept)
	require.NoError(t, err)
	for _, line := range lines[1:] {
		if !c.Add(line) {
			break
		}
	}
	return c.Report()
}

// shop is two tills that go on selling.
type shop struct{ one, two *tilltest.Till }

// shopDay is sold at two tills, with details that have no entries.
func shopDay(b *bench, sales int) []event.Event {
	b.t.Helper()
	var all []event.Event
	if b.shop == nil {
		b.shop = &shop{tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)}
		all = append(all, b.shop.one.Open(), b.shop.two.Open(), tilltest.NewTenant("acme").StoreSnapshot("s1", "UTC", 1))
	}
	for range sales {
		all = append(all, b.shop.one.Sale("10.5"), b.shop.one.Business("c", event.OrderSubtotalled{}), b.shop.two.Sale("7"), b.shop.two.Cash("-3"))
	}
	slices.SortStableFunc(all, func(x, y event.Event) int { return strings.Compare(x.Topic(), y.Topic()) }) // in few commits
	for _, v := range b.deliver(all...) {
		require.Equal(b.t, app.ResultStored, v.Result)
	}
	return all
}

func TestWhatIsStoredIsProven(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	all := shopDay(b, 100)
	b.deliver(tilltest.New("bolt", "s1", 1).Sale("1"))
	c := b.checkpoint("acme")
	require.Equal(t, uint64(len(all)), c.Size)
	assert.Equal(t, uint64(1), b.checkpoint("bolt").Size)
	for _, e := range []event.Event{all[0], all[3], all[4], all[len(all)-1]} {
		found, err := b.app.Proof.Event(t.Context(), "acme", e.Head().EventID)
		require.NoError(t, err)
		line, err := proof.ParseLine(proof.AppendLine(nil, &found.Line))
		require.NoError(t, err)
		assert.Equal(t, found.Line, line)
		assert.Equal(t, journal.HashOf(line.Content), line.ContentHash)
		assert.Equal(t, line.Link.Hash(), line.Hash)
		assert.NoError(t, proof.CheckInclusion(proof.LeafHash(line.Hash), line.Index, c.Size, line.Inclusion, c.Root))
	}
	_, err := b.app.Proof.Event(t.Context(), "acme", "nothing")
	assert.Equal(t, app.EntryNotFound, problem.Of(err).Kind)
	_, err = b.app.Proof.Event(t.Context(), "none", "nothing")
	assert.Equal(t, app.TenantUnknown, problem.Of(err).Kind)
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds(), "%+v", v.Log.Bad)
	assert.Equal(t, c.Size, v.Log.Size)
	assert.Equal(t, c.Root, v.Log.Root)
	assert.Equal(t, 1, v.Log.Checkpoints)
}

func TestEveryCheckpointIsTheBeginningOfTheNext(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	var all []proof.Checkpoint
	for i := range 12 {
		shopDay(b, 1+7*i)
		all = append(all, b.checkpoint("acme"))
	}
	assert.Equal(t, all[11], b.checkpoint("acme"), "nothing new, nothing signed")
	for i, from := range all {
		for _, to := range all[i:] {
			found, err := b.app.Proof.Consistency(t.Context(), "acme", from.Size, to.Size)
			require.NoError(t, err)
			assert.Equal(t, &from, found.From)
			assert.Equal(t, to, found.To)
			assert.NoError(t, proof.CheckConsistency(from.Size, to.Size, found.Path, from.Root, to.Root))
		}
	}
	newest, err := b.app.Proof.Consistency(t.Context(), "acme", all[0].Size, 0)
	require.NoError(t, err)
	assert.Equal(t, all[11], newest.To)
	for _, sizes := range [][2]uint64{{all[11].Size + 1, 0}, {all[0].Size, 1}, {all[3].Size, all[2].Size}} {
		_, err := b.app.Proof.Consistency(t.Context(), "acme", sizes[0], sizes[1])
		assert.Equal(t, app.CheckpointNotFound, problem.Of(err).Kind)
	}
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds())
	assert.Equal(t, 12, v.Log.Checkpoints)
	list, err := b.app.Proof.Checkpoints(t.Context(), "acme", app.CheckpointQuery{LargestFirst: true, Limit: 2})
	require.NoError(t, err)
	assert.Equal(t, []proof.Checkpoint{all[11], all[10]}, list)
}

func TestAnExportIsCheckedWithNothingButTheKey(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	var kept []string
	for range 4 {
		shopDay(b, 75)
		kept = append(kept, b.checkpoint("acme").Note)
	}
	whole := b.export("acme", 97)
	assert.Nil(t, check(t, b.keys(), whole, kept...))
	assert.Nil(t, check(t, b.keys(), b.export("acme", 1000), kept[1]))
	assert.Equal(t, 4, bytes.Count(whole, []byte("\n{\"checkpoint\"")))
	_, err := b.app.Proof.Export(t.Context(), "acme", 7, 0, 10)
	assert.Equal(t, app.CheckpointNotFound, problem.Of(err).Kind)
}

func TestAnEmptyJournalIsProvenToBeEmpty(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	empty := b.checkpoint("acme")
	assert.Zero(t, empty.Size)
	assert.Equal(t, proof.EmptyRoot(), empty.Root)
	assert.Nil(t, check(t, b.keys(), b.export("acme", 10), empty.Note))
	shopDay(b, 1)
	c := b.checkpoint("acme")
	found, err := b.app.Proof.Consistency(t.Context(), "acme", 0, c.Size)
	require.NoError(t, err)
	assert.NoError(t, proof.CheckConsistency(0, c.Size, found.Path, empty.Root, c.Root))
	b.holds("acme")
}

func TestTheLogGrowsByItself(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 1)
	b.restart() // what was committed and not logged when the process ended is found again
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.RunLog(ctx, b.app) }()
	newest := func() uint64 {
		list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 1, LargestFirst: true})
		require.NoError(t, err)
		if len(list) == 0 {
			return 0
		}
		return list[0].Size
	}
	require.Eventually(t, func() bool { return newest() == 7 }, time.Minute, time.Millisecond)
	shopDay(b, 1)
	require.Eventually(t, func() bool { b.clock.Advance(time.Second); return newest() == 11 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	b.holds("acme")
}

func TestPublishersAreToldTheNewestCheckpoint(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 1)
	for _, s := range b.told() {
		assert.Empty(t, s.Checkpoint, "nothing is signed yet")
	}
	app.KeepLog(t.Context(), b.app)
	shopDay(b, 1)
	told := b.told()
	require.NotEmpty(t, told)
	for _, s := range told {
		c, err := b.keys().Open(s.Checkpoint)
		require.NoError(t, err)
		assert.Equal(t, uint64(7), c.Size)
		assert.Equal(t, "acme", c.Tenant)
	}
	b.store.reads = errors.New("away")
	b.deliver(b.shop.one.Sale("9"))
	assert.NotEmpty(t, b.told())
}

// rewriting is a store in which somebody changes the log behind the service's back.
type rewriting struct {
	app.Store
	row func([]proof.Hash)
}

func (r *rewriting) Row(ctx context.Context, tenant string, level int, begin, end uint64) ([]proof.Hash, error) {
	row, err := r.Store.Row(ctx, tenant, level, begin, end)
	if r.row != nil && len(row) > 0 {
		r.row(row)
	}
	return row, err
}

func TestNothingIsSignedOverALogThatWasChanged(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 2)
	before := b.checkpoint("acme")
	b.store.Store = &rewriting{b.store.Store, func(row []proof.Hash) { row[0][0] ^= 1 }}
	shopDay(b, 2)
	_, err := b.app.Proof.Checkpoint(t.Context(), "acme")
	require.Equal(t, app.LogRewritten, problem.Of(err).Kind)
	app.KeepLog(t.Context(), b.app)
	list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 9})
	require.NoError(t, err)
	assert.Equal(t, []proof.Checkpoint{before}, list)
	assert.NotZero(t, b.metric("tillroll_journal_log_broken_total"))
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.NotNil(t, v.Log.Bad)
}

func (b *bench) metric(name string) float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	b.t.Fatalf("there is no metric %s", name)
	return 0
}

// sink takes checkpoints, or refuses them.
type sink struct {
	refuse error
	got    []proof.Checkpoint
	tried  int
}

func (s *sink) Send(ctx context.Context, c proof.Checkpoint) error {
	s.tried++
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("whoever hangs here holds up the logs of all tenants")
	}
	if s.refuse == nil {
		s.got = append(s.got, c)
	}
	return s.refuse
}

func TestCheckpointsLeaveTheHouseOnceAMinute(t *testing.T) {
	b := newBench(t)
	out := &sink{refuse: errors.New("away")}
	b.sink = out
	b.restart()
	b.provision("acme")
	shopDay(b, 1)
	app.KeepLog(t.Context(), b.app)
	app.KeepLog(t.Context(), b.app)
	assert.Empty(t, out.got)
	assert.Equal(t, 1, out.tried, "who is away is left alone for a while")
	out.refuse = nil
	b.clock.Advance(15 * time.Second)
	app.KeepLog(t.Context(), b.app)
	require.Len(t, out.got, 1, "what failed is sent again")
	for range 5 {
		shopDay(b, 1)
		b.clock.Advance(time.Second)
		app.KeepLog(t.Context(), b.app)
	}
	require.Len(t, out.got, 1)
	b.clock.Advance(time.Minute)
	app.KeepLog(t.Context(), b.app)
	require.Len(t, out.got, 2)
	assert.Equal(t, b.checkpoint("acme"), out.got[1], "of several the newest")
}

func TestManyProcessesMakeOneLog(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	var all sync.WaitGroup
	for range 4 {
		other := app.New(app.Config{Store: b.store, Clock: b.clock, NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Signer: b.signer, PublicKey: b.publicKey})
		all.Go(func() {
			for range 20 {
				_, err := other.Proof.Checkpoint(t.Context(), "acme")
				assert.NoError(t, err)
			}
		})
	}
	for range 10 {
		shopDay(b, 5)
	}
	all.Wait()
	assert.Equal(t, uint64(203), b.checkpoint("acme").Size)
	b.holds("acme")
	assert.Nil(t, check(t, b.keys(), b.export("acme", 50)))
}

// Whatever call of the log fails, or loses its reply: the next round makes it good, and nothing is in
// the log twice.
func TestTheLogSurvivesEveryFault(t *testing.T) {
	for _, call := range []string{"Lease", "LogSize", "Row", "Unlogged", "Extend", "Checkpoints", "PutCheckpoint"} {
		for name, what := range map[string]fault{"fails": failBefore, "loses its reply": failAfter, "fails oddly": oddBefore} {
			t.Run(call+" "+name, func(t *testing.T) {
				b := newBench(t)
				b.provision("acme")
				shopDay(b, 30)
				app.KeepLog(t.Context(), b.app)
				shopDay(b, 50)
				f := &injector{counts: map[string]int{}, where: point{"Store." + call, 1}, what: what}
				whole := b.store.Store
				b.store.Store = &faultedStore{whole, f}
				app.KeepLog(t.Context(), b.app)
				require.True(t, f.struck)
				b.clock.Advance(5 * time.Second)
				app.KeepLog(t.Context(), b.app)
				assert.Zero(t, b.metric("tillroll_journal_log_lag_seconds"))
				list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 1, LargestFirst: true})
				require.NoError(t, err)
				assert.Equal(t, uint64(323), list[0].Size)
				b.holds("acme")
				assert.Nil(t, check(t, b.keys(), b.export("acme", 50)))
			})
		}
	}
}

// Whoever rotates the key goes on trusting what the old one signed, by naming it.
func TestAKeyIsRotated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	b.deliver(till.Sale("10"))
	old, before := b.publicKey, b.checkpoint("acme")
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	b.signer, b.publicKey, err = proof.NewSigner(private)
	require.NoError(t, err)
	b.restart()
	b.deliver(till.Sale("20"))
	now := b.checkpoint("acme")
	require.Greater(t, now.Size, before.Size)
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	require.NotNil(t, v.Log.Bad, "nobody vouches for what the old key signed")
	b.publicKey += "\n" + old
	b.restart()
	v, err = b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds(), "%+v", v.Log.Bad)
	assert.Nil(t, check(t, b.keys(), b.export("acme", 1), before.Note, now.Note))
}
