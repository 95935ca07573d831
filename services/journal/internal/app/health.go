package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
)

// HealthStatus is how the service, or a part of it, is.
type HealthStatus string

// The statuses of the whole, and of a component.
const (
	Healthy   HealthStatus = "healthy"
	Degraded  HealthStatus = "degraded"  // it takes and shows events, but something beside that is away
	Unhealthy HealthStatus = "unhealthy" // it cannot do its work
	Up        HealthStatus = "up"
	Down      HealthStatus = "down"
)

// Names of the components.
const (
	HealthDatabase   = "database"
	HealthReplicaSet = "replicaSet" // on MongoDB
	HealthSidecar    = "sidecar"
	HealthStateStore = "stateStore" // of processed ids
	HealthBroker     = "broker"     // reached through the sidecar
	HealthQueue      = "queue"      // of events on their way into the database
	HealthAlerts     = "alerts"     // where a binding is set
)

// HealthComponent is one thing that the service needs, or a queue of its own. Facts are for operators.
type HealthComponent struct {
	Name    string
	Status  HealthStatus
	Problem *problem.Kind // what its being down is called, nil while it is up
	Facts   map[string]string
}

// HealthReport is the whole.
type HealthReport struct {
	Status     HealthStatus
	At         time.Time
	Components []HealthComponent
}

// vital are the components without which the service cannot do its work: nothing can be stored without
// the first, and nothing is delivered without the second. The state store is not among them: it holds
// hints.
var vital = map[string]bool{HealthDatabase: true, HealthReplicaSet: true, HealthSidecar: true}

// Limits of a look at health.
const (
	healthTimeout = 2 * time.Second
	// brokerEvery is how often the broker is tried at most: the try is an event that everybody ignores.
	brokerEvery = 10 * time.Second
	// queueSlow is how long an event may wait for its transaction.
	queueSlow = 10 * time.Second
)

// Health looks at everything that the service needs.
type Health struct {
	store     Store
	hints     Hints
	publisher Publisher
	committer *committer
	alarm     *alarm
	sidecar   func(ctx context.Context) error // nil: not asked
	clock     clockwork.Clock
	newID     func() string
	log       *zap.Logger

	mu      sync.Mutex
	tried   time.Time // the broker
	outcome error
}

// Check looks at each component, all at the same time.
func (h *Health) Check(ctx context.Context) *HealthReport {
	looks := []func(context.Context) []HealthComponent{h.database, h.sidecarAnswers, h.stateStore, h.broker, h.queue, h.alerts}
	found := make([][]HealthComponent, len(looks))
	var all sync.WaitGroup
	for i, look := range looks {
		all.Go(func() {
			limited, cancel := context.WithTimeout(ctx, healthTimeout)
			defer cancel()
			found[i] = look(limited)
		})
	}
	all.Wait()
	report := &HealthReport{Status: Healthy, At: h.clock.Now().UTC()}
	for _, components := range found {
		for _, c := range components {
			switch {
			case c.Status == Up:
			case vital[c.Name]:
				report.Status = Unhealthy
			case report.Status == Healthy:
				report.Status = Degraded
			}
			report.Components = append(report.Components, c)
		}
	}
	return report
}

// component is up unless err says why not.
func (h *Health) component(name string, kind *problem.Kind, err error, facts map[string]string) HealthComponent {
	c := HealthComponent{Name: name, Status: Up, Facts: facts}
	if err == nil {
		return c
	}
	if c.Facts == nil {
		c.Facts = map[string]string{}
	}
	c.Status, c.Problem, c.Facts["error"] = Down, kind, firstLine(err)
	h.log.Warn("a component is down", zap.String("component", name), zap.Int("code", kind.Code), zap.Error(err))
	return c
}

func (h *Health) database(ctx context.Context) []HealthComponent {
	err := h.store.Ping(ctx)
	facts, state := map[string]string{}, DatabaseState{}
	if err == nil {
		state, err = h.store.Describe(ctx)
	}
	if state.Engine != "" {
		facts["engine"] = state.Engine
	}
	components := []HealthComponent{h.component(HealthDatabase, DatabaseAway, err, facts)}
	if state.Members != nil {
		var trouble error
		if state.Primary == "" {
			trouble = fmt.Errorf("the replica set %s has no primary", state.ReplicaSet)
		}
		components = append(components, h.component(HealthReplicaSet, DatabaseAway, trouble, map[string]string{
			"set": state.ReplicaSet, "primary": state.Primary, "members": fmt.Sprint(state.Members)}))
	}
	return components
}

func (h *Health) sidecarAnswers(ctx context.Context) []HealthComponent {
	if h.sidecar == nil {
		return nil
	}
	return []HealthComponent{h.component(HealthSidecar, SidecarAway, h.sidecar(ctx), nil)}
}

func (h *Health) stateStore(ctx context.Context) []HealthComponent {
	_, err := h.hints.Get(ctx, "health")
	return []HealthComponent{h.component(HealthStateStore, StateStoreAway, err, nil)}
}

// broker publishes an event that probes the path: whoever gets it answers that it is done.
func (h *Health) broker(ctx context.Context) []HealthComponent {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.clock.Now(); h.tried.IsZero() || now.Sub(h.tried) >= brokerEvery {
		h.tried = now
		data, err := json.Marshal(map[string]string{"test": "health-check"})
		if err == nil {
			_, err = h.publisher.Publish(ctx, event.TopicJournalStatus, []outbox.Message{{EventID: h.newID(), Time: now.UTC(), Data: data}})
		}
		h.outcome = err
	}
	return []HealthComponent{h.component(HealthBroker, BrokerAway, h.outcome, map[string]string{"triedAt": h.tried.UTC().Format(time.RFC3339)})}
}

func (h *Health) queue(context.Context) []HealthComponent {
	deliveries, events, oldest := h.committer.depth()
	var err error
	if oldest > queueSlow {
		err = fmt.Errorf("the oldest event has waited for %s", oldest.Round(time.Second))
	}
	return []HealthComponent{h.component(HealthQueue, DatabaseAway, err, map[string]string{
		"deliveries": fmt.Sprint(deliveries), "events": fmt.Sprint(events), "oldestSeconds": fmt.Sprintf("%.1f", oldest.Seconds()),
	})}
}

func (h *Health) alerts(context.Context) []HealthComponent {
	if h.alarm.alerter == nil {
		return nil
	}
	return []HealthComponent{h.component(HealthAlerts, AlertsAway, h.alarm.failure(), nil)}
}
