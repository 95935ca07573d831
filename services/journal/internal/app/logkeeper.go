package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/proof"
)

// How the log grows. None of it delays a commit: what is committed joins the log a moment later.
const (
	// logEvery is the rhythm of one tenant's log; all that was committed meanwhile shares a checkpoint.
	logEvery = time.Second
	// logSweep looks after what no commit of this process points at: after a start, and for others.
	logSweep = 30 * time.Second
	// logLease is how long another process waits for one that does not answer any more.
	logLease = 15 * time.Second
	// logBatch is how many leaves one transaction adds: few milliseconds.
	logBatch = 1000
	// logTurn is how many batches one tenant gets before the next one has its turn: a journal that an older
	// program wrote may lack all of its log.
	logTurn = 20
	// behindTell is how often it is said of a log that is behind how far it has come.
	behindTell = 10 * time.Second
	// latestFor is how long the newest checkpoint is told again without a look at the store.
	latestFor = 2 * time.Second
	// sendEvery is the rhythm in which a tenant's checkpoints go out through the binding.
	sendEvery = time.Minute
	// sendLimit is how long the binding may take for one: the logs wait meanwhile.
	sendLimit = 5 * time.Second
	// sendAgain is the pause after one that failed.
	sendAgain = 15 * time.Second
)

// CheckpointSink takes checkpoints out of the house, to where nobody who can change the journal can
// change them.
type CheckpointSink interface {
	Send(ctx context.Context, c proof.Checkpoint) error
}

// errRewritten says that the log does not begin with what a checkpoint says it had.
var errRewritten = errors.New("the log was changed: it does not begin with what its last checkpoint says")

// errBehind says that a log lacks more than one turn adds.
var errBehind = errors.New("the log is being made")

// logKeeper extends the tenants' Merkle logs and signs their checkpoints.
type logKeeper struct {
	store   Store
	signer  *proof.Signer // nil: nothing is signed
	sink    CheckpointSink
	holder  string
	clock   clockwork.Clock
	log     *zap.Logger
	metrics *logMetrics
	wake    chan struct{}

	mu     sync.Mutex
	due    map[string]nudged // tenants with something to add, or that are to be looked after
	newest map[string]seen
	unsent map[string]proof.Checkpoint
	sentAt map[string]time.Time
	notYet time.Time // when the sink is tried again
	behind map[string]behind
}

// behind says of a log that lacks more than one turn adds how much that is, and when it was said last.
type behind struct {
	events uint64
	told   time.Time
}

// nudged says why and since when a tenant is due.
type nudged struct {
	since     time.Time
	committed bool // something was: so there is no need to look
}

// seen is the newest checkpoint of a tenant, and when the store was asked for it.
type seen struct {
	checkpoint proof.Checkpoint
	at         time.Time
}

func newLogKeeper(c Config) *logKeeper {
	k := &logKeeper{
		store: c.Store, signer: c.Signer, sink: c.Checkpoints, clock: c.Clock, log: c.Log, metrics: newLogMetrics(c.Metrics), wake: make(chan struct{}, 1),
		due: map[string]nudged{}, newest: map[string]seen{}, unsent: map[string]proof.Checkpoint{}, sentAt: map[string]time.Time{}, behind: map[string]behind{},
	}
	if c.NewID != nil {
		k.holder = c.NewID()
	}
	return k
}

// nudge says that something of a tenant was committed.
func (k *logKeeper) nudge(tenant string) { k.makeDue(tenant, true) }

func (k *logKeeper) makeDue(tenant string, committed bool) {
	k.mu.Lock()
	d, ok := k.due[tenant]
	if !ok {
		d.since = k.clock.Now()
	}
	d.committed = d.committed || committed
	k.due[tenant] = d
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run extends the logs until ctx ends.
func (k *logKeeper) run(ctx context.Context) error {
	k.nudgeAll(ctx)
	sweep := k.clock.NewTicker(logSweep)
	defer sweep.Stop()
	for {
		k.round(ctx)
		wake := k.wake
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.Chan():
			k.nudgeAll(ctx)
		case <-wake:
			select {
			case <-ctx.Done():
				return nil
			case <-k.clock.After(logEvery):
			}
		}
	}
}

// nudgeAll makes every tenant due.
func (k *logKeeper) nudgeAll(ctx context.Context) {
	tenants, err := k.store.Tenants(ctx)
	if err != nil && ctx.Err() == nil {
		k.log.Warn("the logs of the tenants could not be looked after; trying again", zap.Error(err))
	}
	for _, tenant := range tenants {
		k.makeDue(tenant, false)
	}
}

// round extends the logs of all tenants that are due. Who fails stays due.
func (k *logKeeper) round(ctx context.Context) {
	k.mu.Lock()
	due := k.due
	k.due = map[string]nudged{}
	k.mu.Unlock()
	for tenant, d := range due {
		err := k.keep(ctx, tenant, d)
		if errors.Is(err, errBehind) {
			err = k.lacks(ctx, tenant)
		}
		if err != nil && ctx.Err() == nil {
			k.log.Warn("a tenant's log could not be extended; trying again", zap.String("tenant_id", tenant), zap.Error(err))
			k.mu.Lock()
			d.committed = d.committed || k.due[tenant].committed
			k.due[tenant] = d
			k.mu.Unlock()
		}
	}
	k.send(ctx)
	k.measure()
}

