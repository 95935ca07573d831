package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel/propagation"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Times and sizes of status messages.
const (
	statusEvery    = 50 * time.Millisecond
	statusRetry    = 200 * time.Millisecond
	statusRetryMax = 5 * time.Second
	// statusLastCall is how long the messages that are due at the end may take. What does not get
	// out is told when the publisher delivers again.
	statusLastCall = 3 * time.Second
	// recallEvery is how often it is looked for whom word is owed that this process knows nothing of:
	// another one may have closed a quarantined event and died. So many are taken at once.
	recallEvery = time.Minute
	recallItems = 1000
	// statusRanges bounds one message; what has more gaps is told in several.
	statusRanges = 500
)

// lane is one producer's sequence in one stream: what a status message is about.
type lane struct {
	stream   identity.Stream
	producer string
}

// note is that a lane's publisher must be told.
type note struct {
	generation int
	delivered  bool // generation is that of a delivery just handled, and not an older memory
	trace      propagation.MapCarrier
	items      []string // quarantined events whose end is told with it
}

// reporter tells publishers what the journal has and has not, batched per lane. What it says it reads
// from the store at the moment of sending, so it never says more than is committed, and a message
// that gets lost is made good by the next.
type reporter struct {
	store     Store
	publisher Publisher
	keeper    *logKeeper
	clock     clockwork.Clock
	newID     func() string
	log       *zap.Logger
	metrics   *metrics
	wake      chan struct{}

	mu      sync.Mutex
	pending map[lane]note
}

// note has a lane's publisher told soon. ctx carries the trace that the message goes on with.
func (r *reporter) note(ctx context.Context, l lane, generation int, delivered bool) {
	r.tell(ctx, l, note{generation: generation, delivered: delivered})
}

// owe has the publisher of a quarantined event told of its end; the event's debt is paid then.
func (r *reporter) owe(ctx context.Context, q *journal.Quarantined) {
	r.tell(ctx, lane{q.Stream, q.Producer}, note{generation: q.Generation, items: []string{q.ID}})
}

func (r *reporter) tell(ctx context.Context, l lane, n note) {
	n.trace = propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, n.trace)
	r.mu.Lock()
	r.merge(l, n)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// merge keeps the highest generation that was delivered since the last message; what was delivered
// counts more than what is remembered.
func (r *reporter) merge(l lane, n note) {
	if old, ok := r.pending[l]; ok {
		switch {
		case old.delivered && !n.delivered:
			n.generation, n.delivered = old.generation, true
		case old.delivered == n.delivered:
			n.generation = max(n.generation, old.generation)
		}
		n.items = append(slices.Clone(old.items), n.items...)
	}
	r.pending[l] = n
}

func (r *reporter) run(ctx context.Context) error {
	wait := statusEvery
	var recalled time.Time
	for {
		if now := r.clock.Now(); now.Sub(recalled) >= recallEvery {
			if err := r.recall(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("publishers to whom word is owed could not be looked for; trying again", zap.Error(err))
			}
			recalled = now
		}
		select {
		case <-ctx.Done():
			return r.lastCall(ctx)
		case <-r.wake:
		case <-r.clock.After(recallEvery):
			continue
		}
		select {
		case <-ctx.Done():
			return r.lastCall(ctx)
		case <-r.clock.After(wait):
		}
		if err := r.flush(ctx); err != nil && ctx.Err() == nil {
			wait = min(max(wait*2, statusRetry), statusRetryMax)
			r.log.Warn("publishers could not be told; trying again", zap.Duration("retry_in", wait), zap.Error(err))
			continue
		}
		wait = statusEvery
	}
}

// recall has those told of a quarantined event's end who were not when it was closed.
func (r *reporter) recall(ctx context.Context) error {
	items, err := r.store.Owing(ctx, journal.OwesStatus, recallItems)
	for _, q := range items {
		r.owe(ctx, q)
	}
	return err
}

func (r *reporter) lastCall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusLastCall)
	defer cancel()
	if err := r.flush(ctx); err != nil {
		r.log.Warn("publishers could not be told at the end; they will deliver again and be told then", zap.Error(err))
	}
	return nil
}

