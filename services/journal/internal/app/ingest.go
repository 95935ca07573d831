package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Message is one delivered event. Err is set, and CloudEvent zero, when Raw is no CloudEvent.
type Message struct {
	CloudEvent cloudevent.In
	Raw        json.RawMessage
	Err        error
}

// Result is what a delivery came to.
type Result string

// The results.
const (
	ResultStored      Result = "stored"
	ResultRepeat      Result = "repeat"
	ResultQuarantined Result = "quarantined"
	ResultRetry       Result = "retry"
)

// Verdict on one message. Only a retry has an error; then nothing is known to be stored anywhere.
type Verdict struct {
	Result  Result
	EventID string
	Reason  string // why it was quarantined
	Err     error
}

// Ingest takes events into the journal: exactly once in effect, however often and in whatever order
// they are delivered.
type Ingest struct {
	store     Store
	committer *committer
	hints     *hints
	reporter  *reporter
	tenants   *Tenants
	waiting   *waiting
	examiner  *examiner
	alarm     *alarm
	asker     *asker
	poison    *poison
	clock     clockwork.Clock
	newID     func() string
	log       *zap.Logger
	tracer    trace.Tracer
	metrics   *metrics
	decode    func(topic string, data []byte) (*journal.Record, error)

	mu          sync.Mutex
	generations map[lane]int // of the deliveries stored last; the store has them too
}

// origin is how messages came.
type origin struct {
	givenUpBy string // the application whose sidecar gave them up, or ""
	replayed  bool   // out of quarantine, and not by a delivery
}

// arrival is one message on its way through. In the end it has an outcome, a refusal or an error.
type arrival struct {
	Message
	origin
	topic    string
	ctx      context.Context
	span     trace.Span
	record   *journal.Record
	refusal  *journal.Refusal
	outcome  Outcome
	err      error
	ownFault bool // err is the event's own, and no passing fault
}

// Handle takes what was delivered on topic. The verdicts are in the order of the messages.
func (in *Ingest) Handle(ctx context.Context, topic string, messages []Message) []Verdict {
	return in.handle(ctx, messages, func(*Message) string { return topic }, origin{})
}

// HandleDeadLetters takes what the sidecar of an application gave up. What the journal itself stores
// is stored if that is possible now; the rest is set aside for somebody to look at.
func (in *Ingest) HandleDeadLetters(ctx context.Context, app string, messages []Message) []Verdict {
	return in.handle(ctx, messages, func(m *Message) string { return cmp.Or(m.CloudEvent.Topic, event.DeadLetters(app)) }, origin{givenUpBy: app})
}

// replay takes quarantined events of one topic. They carry the generation that their publisher had
// when they were delivered; what was stored of their streams since then knows a better one.
func (in *Ingest) replay(ctx context.Context, topic string, items []*journal.Quarantined) []Verdict {
	messages := make([]Message, len(items))
	for i, q := range items {
		m := Message{Raw: q.CloudEvent}
		m.Err = json.Unmarshal(q.CloudEvent, &m.CloudEvent)
		if p, err := in.store.Progress(ctx, q.Stream, q.Producer); err == nil && len(p.Received) > 0 {
			m.CloudEvent.Generation = p.Generation
		}
		messages[i] = m
	}
	return in.handle(ctx, messages, func(*Message) string { return topic }, origin{replayed: true})
}

func (in *Ingest) handle(ctx context.Context, messages []Message, topic func(*Message) string, from origin) []Verdict {
	arrivals := make([]*arrival, len(messages))
	for i, m := range messages {
		arrivals[i] = &arrival{Message: m, topic: topic(&m), origin: from}
		in.read(ctx, arrivals[i])
	}
	in.provision(ctx, arrivals)
	in.commit(ctx, arrivals)
	for _, a := range arrivals {
		in.judge(a)
	}
	in.setAside(ctx, arrivals)
	verdicts := make([]Verdict, len(arrivals))
	for i, a := range arrivals {
		verdicts[i] = in.conclude(a)
	}
	return verdicts
}