// keep extends a tenant's log. For one that is only looked after nothing is written before there is
// something to do: there may be hundreds of them, and a lease is a write that most of a replica set
// has to confirm.
func (k *logKeeper) keep(ctx context.Context, tenant string, d nudged) error {
	if !d.committed {
		if idle, err := k.idle(ctx, tenant); err != nil || idle {
			return err
		}
	}
	held, err := k.store.Lease(ctx, tenant, k.holder, logLease)
	if err != nil || !held {
		return err
	}
	if _, err = k.bring(ctx, tenant); err == nil {
		k.caughtUp(tenant)
	}
	return err
}

// lacks says how much a log lacks that is behind, now and then, and makes it due again.
func (k *logKeeper) lacks(ctx context.Context, tenant string) error {
	k.nudge(tenant)
	size, err := k.store.LogSize(ctx, tenant)
	if err != nil {
		return err
	}
	streams, err := k.store.Streams(ctx, tenant)
	if err != nil {
		return err
	}
	all := uint64(0)
	for _, s := range streams {
		all += s.Seq
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.behind[tenant]
	if b.events = all - min(all, size); k.clock.Since(b.told) >= behindTell {
		b.told = k.clock.Now()
		k.log.Info("a tenant's log is being made: no checkpoint is signed until it has everything",
			zap.String("tenant_id", tenant), zap.Uint64("done", size), zap.Uint64("of", all))
	}
	k.behind[tenant] = b
	return nil
}

func (k *logKeeper) caughtUp(tenant string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, was := k.behind[tenant]; was {
		delete(k.behind, tenant)
		k.log.Info("a tenant's log has everything again", zap.String("tenant_id", tenant))
	}
}

// idle tells whether everything of a tenant is in its log, and a checkpoint says so.
func (k *logKeeper) idle(ctx context.Context, tenant string) (bool, error) {
	leaves, err := k.store.Unlogged(ctx, tenant, 1)
	if err != nil || len(leaves) > 0 || k.signer == nil {
		return len(leaves) == 0, err
	}
	size, err := k.store.LogSize(ctx, tenant)
	if err != nil {
		return false, err
	}
	signed, err := k.lastSigned(ctx, tenant)
	for i := range signed { // by the store, and by what this process remembers
		if signed[i].Size != size || signed[i].Root != signed[0].Root {
			return false, err
		}
	}
	return len(signed) > 0, err
}

// measure tells how far the logs are behind.
func (k *logKeeper) measure() {
	k.mu.Lock()
	defer k.mu.Unlock()
	oldest := time.Duration(0)
	for _, d := range k.due {
		oldest = max(oldest, k.clock.Since(d.since))
	}
	k.metrics.lag.Set(oldest.Seconds())
	events := uint64(0)
	for _, b := range k.behind {
		events += b.events
	}
	k.metrics.behind.Set(float64(events))
}

// bring adds everything that was committed to a tenant's log and gives a checkpoint of all of it. When
// that is more than one turn adds it fails with errBehind. It needs no lease: who is second finds the
// work done.
func (k *logKeeper) bring(ctx context.Context, tenant string) (proof.Checkpoint, error) {
	for batches := 0; ; {
		if batches == logTurn {
			return proof.Checkpoint{}, errBehind
		}
		size, err := k.store.LogSize(ctx, tenant)
		if err != nil {
			return proof.Checkpoint{}, err
		}
		edge, err := proof.LoadEdge(size, tree{ctx, k.store, tenant})
		if err != nil {
			return proof.Checkpoint{}, err
		}
		added, err := k.extend(ctx, tenant, edge)
		switch {
		case errors.Is(err, ErrMoved):
			continue
		case err != nil:
			return proof.Checkpoint{}, err
		case added == 0:
			c, err := k.checkpoint(ctx, tenant, edge)
			if errors.Is(err, ErrMoved) {
				continue
			}
			return c, err
		}
		k.metrics.leaves.Add(float64(added))
		batches++
	}
}

// extend adds one batch behind the edge.
func (k *logKeeper) extend(ctx context.Context, tenant string, edge *proof.Edge) (added int, err error) {
	leaves, err := k.store.Unlogged(ctx, tenant, logBatch)
	if err != nil || len(leaves) == 0 {
		return 0, err
	}
	size := edge.Size()
	var tiles []proof.Tile
	for i := range leaves {
		leaves[i].Index = edge.Size()
		edge.Append(leaves[i].Hash(), func(t proof.Tile) { tiles = append(tiles, t) })
	}
	return len(leaves), k.store.Extend(ctx, tenant, size, leaves, tiles)
}

// tree reads a tenant's tree.
type tree struct {
	ctx    context.Context
	store  Store
	tenant string
}

func (t tree) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return t.store.Row(t.ctx, t.tenant, level, begin, end)
}

