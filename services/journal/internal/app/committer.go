package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Limits of one transaction, whichever is reached first.
const (
	defaultBatch  = 256
	maxBatchBytes = 8 << 20
	// commitTimeout ends a commit that the database holds up; its events come again.
	commitTimeout = 20 * time.Second
)

// errPanicked says that a commit panicked; which of its events did it shows when it is split.
var errPanicked = errors.New("commit panicked")

// committer stores events in groups: while one transaction of a tenant is under way, what else
// arrives for the tenant gathers, and goes into the next one together. So one disk sync serves many
// deliveries. Nobody waits for a group to fill, unless linger says for how long.
type committer struct {
	store   Recorder
	tracer  trace.Tracer
	metrics *metrics
	stored  func(tenant string) // is told of every commit
	batch   int                 // events of one transaction, at most; one delivery is never split for it
	linger  time.Duration       // 0: a transaction begins as soon as there is something to store

	mu      sync.Mutex
	waiting map[string][]*job        // by tenant; a key is there while the tenant's loop runs
	full    map[string]chan struct{} // by tenant, while its loop lingers
	loops   sync.WaitGroup
}

func newCommitter(store Recorder, tracer trace.Tracer, m *metrics, batch int, linger time.Duration) *committer {
	if batch <= 0 {
		batch = defaultBatch
	}
	return &committer{
		store: store, tracer: tracer, metrics: m, stored: func(string) {}, batch: batch, linger: linger,
		waiting: map[string][]*job{}, full: map[string]chan struct{}{},
	}
}

// candidate is one event on its way in.
type candidate struct {
	ctx     context.Context // carries the event's trace
	record  *journal.Record
	outcome Outcome
	err     error
}

// job is what one delivery brought for one tenant.
type job struct {
	candidates []*candidate
	bytes      int
	since      time.Time
	done       chan struct{}
}

// commit stores candidates and fills in their outcomes or errors. When ctx ends first it returns
// false: whether they were stored is not known then, and they must not be read.
func (c *committer) commit(ctx context.Context, tenant string, candidates []*candidate) bool {
	j := &job{candidates: candidates, since: time.Now(), done: make(chan struct{})}
	for _, k := range candidates {
		j.bytes += len(k.record.Content)
	}
	c.mu.Lock()
	_, running := c.waiting[tenant]
	c.waiting[tenant] = append(c.waiting[tenant], j)
	if !running {
		c.loops.Go(func() { c.loop(tenant) })
	}
	if full := c.full[tenant]; full != nil && gathered(c.waiting[tenant]) >= c.batch {
		close(full)
		delete(c.full, tenant)
	}
	c.mu.Unlock()
	select {
	case <-j.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// loop commits for one tenant until nothing waits.
func (c *committer) loop(tenant string) {
	for jobs := c.take(tenant); len(jobs) > 0; jobs = c.take(tenant) {
		var all []*candidate
		for _, j := range jobs {
			all = append(all, j.candidates...)
		}
		c.storeAll(tenant, all)
		for _, j := range jobs {
			close(j.done)
		}
	}
}

func gathered(queue []*job) (events int) {
	for _, j := range queue {
		events += len(j.candidates)
	}
	return events
}

// wait lets a group gather for as long as linger, or until it is full.
func (c *committer) wait(tenant string) {
	if c.linger <= 0 {
		return
	}
	c.mu.Lock()
	n := gathered(c.waiting[tenant])
	full := make(chan struct{})
	if n > 0 && n < c.batch {
		c.full[tenant] = full
	}
	c.mu.Unlock()
	if n == 0 || n >= c.batch {
		return
	}
	select {
	case <-full:
	case <-time.After(c.linger):
		c.mu.Lock()
		delete(c.full, tenant)
		c.mu.Unlock()
	}
}

// depth counts the deliveries and events that wait for a transaction, and for how long the first has.
func (c *committer) depth() (deliveries, events int, oldest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, queue := range c.waiting {
		for _, j := range queue {
			deliveries, events = deliveries+1, events+len(j.candidates)
			oldest = max(oldest, time.Since(j.since))
		}
	}
	return deliveries, events, oldest
}

func (c *committer) take(tenant string) []*job {
	c.wait(tenant)
	c.mu.Lock()
	defer c.mu.Unlock()
	queue := c.waiting[tenant]
	if len(queue) == 0 {
		delete(c.waiting, tenant)
		return nil
	}
	n, events, bytes := 0, 0, 0
	for n < len(queue) && (n == 0 || events+len(queue[n].candidates) <= c.batch && bytes+queue[n].bytes <= maxBatchBytes) {
		events, bytes, n = events+len(queue[n].candidates), bytes+queue[n].bytes, n+1
	}
	c.waiting[tenant] = queue[n:]
	return queue[:n:n]
}

// storeAll commits a group. When it fails because of one of its events it is split, until that one
// stands alone: it never holds back the others.
func (c *committer) storeAll(tenant string, group []*candidate) {
	outcomes, err := c.attempt(tenant, group)
	switch {
	case err == nil:
		for i, k := range group {
			k.outcome = outcomes[i]
		}
	case len(group) == 1, errors.Is(err, ErrUnavailable), errors.Is(err, ErrUnknownTenant):
		for _, k := range group {
			k.err = err
		}
	default:
		c.metrics.splits.Inc()
		c.storeAll(tenant, group[:len(group)/2])
		c.storeAll(tenant, group[len(group)/2:])
	}
}

func (c *committer) attempt(tenant string, group []*candidate) (outcomes []Outcome, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	end := c.trace(group)
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanicked, p, debug.Stack())
		}
		c.metrics.commits.Observe(time.Since(start).Seconds())
		c.metrics.batch.Observe(float64(len(group)))
		end(err)
	}()
	records := make([]*journal.Record, len(group))
	for i, k := range group {
		records[i] = k.record
	}
	outcomes, err = c.store.Commit(ctx, tenant, records)
	if err == nil {
		c.stored(tenant)
	}
	if err == nil && len(outcomes) != len(records) {
		err = fmt.Errorf("the store answered %d outcomes for %d events", len(outcomes), len(records))
	}
	return outcomes, err
}

// trace makes the transaction visible in the trace of every event of the group, once in each.
func (c *committer) trace(group []*candidate) (end func(error)) {
	spans := map[trace.TraceID]trace.Span{}
	for _, k := range group {
		id := trace.SpanContextFromContext(k.ctx).TraceID()
		if _, ok := spans[id]; !ok {
			_, spans[id] = c.tracer.Start(k.ctx, "journal.commit", trace.WithAttributes(attribute.Int("journal.batch_size", len(group))))
		}
	}
	return func(err error) {
		for _, span := range spans {
			if err != nil {
				span.SetStatus(codes.Error, "commit failed")
			}
			span.End()
		}
	}
}

// drain waits until nothing is being committed any more.
func (c *committer) drain() { c.loops.Wait() }
