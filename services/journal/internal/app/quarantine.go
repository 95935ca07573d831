package app

import (
	"context"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Aside is what people do with quarantined events: look at them, replay them, discard them. Callers
// name the tenant whose events they may see; "" are those that belong to no tenant.
type Aside struct {
	store    Store
	ingest   *Ingest
	reporter *reporter
	examiner *examiner
	clock    clockwork.Clock
	log      *zap.Logger
}

// List gives a page of items.
func (s *Aside) List(ctx context.Context, q QuarantineQuery) ([]*journal.Quarantined, int, error) {
	items, total, err := s.store.Items(ctx, q)
	return items, total, asProblem(err, QuarantineNotFound)
}

// Show gives one item with the event as it came.
func (s *Aside) Show(ctx context.Context, tenant, id string) (*journal.Quarantined, error) {
	q, err := s.store.Item(ctx, id)
	if err != nil {
		return nil, asProblem(err, QuarantineNotFound)
	}
	if q.TenantID != tenant {
		return nil, QuarantineNotFound.New("")
	}
	return q, nil
}

// Replay stores the event if that is possible now. It fails with ReplayRefused and the reason when
// it is not.
func (s *Aside) Replay(ctx context.Context, tenant, id, by string) (*journal.Quarantined, error) {
	q, err := s.open(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if !journal.Consumes(q.Topic) {
		return nil, ReplayRefused.New("the journal stores nothing of topic %q", q.Topic).
			WithHint("Let the service that it was meant for publish it again, and discard it here.")
	}
	v := s.ingest.replay(ctx, q.Topic, []*journal.Quarantined{q})[0]
	switch v.Result {
	case ResultQuarantined:
		return nil, ReplayRefused.New("%s", v.Reason)
	case ResultRetry:
		return nil, asProblem(v.Err, QuarantineNotFound)
	case ResultStored, ResultRepeat:
	}
	return s.close(ctx, q, Resolution{State: journal.QuarantineReplayed, By: by, Why: "replayed: " + string(v.Result), At: s.clock.Now().UTC()})
}

// Discard gives the event up for a reason; its publisher is told that it is cleared.
func (s *Aside) Discard(ctx context.Context, tenant, id, by, why string) (*journal.Quarantined, error) {
	q, err := s.open(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	return s.close(ctx, q, Resolution{State: journal.QuarantineDiscarded, By: by, Why: why, At: s.clock.Now().UTC()})
}

func (s *Aside) open(ctx context.Context, tenant, id string) (*journal.Quarantined, error) {
	q, err := s.Show(ctx, tenant, id)
	if err == nil && q.State != journal.QuarantineOpen {
		return nil, QuarantineClosed.New("it was %s", q.State)
	}
	return q, err
}

func (s *Aside) close(ctx context.Context, q *journal.Quarantined, r Resolution) (*journal.Quarantined, error) {
	if q.Reported() {
		r.Owes = journal.OwesStatus
	}
	closed, err := s.store.Resolve(ctx, q.ID, r)
	switch {
	case err != nil:
		return nil, asProblem(err, QuarantineNotFound)
	case !closed:
		return nil, QuarantineClosed.New("somebody else dealt with it at the same time")
	}
	s.log.Info("quarantined event dealt with", zap.String("id", q.ID), zap.String("event_id", q.EventID),
		zap.String("state", string(r.State)), zap.String("by", r.By), zap.String("why", r.Why))
	if q.Reported() {
		s.examiner.note(q.Stream) // what was discarded is no gap any more
		s.reporter.owe(ctx, q)
	}
	q, err = s.store.Item(ctx, q.ID)
	return q, asProblem(err, problem.NotFound)
}