// read decodes a message.
func (in *Ingest) read(ctx context.Context, a *arrival) {
	a.ctx, a.span = in.tracer.Start(a.CloudEvent.Context(ctx), "journal.ingest", trace.WithSpanKind(trace.SpanKindConsumer))
	defer func() {
		if p := recover(); p != nil {
			a.err, a.ownFault = fmt.Errorf("decoding panicked: %v", p), true
		}
	}()
	switch {
	case a.Err != nil:
		a.refusal = &journal.Refusal{Reason: journal.Undecodable, Detail: a.Err.Error()}
		return
	case a.givenUpBy != "" && !journal.Consumes(a.topic):
		a.refusal = &journal.Refusal{Reason: journal.DeadLetter, Detail: givenUp(a.givenUpBy), Envelope: journal.Attribute(a.CloudEvent.Data)}
		return
	}
	record, err := in.decode(a.topic, a.CloudEvent.Data)
	if err != nil && !errors.As(err, &a.refusal) {
		a.err, a.ownFault = err, true
	}
	if err != nil {
		return
	}
	record.TraceParent, record.Generation = a.CloudEvent.TraceParent, a.CloudEvent.Generation
	a.record = record
	a.span.SetAttributes(attribute.String("tillroll.event_id", record.Envelope().EventID), attribute.String("tillroll.stream", record.Stream().ID()))
}

// provision makes the tenants whose own snapshots are among the arrivals.
func (in *Ingest) provision(ctx context.Context, arrivals []*arrival) {
	for _, a := range arrivals {
		if a.record == nil || a.record.ProvisionedBy() == "" {
			continue
		}
		if _, err := in.tenants.Provision(ctx, a.record.ProvisionedBy()); err != nil {
			a.err, a.record = err, nil
		}
	}
}

// commit stores what was decoded, tenant by tenant and all tenants at once.
func (in *Ingest) commit(ctx context.Context, arrivals []*arrival) {
	byTenant := map[string][]*arrival{}
	for _, a := range arrivals {
		if a.record != nil {
			tenant := a.record.Envelope().TenantID
			byTenant[tenant] = append(byTenant[tenant], a)
		}
	}
	var tenants sync.WaitGroup
	for tenant, of := range byTenant {
		tenants.Go(func() { in.commitTenant(ctx, tenant, of) })
	}
	tenants.Wait()
}

