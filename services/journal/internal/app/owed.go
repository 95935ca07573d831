package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// What is in quarantine for an alarming reason, and a discrepancy of money, owe people an alert from
// the moment when they are stored, in the same transaction. Alerts are raised from there only: right
// after it was stored, and again whenever it is still owed, at the start first of all. So whoever dies
// when, an alert goes out at least once.

const (
	// owedEvery is how often it is looked for what is owed that nobody told of: another process may have
	// died, or the alerter was away.
	owedEvery = alertWindow
	// owedPause is the least time between two looks: while a flood lasts, its alerts are held back anyway.
	owedPause = 200 * time.Millisecond
	// owedRetry is the pause after a look that failed.
	owedRetry = 15 * time.Second
	// owedPage is how many alerts of a tenant, and of the quarantine, may be on their way.
	owedPage = 1000
	// paidWait is how long it may take to note that alerts are out.
	paidWait = 10 * time.Second
)

// owed names something stored of which people are owed an alert: a discrepancy of a tenant, or, without
// one, a quarantined event.
type owed struct{ tenant, discrepancy, item string }

// nudge has it looked for what is owed: of a tenant's discrepancies, or, for "", of the quarantine.
func (a *alarm) nudge(tenant string) {
	a.mu.Lock()
	if tenant != "" {
		a.tenants[tenant] = true
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// watch raises what is owed until ctx ends.
func (a *alarm) watch(ctx context.Context) {
	var whole time.Time
	for {
		now := a.clock.Now()
		all := now.Sub(whole) >= owedEvery
		listed, err := a.sweep(ctx, all)
		if listed {
			whole = now
		}
		wait := owedPause
		if err != nil {
			wait = owedRetry
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("alerts that are owed could not all be looked for; trying again", zap.Duration("retry_in", wait), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.clock.After(wait):
		}
		if err != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-a.clock.After(owedEvery):
		}
	}
}

// sweep raises what is owed and not on its way: by the quarantine, and by the tenants that changed, or
// all; it tells whether those could be listed. A tenant that fails is tried again with those that change.
func (a *alarm) sweep(ctx context.Context, all bool) (listed bool, failures error) {
	a.mu.Lock()
	clear(a.told)
	a.mu.Unlock()
	items, failures := a.store.Owing(ctx, journal.OwesAlert, owedPage)
	for _, q := range items {
		a.raiseOwed(owed{item: q.ID}, refused(q))
	}
	a.mu.Lock()
	todo := a.tenants
	a.tenants = map[string]bool{}
	a.mu.Unlock()
	if all {
		tenants, err := a.store.Tenants(ctx)
		listed, failures = err == nil, errors.Join(failures, err)
		for _, tenant := range tenants {
			todo[tenant] = true
		}
	}
	for tenant := range todo {
		found, err := a.store.Unalerted(ctx, tenant, owedPage)
		if err != nil {
			failures = errors.Join(failures, err)
			a.nudge(tenant)
		}
		for _, d := range found {
			a.raiseOwed(owed{tenant: tenant, discrepancy: d.ID}, wrong(d))
		}
	}
	return listed, failures
}

// raiseOwed raises an alert unless it is on its way.
func (a *alarm) raiseOwed(o owed, alert Alert) {
	a.mu.Lock()
	again := a.out[o] || a.told[o]
	if !again {
		a.out[o] = true
	}
	a.mu.Unlock()
	if again {
		return
	}
	alert.pays = []owed{o}
	a.raise(alert)
}

// forget lets what did not get out be raised again; the caller holds the lock.
func (a *alarm) forget(list []owed) {
	for _, o := range list {
		delete(a.out, o)
	}
}

// paid notes that people have been told. What cannot be noted is told once more.
func (a *alarm) paid(list []owed) {
	ctx, cancel := context.WithTimeout(context.Background(), paidWait)
	defer cancel()
	var items []string
	discrepancies := map[string][]string{}
	for _, o := range list {
		if o.item != "" {
			items = append(items, o.item)
			continue
		}
		discrepancies[o.tenant] = append(discrepancies[o.tenant], o.discrepancy)
	}
	var failures error
	if len(items) > 0 {
		failures = a.store.Paid(ctx, journal.OwesAlert, items)
	}
	for tenant, ids := range discrepancies {
		failures = errors.Join(failures, a.store.Alerted(ctx, tenant, ids))
	}
	a.mu.Lock()
	a.forget(list)
	for _, o := range list {
		a.told[o] = true
	}
	a.mu.Unlock()
	if failures != nil {
		a.log.Warn("it could not be noted that alerts were raised; they are raised again", zap.Error(failures))
	}
}

// titles of alerts, by the reasons of quarantine that raise one.
var titles = map[journal.Reason]string{
	journal.ContentChanged: "An event came again with other content",
	journal.Poison:         "An event cannot be handled",
	journal.WrongPublisher: "A service sent what it may not send",
}

// refused is the alert of a quarantined event.
func refused(q *journal.Quarantined) Alert {
	alert := Alert{Kind: AlertQuarantine, Title: titles[q.Reason], Tenant: q.TenantID, EventID: q.EventID, Topic: q.Topic, Reason: string(q.Reason), Detail: q.Detail,
		Path: "/quarantine/" + q.ID}
	if q.TenantID != "" {
		alert.Path, alert.Stream = "/tenants/"+q.TenantID+alert.Path, q.Stream.ID()
	}
	came := cloudevent.In{TraceParent: q.TraceParent}
	if span := trace.SpanContextFromContext(came.Context(context.Background())); span.IsValid() {
		alert.TraceID = span.TraceID().String()
	}
	return alert
}

// wrong is the alert of a discrepancy of money.
func wrong(d *journal.Discrepancy) Alert {
	return Alert{Kind: AlertDiscrepancy, Title: "What is stored does not add up", Tenant: d.Stream.TenantID, Stream: d.Stream.ID(),
		EventID: slices.Concat(d.Events, []string{""})[0], Reason: string(d.Kind), Path: "/tenants/" + d.Stream.TenantID + "/discrepancies/" + d.ID}
}
