package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Times and sizes of the examiner.
const (
	// examineEvery is the pause between two rounds: so many events are looked at together, and ingest has
	// the database for itself meanwhile.
	examineEvery = 500 * time.Millisecond
	// examineShare is how many times longer than a round the pause is at least, so that a round never
	// takes more than a fifth of the time.
	examineShare = 4
	// searchEvery is how often streams are looked for that nobody told of: another process may have
	// stored something and died.
	searchEvery = time.Minute
	// examineLinks is how much of a stream one round looks at: what came before this program did, or while
	// it was away, is made good bit by bit, and each bit is saved.
	examineLinks = 2000
)

// examiner holds what is stored against the rules, after it was stored: an event is in the journal
// whatever is wrong with it, and a discrepancy beside it says what.
//
// Nothing is missed: a stream's examination is behind its chain's head until all of its links were
// looked at, and both are in the database. So a process that dies costs time only. And nothing stays
// open by mistake: what is found is saved in one transaction with how far was looked.
type examiner struct {
	store   Store
	clock   clockwork.Clock
	log     *zap.Logger
	metrics *metrics
	changed func(tenant string) // told after discrepancies of a tenant changed
	damaged func(tenant, stream, what string)
	page    int
	wake    chan struct{}

	mu    sync.Mutex
	dirty map[identity.Stream]bool
	due   map[identity.Stream]time.Time
}

func newExaminer(store Store, clock clockwork.Clock, log *zap.Logger, m *metrics) *examiner {
	return &examiner{
		store: store, clock: clock, log: log, metrics: m, changed: func(string) {}, damaged: func(string, string, string) {}, page: examineLinks, wake: make(chan struct{}, 1),
		dirty: map[identity.Stream]bool{}, due: map[identity.Stream]time.Time{},
	}
}

// note has a stream examined soon.
func (x *examiner) note(stream identity.Stream) {
	x.mu.Lock()
	x.dirty[stream] = true
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *examiner) run(ctx context.Context) error {
	var searched time.Time
	for {
		start := x.clock.Now()
		if start.Sub(searched) >= searchEvery {
			if err := x.search(ctx); err != nil && ctx.Err() == nil {
				x.log.Warn("streams that were not examined could not be looked for; trying again", zap.Error(err))
			}
			searched = start
		}
		if err := x.round(ctx); err != nil && ctx.Err() == nil {
			x.log.Warn("streams could not be examined; trying again", zap.Error(err))
		}
		pause := max(examineEvery, examineShare*x.clock.Since(start))
		select {
		case <-ctx.Done():
			return nil
		case <-x.clock.After(pause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-x.wake:
		case <-x.clock.After(x.idle()):
		}
	}
}

// idle is how long there is nothing to do unless something comes.
func (x *examiner) idle() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	wait := searchEvery
	for _, at := range x.due {
		wait = min(wait, max(0, at.Sub(x.clock.Now())))
	}
	return wait
}

// search notes the streams of all tenants that were not examined to their ends.
func (x *examiner) search(ctx context.Context) error {
	tenants, err := x.store.Tenants(ctx)
	for _, tenant := range tenants {
		streams, failed := x.store.Unexamined(ctx, tenant, x.clock.Now())
		err = errors.Join(err, failed)
		for _, s := range streams {
			x.note(s)
		}
	}
	return err
}

// round examines the streams that were noted and those that are due.
func (x *examiner) round(ctx context.Context) error {
	x.mu.Lock()
	todo := x.dirty
	x.dirty = map[identity.Stream]bool{}
	for stream, at := range x.due {
		if !at.After(x.clock.Now()) {
			todo[stream] = true
			delete(x.due, stream)
		}
	}
	x.mu.Unlock()
	var failures error
	for stream := range todo {
		err := x.examine(ctx, stream)
		if errors.Is(err, ErrMoved) || errors.Is(err, ErrUnavailable) {
			x.note(stream) // there may be more than the other one saw
		}
		if errors.Is(err, ErrDamaged) {
			x.damaged(stream.TenantID, stream.ID(), "what is stored of the stream cannot be read back")
		}
		if err != nil && !errors.Is(err, ErrMoved) {
			failures = errors.Join(failures, err) // the next search finds it again
		}
	}
	return failures
}

