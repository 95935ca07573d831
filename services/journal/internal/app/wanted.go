package app

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
)

// How often a tenant's snapshot is asked for, how long asking may take, and how many tenants are
// remembered.
const (
	askEvery   = 10 * time.Second
	askTimeout = 2 * time.Second
	askedKept  = 1000
)

// asker asks the terminal service for the snapshots of tenants whose events come although nobody
// told the journal of them.
type asker struct {
	publisher Publisher
	clock     clockwork.Clock
	newID     func() string
	log       *zap.Logger

	mu    sync.Mutex
	asked map[string]time.Time
}

// ask asks for a tenant's snapshots, unless that was done just now. A request that gets lost is made
// again when the next event comes.
func (a *asker) ask(ctx context.Context, tenant string) {
	now := a.clock.Now().UTC()
	if !a.due(tenant, now) {
		return
	}
	wanted := event.SnapshotWanted{AskedBy: event.ProducerJournal, Envelope: event.Envelope{
		EventID: a.newID(), SchemaVersion: event.SchemaVersion, TenantID: tenant, Producer: event.ProducerJournal, OccurredAt: now,
	}}
	data, err := json.Marshal(&wanted)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		_, err = a.publisher.Publish(ctx, event.TopicSnapshotWanted, []outbox.Message{{EventID: wanted.EventID, Time: now, Data: data}})
	}
	if err != nil {
		a.log.Warn("the snapshot of an unknown tenant could not be asked for", zap.String("tenant_id", tenant), zap.Error(err))
		return
	}
	a.log.Info("asked for the snapshot of an unknown tenant", zap.String("tenant_id", tenant))
}

func (a *asker) due(tenant string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.asked[tenant]) < askEvery {
		return false
	}
	if a.asked == nil || len(a.asked) >= askedKept {
		a.asked = map[string]time.Time{}
	}
	a.asked[tenant] = now
	return true
}
