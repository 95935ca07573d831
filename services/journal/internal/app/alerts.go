package app

import (
	"context"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"
)

// AlertKind is what an alert is about.
type AlertKind string

// The kinds.
const (
	AlertQuarantine  AlertKind = "quarantine"  // an event that contradicts another, is poison, or is not its sender's to send
	AlertDiscrepancy AlertKind = "discrepancy" // money may be wrong or missing
	AlertDamage      AlertKind = "damage"      // what was stored was changed, or cannot be read
)

// Alert is something that somebody must look at now. It carries what tells where to look, and nothing
// of what an event says: no texts, amounts or names.
type Alert struct {
	Kind       AlertKind
	Title      string
	Tenant     string
	Stream     string
	EventID    string
	Topic      string
	TraceID    string
	Reason     string
	Detail     string
	Path       string // of the route that shows it
	At         time.Time
	Suppressed int // alerts of this kind and tenant that were held back before this one

	pays []owed // what people have been told of when it is sent
}

// Alerter sends alerts to people.
type Alerter interface {
	Send(ctx context.Context, a *Alert) error
}

// Limits of alerts.
const (
	alertBurst   = 5               // of one kind and tenant in a window; the rest is counted
	alertWindow  = 5 * time.Minute // after which what was held back is told as a number
	alertQueue   = 100
	alertTimeout = 10 * time.Second
	alertTries   = 3
	alertRetry   = 5 * time.Second // before the second try, twice that before the third
	maxAlertText = 300             // bytes of what may come from outside
)

type alertKey struct {
	kind   AlertKind
	tenant string
}

// window counts what was raised since it began.
type window struct {
	since      time.Time
	sent, held int
	last       Alert
	pays       []owed // of what was held back
}

// alarm raises alerts: each into the log, and those within the limits to the alerter. It never holds up
// who raises one. What an alert is about owes it in the store until it is out (owed.go), damage apart,
// which is found again whenever it is met.
type alarm struct {
	alerter Alerter // nil: the log only
	store   Store
	clock   clockwork.Clock
	log     *zap.Logger
	metrics *metrics
	queue   chan *Alert

	wake chan struct{} // something new is owed

	mu      sync.Mutex
	windows map[alertKey]*window
	failed  error           // of the last alert that was tried
	out     map[owed]bool   // on the way
	told    map[owed]bool   // since the sweep that is under way began, which may have read it before
	tenants map[string]bool // whose discrepancies are to be looked for
}

// failure of the last alert, nil when it reached somebody.
func (a *alarm) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

func (a *alarm) tell(kind AlertKind, result string, failed error) {
	a.mu.Lock()
	a.failed = failed
	a.mu.Unlock()
	a.metrics.alerts.WithLabelValues(string(kind), result).Inc()
	a.metrics.alertsFailing.Set(0)
	if failed != nil {
		a.metrics.alertsFailing.Set(1)
	}
}

func newAlarm(alerter Alerter, store Store, clock clockwork.Clock, log *zap.Logger, m *metrics) *alarm {
	return &alarm{
		alerter: alerter, store: store, clock: clock, log: log, metrics: m, queue: make(chan *Alert, alertQueue), wake: make(chan struct{}, 1),
		windows: map[alertKey]*window{}, out: map[owed]bool{}, told: map[owed]bool{}, tenants: map[string]bool{},
	}
}

func (a *alarm) raise(alert Alert) {
	alert.At = a.clock.Now().UTC()
	alert.Reason, alert.Detail, alert.EventID = shorten(alert.Reason), shorten(alert.Detail), shorten(alert.EventID)
	a.log.Error("alert", zap.String("kind", string(alert.Kind)), zap.String("title", alert.Title), zap.String("tenant_id", alert.Tenant),
		zap.String("stream", alert.Stream), zap.String("event_id", alert.EventID), zap.String("reason", alert.Reason),
		zap.String("detail", alert.Detail), zap.String("path", alert.Path), zap.String("alert_trace_id", alert.TraceID))
	if a.alerter == nil {
		a.paid(alert.pays)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.admit(&alert) {
		a.enqueue(&alert)
	}
}

// admit tells whether an alert goes out now, and puts on it how many did not; the caller holds the lock.
func (a *alarm) admit(alert *Alert) bool {
	key := alertKey{alert.Kind, alert.Tenant}
	w := a.windows[key]
	if w == nil || alert.At.Sub(w.since) >= alertWindow {
		if w != nil {
			alert.Suppressed, alert.pays = w.held, append(alert.pays, w.pays...)
		}
		w = &window{since: alert.At}
		a.windows[key] = w
	}
	if w.sent == alertBurst {
		w.held, w.last, w.pays = w.held+1, *alert, append(w.pays, alert.pays...)
		a.metrics.alerts.WithLabelValues(string(alert.Kind), "suppressed").Inc()
		return false
	}
	w.sent++
	return true
}

// enqueue puts an alert on its way; the caller holds the lock.
func (a *alarm) enqueue(alert *Alert) {
	select {
	case a.queue <- alert:
	default: // the alerter has been away for long; the log has it, and what is owed is raised again
		a.forget(alert.pays)
		a.metrics.alerts.WithLabelValues(string(alert.Kind), "dropped").Inc()
	}
}

// overdue takes what was held back in windows that are over: nobody waits for the next alert to learn
// how many there were.
func (a *alarm) overdue() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now().UTC()
	for key, w := range a.windows {
		if now.Sub(w.since) < alertWindow {
			continue
		}
		delete(a.windows, key)
		if w.held == 0 {
			continue
		}
		last := w.last
		last.Suppressed, last.pays = w.held-1, w.pays // the last one itself goes out now
		a.enqueue(&last)
	}
}

// run raises what is owed, and sends, until ctx ends; what waits then is owed still.
func (a *alarm) run(ctx context.Context) error {
	var watch sync.WaitGroup
	watch.Go(func() { a.watch(ctx) })
	defer watch.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case alert := <-a.queue:
			a.send(ctx, alert)
		case <-a.clock.After(alertWindow / 5):
			a.overdue()
		}
	}
}

func (a *alarm) send(ctx context.Context, alert *Alert) {
	var err error
	for try := range alertTries {
		limited, cancel := context.WithTimeout(ctx, alertTimeout)
		err = a.alerter.Send(limited, alert)
		cancel()
		if err == nil {
			a.tell(alert.Kind, "sent", nil)
			a.paid(alert.pays)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-a.clock.After(alertRetry * time.Duration(try+1)):
		}
	}
	a.tell(alert.Kind, "failed", err)
	a.mu.Lock()
	a.forget(alert.pays)
	a.mu.Unlock()
	a.log.Error("an alert could not be sent; it is in the log", zap.String("kind", string(alert.Kind)), zap.String("path", alert.Path), zap.Error(err))
}

func shorten(s string) string {
	if len(s) <= maxAlertText {
		return s
	}
	return s[:maxAlertText] + "…"
}

// damage raises what was found to be changed or unreadable.
func (a *alarm) damage(tenant, stream, what string) {
	a.raise(Alert{Kind: AlertDamage, Title: "The journal is damaged", Tenant: tenant, Stream: stream, Reason: "damage", Detail: what,
		Path: "/tenants/" + tenant + "/verification"})
}