// flush tells everybody who is to be told. Who could not be told is kept for the next time.
func (r *reporter) flush(ctx context.Context) error {
	r.mu.Lock()
	due := r.pending
	r.pending = map[lane]note{}
	r.mu.Unlock()

	var messages []outbox.Message
	var of []lane
	var failure error
	for l, n := range due {
		made, err := r.messages(ctx, l, n)
		if err != nil {
			failure = errors.Join(failure, err)
			r.keep(l, n)
			continue
		}
		for _, m := range made {
			messages, of = append(messages, m), append(of, l)
		}
	}
	sent := 0
	if len(messages) > 0 {
		var err error
		sent, err = r.publisher.Publish(ctx, event.TopicJournalStatus, messages)
		failure = errors.Join(failure, err)
	}
	r.metrics.statuses.WithLabelValues("sent").Add(float64(sent))
	r.metrics.statuses.WithLabelValues("failed").Add(float64(len(messages) - sent))
	for _, l := range slices.Compact(of[sent:]) {
		r.keep(l, due[l])
		delete(due, l)
	}
	if err := r.settle(ctx, due, of[:sent]); err != nil {
		failure = errors.Join(failure, err) // they are told once more
	}
	return failure
}

// settle notes that the publishers of lanes that are due were told.
func (r *reporter) settle(ctx context.Context, due map[lane]note, told []lane) error {
	var items []string
	for _, l := range slices.Compact(told) {
		items = append(items, due[l].items...)
	}
	if len(items) == 0 {
		return nil
	}
	return r.store.Paid(ctx, journal.OwesStatus, items)
}

func (r *reporter) keep(l lane, n note) {
	r.mu.Lock()
	newer, again := r.pending[l]
	r.pending[l] = n
	if again {
		r.merge(l, newer)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// messages says everything about one lane.
func (r *reporter) messages(ctx context.Context, l lane, n note) ([]outbox.Message, error) {
	progress, err := r.store.Progress(ctx, l.stream, l.producer)
	if err != nil && !errors.Is(err, ErrUnknownTenant) {
		return nil, err
	}
	open, discarded, err := r.store.Fates(ctx, l.stream, l.producer)
	if err != nil {
		return nil, err
	}
	generation := n.generation
	if !n.delivered && len(progress.Received) > 0 {
		generation = progress.Generation
	}
	statuses := statusesOf(&progress, open, discarded)
	// The newest checkpoint goes along, to lie where nobody who can change the journal can change it. A
	// message is not held up for it.
	if newest, found, err := r.keeper.latest(ctx, l.stream.TenantID); err == nil && found {
		statuses[0].Checkpoint = newest.Note
	}
	out := make([]outbox.Message, len(statuses))
	for i, s := range statuses {
		s.Envelope = event.Envelope{
			EventID: r.newID(), SchemaVersion: event.SchemaVersion, Producer: l.producer, OccurredAt: r.clock.Now().UTC(),
			TenantID: l.stream.TenantID, StoreCode: l.stream.StoreCode, TerminalNo: l.stream.TerminalNo,
		}
		s.Generation = generation
		data, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		out[i] = outbox.Message{
			EventID: s.EventID, Time: s.OccurredAt, Data: data,
			TraceParent: n.trace["traceparent"], TraceState: n.trace["tracestate"],
		}
	}
	return out, nil
}

// statusesOf says what was received, in as many messages as the gaps need: publishers add up what
// they are told, so each message may name only a part as received and the rest as missing.
func statusesOf(p *journal.Progress, open []event.FailedEvent, discarded []uint64) []*event.JournalStatus {
	first := &event.JournalStatus{Cleared: discarded}
	for _, f := range open {
		if !p.Received.Contains(f.Sequence) {
			first.Failed = append(first.Failed, f)
		}
	}
	statuses := []*event.JournalStatus{first}
	for i, part := range slices.Collect(slices.Chunk(p.Received, statusRanges)) {
		if i > 0 {
			statuses = append(statuses, &event.JournalStatus{})
		}
		statuses[i].ReceivedThrough, statuses[i].Missing = part.Max(), part.Missing(1, part.Max())
	}
	return statuses
}