// examine looks at what is new in one stream, and again at what was left to settle.
func (x *examiner) examine(ctx context.Context, stream identity.Stream) error {
	saved, err := x.store.Examination(ctx, stream)
	if err != nil {
		return err
	}
	e := journal.Resume(stream, saved.State, saved.Open, x.clock.Now().UTC())
	more, err := x.read(ctx, e)
	if err != nil {
		return err
	}
	discarded, err := x.discarded(ctx, e)
	if err != nil {
		return err
	}
	s := &Settlement{Stream: stream, Turn: saved.Turn, Seq: e.Seq, Now: x.clock.Now().UTC()}
	s.Findings = news(e.Findings(discarded), saved.Open)
	s.Due = e.Due()
	if s.State, err = e.Save(); err != nil {
		return err
	}
	changed, err := x.store.Settle(ctx, s)
	if err != nil {
		return err
	}
	x.tell(changed)
	if len(changed) > 0 {
		x.changed(stream.TenantID)
	}
	if more {
		x.note(stream)
	}
	if !s.Due.IsZero() {
		x.mu.Lock()
		x.due[stream] = s.Due
		x.mu.Unlock()
	}
	return nil
}

// read gives the examination everything that it asks for, and tells whether there is more to look at.
func (x *examiner) read(ctx context.Context, e *journal.Examination) (more bool, err error) {
	links, err := x.store.Behind(ctx, e.Stream(), e.Seq, x.page)
	if err != nil {
		return false, err
	}
	for _, l := range links {
		if err := e.Add(l); err != nil {
			return false, err
		}
	}
	for date, numbers := range e.NewReceipts() {
		uses, err := x.store.Receipts(ctx, identity.Terminal(e.Stream()), date, numbers)
		if err != nil {
			return false, err
		}
		e.Receipts(date, uses)
	}
	for _, key := range e.WantedSessions() {
		session, err := x.store.Session(ctx, e.Stream().TenantID, key)
		if err != nil {
			return false, err
		}
		e.Session(key, session)
	}
	return len(links) == x.page, nil
}

// discarded are the numbers of the stream that were given up in quarantine. They are asked for only
// where numbers are missing.
func (x *examiner) discarded(ctx context.Context, e *journal.Examination) (map[string][]uint64, error) {
	out := map[string][]uint64{}
	for producer, received := range e.Received {
		if received.Through() == received.Max() {
			continue
		}
		_, discarded, err := x.store.Fates(ctx, e.Stream(), producer)
		if err != nil {
			return nil, err
		}
		out[producer] = discarded
	}
	return out, nil
}

// news leaves out what is known: the same finding again, and that nothing is wrong where nothing was.
func news(findings map[journal.FindingKey]*journal.Finding, open []*journal.Discrepancy) map[journal.FindingKey]*journal.Finding {
	known := map[journal.FindingKey]*journal.Discrepancy{}
	for _, d := range open {
		known[journal.FindingKey{Kind: d.Kind, Key: d.Key}] = d
	}
	maps.DeleteFunc(findings, func(k journal.FindingKey, f *journal.Finding) bool {
		d := known[k]
		return d == nil && f == nil || d != nil && f != nil && f.Same(&d.Finding)
	})
	return findings
}

func (x *examiner) tell(changed []*journal.Discrepancy) {
	for _, d := range changed {
		x.metrics.discrepancies.WithLabelValues(string(d.Kind), string(d.State)).Inc()
		fields := []zap.Field{
			zap.String("tenant_id", d.Stream.TenantID), zap.String("stream", d.Stream.ID()), zap.String("id", d.ID), zap.String("kind", string(d.Kind)),
			zap.String("key", d.Key), zap.String("detail", d.Detail),
		}
		switch {
		case d.State == journal.DiscrepancyClosed:
			x.log.Info("discrepancy closed", fields...)
		case d.OpenedAt.Equal(d.ChangedAt):
			x.log.Warn("discrepancy opened", fields...)
		default:
			x.log.Info("discrepancy changed", fields...)
		}
	}
}
