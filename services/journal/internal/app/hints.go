package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Times and sizes of the hints.
const (
	// markLife is at least the longest time after which a broker or an outbox delivers again.
	markLife = 30 * 24 * time.Hour
	// hintTimeout is what a look-up may cost; the transaction that it spares costs less than more.
	hintTimeout = 300 * time.Millisecond
	// markTimeout of one bulk of marks, which nobody waits for.
	markTimeout  = 5 * time.Second
	markBatch    = 100
	markBacklog  = 10_000
	breakerTrips = 5                // failures in a row
	breakerRests = 10 * time.Second // before it is tried again
)

// mark is the visible status of a processed event in the state store.
type mark struct {
	EventID     string    `json:"event_id"`
	Status      string    `json:"status"`
	ContentHash string    `json:"content_hash"`
	ProcessedAt time.Time `json:"processed_at"`
}

// markKey of an event.
func markKey(tenant, eventID string) string { return "processed/" + tenant + "/" + eventID }

// hints keeps marks of processed events in a state store. A mark is a hint that the event is stored;
// the database is asked before anything follows from it. So the store may be away, empty or wrong.
type hints struct {
	store   state.Store
	breaker *gobreaker.CircuitBreaker[[]state.Item]
	clock   clockwork.Clock
	log     *zap.Logger
	metrics *metrics
	queue   chan state.Op
}

func newHints(store state.Store, clock clockwork.Clock, log *zap.Logger, m *metrics) *hints {
	h := &hints{store: store, clock: clock, log: log, metrics: m, queue: make(chan state.Op, markBacklog)}
	h.breaker = gobreaker.NewCircuitBreaker[[]state.Item](gobreaker.Settings{
		Name: "processed", Timeout: breakerRests,
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, context.Canceled) },
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			m.hintBreaker.Set(float64(to))
			log.Warn("the state store of processed ids changed", zap.Stringer("from", from), zap.Stringer("to", to))
		},
	})
	return h
}

// marked gives the content hashes that the state store has for the events, as far as it answers.
func (h *hints) marked(ctx context.Context, tenant string, eventIDs []string) map[string]string {
	keys := make([]string, len(eventIDs))
	for i, id := range eventIDs {
		keys[i] = markKey(tenant, id)
	}
	items, err := h.breaker.Execute(func() ([]state.Item, error) {
		ctx, cancel := context.WithTimeout(ctx, hintTimeout)
		defer cancel()
		return h.store.Get(ctx, keys...)
	})
	if err != nil {
		h.metrics.hintAnswers.WithLabelValues("unavailable").Inc()
		return nil
	}
	found := map[string]string{}
	for i, item := range items {
		var m mark
		if i < len(eventIDs) && item.Exists() && json.Unmarshal(item.Value, &m) == nil {
			found[eventIDs[i]] = m.ContentHash
		}
	}
	return found
}

// mark notes that the event is stored; it is written soon, or never.
func (h *hints) mark(r *journal.Record) {
	e := r.Envelope()
	value, err := json.Marshal(mark{EventID: e.EventID, Status: "received", ContentHash: r.ContentHash.String(), ProcessedAt: h.clock.Now().UTC()})
	if err != nil {
		return // strings and a time: cannot fail
	}
	select {
	case h.queue <- state.Op{Key: markKey(e.TenantID, e.EventID), Value: value, Blind: true, Expire: markLife}:
	default:
		h.metrics.marksDropped.Inc()
	}
}

// run writes the marks.
func (h *hints) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			h.writeRest()
			return nil
		case op := <-h.queue:
			h.write(context.WithoutCancel(ctx), h.gather(op))
		}
	}
}

// gather takes what waits, up to a bulk.
func (h *hints) gather(ops ...state.Op) []state.Op {
	for len(ops) < markBatch {
		select {
		case op := <-h.queue:
			ops = append(ops, op)
		default:
			return ops
		}
	}
	return ops
}

func (h *hints) writeRest() {
	for ops := h.gather(); len(ops) > 0; ops = h.gather() {
		if !h.write(context.Background(), ops) {
			return
		}
	}
}

func (h *hints) write(ctx context.Context, ops []state.Op) bool {
	_, err := h.breaker.Execute(func() ([]state.Item, error) {
		ctx, cancel := context.WithTimeout(ctx, markTimeout)
		defer cancel()
		return nil, h.store.Write(ctx, ops...)
	})
	if err != nil {
		h.metrics.marksDropped.Add(float64(len(ops)))
		h.log.Debug("processed ids were not marked", zap.Int("events", len(ops)), zap.Error(err))
	}
	return err == nil
}
