package app

import (
	"context"
	"slices"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// How often waiting events are looked for although nothing happened, and how many are stored at once.
const (
	waitingEvery = time.Minute
	waitingBatch = 100
)

// byItself is who replays events that waited for their tenant.
const byItself = "journal"

// waiting stores quarantined events of tenants that were unknown, once they are provisioned. It also
// looks at every start: a process may have died between the two.
type waiting struct {
	store  Store
	ingest *Ingest
	clock  clockwork.Clock
	log    *zap.Logger
	wake   chan struct{}
}

func (w *waiting) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *waiting) run(ctx context.Context) error {
	for {
		if err := w.sweep(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("events that waited for their tenant could not be stored; trying again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-w.clock.After(waitingEvery):
		}
	}
}

// sweep stores what waits for tenants that exist.
func (w *waiting) sweep(ctx context.Context) error {
	wanted, err := w.store.WaitingFor(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	provisioned, err := w.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, tenant := range wanted {
		if _, found := slices.BinarySearch(provisioned, tenant); !found {
			continue
		}
		if err := w.replayTenant(ctx, tenant); err != nil {
			return err
		}
	}
	return nil
}

func (w *waiting) replayTenant(ctx context.Context, tenant string) error {
	for after := ""; ; {
		items, err := w.store.Waiting(ctx, tenant, after, waitingBatch)
		if err != nil || len(items) == 0 {
			return err
		}
		after = items[len(items)-1].ID
		stored := 0
		for topic, of := range byTopic(items) {
			n, err := w.replay(ctx, topic, of)
			if err != nil {
				return err
			}
			stored += n
		}
		w.log.Info("stored events that waited for their tenant", zap.String("tenant_id", tenant), zap.Int("events", stored))
	}
}

// replay stores what it can. What is refused for another reason now keeps that one and is left to
// people; what fails for the moment is tried again at the next sweep.
func (w *waiting) replay(ctx context.Context, topic string, items []*journal.Quarantined) (stored int, err error) {
	for i, v := range w.ingest.replay(ctx, topic, items) {
		if v.Result != ResultStored && v.Result != ResultRepeat {
			continue
		}
		if err := w.close(ctx, items[i]); err != nil {
			return stored, err
		}
		stored++
	}
	return stored, nil
}

func (w *waiting) close(ctx context.Context, q *journal.Quarantined) error {
	r := Resolution{State: journal.QuarantineReplayed, By: byItself, Why: "the tenant was provisioned", At: w.clock.Now().UTC()}
	if q.Reported() {
		r.Owes = journal.OwesStatus
	}
	closed, err := w.store.Resolve(ctx, q.ID, r)
	if closed && q.Reported() {
		w.ingest.reporter.owe(ctx, q)
	}
	return err
}

func byTopic(items []*journal.Quarantined) map[string][]*journal.Quarantined {
	topics := map[string][]*journal.Quarantined{}
	for _, q := range items {
		topics[q.Topic] = append(topics[q.Topic], q)
	}
	return topics
}