// checkpoint signs the log as it is, unless that was done. It signs nothing over a log that does not
// continue what was signed before.
func (k *logKeeper) checkpoint(ctx context.Context, tenant string, edge *proof.Edge) (proof.Checkpoint, error) {
	signed, err := k.lastSigned(ctx, tenant)
	if err != nil {
		return proof.Checkpoint{}, err
	}
	root := edge.Root()
	for i := range signed {
		if err := k.continues(ctx, &signed[i], edge.Size(), root); err != nil {
			return proof.Checkpoint{}, err
		}
	}
	if len(signed) > 0 && signed[0].Size == edge.Size() {
		return signed[0], nil
	}
	if k.signer == nil {
		return proof.Checkpoint{Tenant: tenant, Size: edge.Size(), Root: root}, nil
	}
	c, err := k.signer.Sign(proof.Checkpoint{Tenant: tenant, Size: edge.Size(), Root: root, Time: k.clock.Now()})
	if err != nil {
		return c, err
	}
	if err := k.store.PutCheckpoint(ctx, c); err != nil {
		return c, err
	}
	k.metrics.checkpoints.Inc()
	k.remember(c, true)
	return c, nil
}

// lastSigned are the newest checkpoints, by the store and by what this process remembers: a store that
// was set back, or written anew, has lost them.
func (k *logKeeper) lastSigned(ctx context.Context, tenant string) ([]proof.Checkpoint, error) {
	signed, err := k.store.Checkpoints(ctx, tenant, CheckpointQuery{Limit: 1, LargestFirst: true})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if own, ok := k.newest[tenant]; ok && own.checkpoint.Note != "" {
		signed = append(signed, own.checkpoint)
	}
	return signed, nil
}

// continues holds the log against its last checkpoint.
func (k *logKeeper) continues(ctx context.Context, last *proof.Checkpoint, size uint64, root proof.Hash) error {
	if last.Size > size {
		// Did somebody else add to it and sign since it was read?
		if now, err := k.store.LogSize(ctx, last.Tenant); err != nil || now > size {
			return OrMoved(err)
		}
	} else {
		path, failure := proof.NewProver(size, tree{ctx, k.store, last.Tenant}).Consistency(last.Size, size)
		if failure != nil {
			return failure
		}
		if proof.CheckConsistency(last.Size, size, path, last.Root, root) == nil {
			return nil
		}
	}
	k.metrics.broken.Inc()
	k.log.Error("a tenant's log does not continue its last checkpoint: no checkpoint is signed until it does. Verify the journal, and restore it if it was changed",
		zap.String("tenant_id", last.Tenant), zap.Uint64("checkpoint_size", last.Size), zap.Uint64("log_size", size))
	return errRewritten
}

// remember keeps a checkpoint as the tenant's newest; fresh ones are sent out, too.
func (k *logKeeper) remember(c proof.Checkpoint, fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.newest[c.Tenant]; !ok || known.checkpoint.Size <= c.Size {
		k.newest[c.Tenant] = seen{c, k.clock.Now()}
	}
	if fresh && k.sink != nil {
		k.unsent[c.Tenant] = c
	}
}

// latest is the newest checkpoint that a tenant has, perhaps a moment old. There may be none.
func (k *logKeeper) latest(ctx context.Context, tenant string) (c proof.Checkpoint, found bool, err error) {
	k.mu.Lock()
	known, ok := k.newest[tenant]
	k.mu.Unlock()
	if ok && k.clock.Since(known.at) < latestFor {
		return known.checkpoint, true, nil
	}
	list, err := k.store.Checkpoints(ctx, tenant, CheckpointQuery{Limit: 1, LargestFirst: true})
	if err != nil || len(list) == 0 {
		return known.checkpoint, ok, err
	}
	k.remember(list[0], false)
	return list[0], true, nil
}

// send gives the newest checkpoints to the sink, each tenant's at most once in sendEvery. Where one
// fails the others would, too: all wait for sendAgain.
func (k *logKeeper) send(ctx context.Context) {
	k.mu.Lock()
	var out []proof.Checkpoint
	for tenant, c := range k.unsent {
		if at, ok := k.sentAt[tenant]; (!ok || k.clock.Since(at) >= sendEvery) && !k.clock.Now().Before(k.notYet) {
			out = append(out, c)
		}
	}
	k.mu.Unlock()
	for _, c := range out {
		limited, cancel := context.WithTimeout(ctx, sendLimit)
		err := k.sink.Send(limited, c)
		cancel()
		if err != nil {
			k.metrics.sent.WithLabelValues("failed").Inc()
			k.log.Warn("a checkpoint could not be sent out; trying again", zap.String("tenant_id", c.Tenant), zap.Error(err))
			k.mu.Lock()
			k.notYet = k.clock.Now().Add(sendAgain)
			k.mu.Unlock()
			return
		}
		k.metrics.sent.WithLabelValues("sent").Inc()
		k.mu.Lock()
		k.sentAt[c.Tenant] = k.clock.Now()
		if k.unsent[c.Tenant].Size == c.Size {
			delete(k.unsent, c.Tenant)
		}
		k.mu.Unlock()
	}
}