// commitTenant runs beside the request's own goroutine, where nobody else would catch a panic. It is
// not held against the events: what one of them causes, the committer tells.
func (in *Ingest) commitTenant(ctx context.Context, tenant string, arrivals []*arrival) {
	defer func() {
		if p := recover(); p != nil {
			in.log.Error("storing made the journal panic", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			for _, a := range arrivals {
				a.outcome, a.err = 0, fmt.Errorf("panic: %v", p)
			}
		}
	}()
	rest := in.withoutKnown(ctx, tenant, arrivals)
	if len(rest) == 0 {
		return
	}
	candidates := make([]*candidate, len(rest))
	for i, a := range rest {
		candidates[i] = &candidate{ctx: a.ctx, record: a.record}
	}
	if !in.committer.commit(ctx, tenant, candidates) {
		for _, a := range rest {
			a.err = fmt.Errorf("%w: the delivery ended before its commit: %w", ErrUnavailable, ctx.Err())
		}
		return
	}
	for i, a := range rest {
		a.outcome, a.err = candidates[i].outcome, candidates[i].err
		a.ownFault = errors.Is(a.err, ErrRefused) || errors.Is(a.err, errPanicked)
		if errors.Is(a.err, ErrDamaged) {
			in.alarm.damage(tenant, a.record.Stream().ID(), "the chain's head cannot be read back; its events wait")
		}
		if a.err == nil {
			in.remember(a.record)
		}
	}
}

// withoutKnown finds the repeats that can be told without a transaction: those marked as processed
// in the state store, after one indexed read found the same id and content in the database. Events
// of an outbox generation that was not stored yet go through the transaction, which keeps it.
func (in *Ingest) withoutKnown(ctx context.Context, tenant string, arrivals []*arrival) []*arrival {
	ids := make([]string, len(arrivals))
	for i, a := range arrivals {
		ids[i] = a.record.Envelope().EventID
	}
	marked := in.hints.marked(ctx, tenant, ids)
	var hopeful []string
	for _, a := range arrivals {
		if id := a.record.Envelope().EventID; marked[id] == a.record.ContentHash.String() && in.remembered(a.record) {
			hopeful = append(hopeful, id)
		}
	}
	in.metrics.hintAnswers.WithLabelValues("marked").Add(float64(len(hopeful)))
	in.metrics.hintAnswers.WithLabelValues("unmarked").Add(float64(len(arrivals) - len(hopeful)))
	if len(hopeful) == 0 {
		return arrivals
	}
	known, err := in.store.Known(ctx, tenant, hopeful)
	if err != nil {
		return arrivals // the transaction will find out
	}
	in.metrics.hintAnswers.WithLabelValues("wrong").Add(float64(len(hopeful) - len(known)))
	return slices.DeleteFunc(slices.Clone(arrivals), func(a *arrival) bool {
		id := a.record.Envelope().EventID
		hash, found := known[id]
		if !found || hash != a.record.ContentHash {
			return false
		}
		a.outcome = Repeat
		return true
	})
}

func (in *Ingest) remember(r *journal.Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.generations[lane{r.Stream(), r.Envelope().Producer}] = r.Generation
}

func (in *Ingest) remembered(r *journal.Record) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	generation, ok := in.generations[lane{r.Stream(), r.Envelope().Producer}]
	return ok && generation == r.Generation
}

// conclude reports, marks, logs and counts what became of an arrival.
func (in *Ingest) conclude(a *arrival) Verdict {
	v := Verdict{EventID: a.eventID()}
	log := in.log.With(zap.String("event_id", v.EventID), zap.String("topic", a.topic), zap.String("trace_id", a.span.SpanContext().TraceID().String()))
	switch {
	case a.refusal != nil:
		v.Result, v.Reason = ResultQuarantined, a.refusal.Error()
		in.logRefusal(log, a)
		in.report(a, a.refusal.Envelope)
	case a.err != nil:
		v.Result, v.Err = ResultRetry, a.err
		log.Warn("an event could not be stored now; it comes again", zap.Error(a.err))
	default:
		v.Result = ResultStored
		if a.outcome == Repeat {
			v.Result = ResultRepeat
		} else {
			in.examiner.note(a.record.Stream())
			in.metrics.lag.WithLabelValues(a.topic).Observe(in.clock.Since(a.record.Envelope().OccurredAt).Seconds())
		}
		log.Debug("event handled", zap.String("result", string(v.Result)))
		in.hints.mark(a.record)
		in.report(a, a.record.Envelope())
	}
	in.metrics.ingested.WithLabelValues(a.label(), string(v.Result)).Inc()
	a.span.SetAttributes(attribute.String("journal.result", string(v.Result)))
	a.span.End()
	return v
}

// label is the topic for metrics: a dead letter could name any.
func (a *arrival) label() string {
	if journal.Consumes(a.topic) {
		return a.topic
	}
	return "other"
}

// report has the publisher told, every time: it may have missed the last message.
func (in *Ingest) report(a *arrival, h *event.Envelope) {
	if h == nil || h.Sequence == 0 || h.Producer == event.ProducerJournal {
		return
	}
	in.reporter.note(a.ctx, lane{h.Stream(), h.Producer}, a.CloudEvent.Generation, !a.replayed)
}
