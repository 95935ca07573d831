package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// pager remembers alerts, or refuses them.
type pager struct {
	mu     sync.Mutex
	alerts []*app.Alert
	refuse int // so many times
}

func (p *pager) Send(_ context.Context, a *app.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse > 0 {
		p.refuse--
		return errors.New("the chat is away")
	}
	p.alerts = append(p.alerts, a)
	return nil
}

func (p *pager) all() []*app.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*app.Alert(nil), p.alerts...)
}

// alarmed runs the alarm until want alerts were sent.
func (b *bench) alarmed(want int) []*app.Alert {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.RunAlarm(ctx, b.app) }()
	require.Eventually(b.t, func() bool { b.clock.Advance(time.Second); return len(b.pager.all()) >= want }, time.Minute, 2*time.Millisecond, "%d of %d alerts", len(b.pager.all()), want)
	cancel()
	require.NoError(b.t, <-ended)
	require.Len(b.t, b.pager.all(), want)
	return b.pager.all()
}

func TestCriticalQuarantineRaisesAnAlertWithALinkAndNothingOfTheEvent(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("123456")
	sale.Staff = &event.Person{ID: "s01", Name: "Ann Secret"}
	forged := *sale
	forged.JournalText = "forged 4111111111111111"
	undecodable := till.Sale("1")
	undecodable.TransactionType = 999
	b.deliver(sale, &forged, &forged, undecodable)
	alerts := b.alarmed(1)
	a := alerts[0]
	assert.Equal(t, app.AlertQuarantine, a.Kind)
	assert.Equal(t, []string{"acme", "acme-s1-1", sale.EventID, event.TopicTranLog, "content-changed"}, []string{a.Tenant, a.Stream, a.EventID, a.Topic, a.Reason})
	assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", a.TraceID)
	item, err := b.app.Quarantine.Show(t.Context(), "acme", strings.TrimPrefix(a.Path, "/tenants/acme/quarantine/"))
	require.NoError(t, err, "the link shows the original")
	assert.Contains(t, string(item.CloudEvent), "forged")
	text, err := json.Marshal(a)
	require.NoError(t, err)
	for _, secret := range []string{"forged", "4111", "Ann", "123456"} {
		assert.NotContains(t, string(text), secret)
	}
}

func TestMoneyThatDoesNotAddUpRaisesAnAlertAndAGapDoesNot(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	wrong := till.Sale("5")
	wrong.Sales.TotalAmount = money.MustParse("6")
	till.Sale("6")
	b.deliver(wrong, till.Sale("7"))
	b.wrong("acme")
	b.clock.Advance(journal.Grace)
	assert.ElementsMatch(t, []string{"totals-differ", "sequence-gap"}, kindsOf(b.wrong("acme")))
	a := b.alarmed(1)[0]
	assert.Equal(t, app.AlertDiscrepancy, a.Kind)
	assert.Equal(t, "totals-differ", a.Reason)
	_, err := b.app.Discrepancies.Show(t.Context(), "acme", strings.TrimPrefix(a.Path, "/tenants/acme/discrepancies/"))
	assert.NoError(t, err)
}

func TestDamageRaisesAnAlert(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	b.store.before = func([]*journal.Record) error { return fmt.Errorf("%w: bits", app.ErrDamaged) }
	b.deliver(till.Sale("1"))
	b.store.before = nil
	b.deliver(till.Sale("2"))
	b.store.settle = fmt.Errorf("%w: bits", app.ErrDamaged)
	require.Error(t, b.app.Examine(t.Context()))
	for _, a := range b.alarmed(2) {
		assert.Equal(t, app.AlertDamage, a.Kind)
		assert.Equal(t, "acme-s1-1", a.Stream)
	}
}

func TestAlertsAreLimitedAndWhatIsHeldBackIsCounted(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	flood := func(tenant string, n int) {
		till := tilltest.New(tenant, "s1", 1)
		sale := till.Sale("1")
		b.deliver(sale)
		for i := range n {
			forged := *sale
			forged.JournalText = fmt.Sprint("forged ", i)
			b.deliver(&forged)
		}
	}
	flood("acme", app.AlertBurst+20)
	flood("bolt", 1)
	alerts := b.alarmed(app.AlertBurst + 1)
	for _, a := range alerts {
		assert.Zero(t, a.Suppressed)
	}
	assert.Equal(t, "bolt", alerts[app.AlertBurst].Tenant, "another tenant has its own limit")
	b.clock.Advance(app.AlertWindow)
	last := b.alarmed(app.AlertBurst + 2)[app.AlertBurst+1]
	assert.Equal(t, 19, last.Suppressed, "the last one that was held back goes out, and names the others")
	assert.Equal(t, map[string]float64{"suppressed": 20}, b.counters("tillroll_journal_alerts_total", "suppressed"))
}

func TestAnAlertThatCannotBeSentIsTriedAgain(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.pager.refuse = 2
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	forged := *sale
	forged.JournalText = "forged"
	b.deliver(sale, &forged)
	b.alarmed(1)
}

// counters gives the values of a counter by its label result, those with that label only.
func (b *bench) counters(name, result string) map[string]float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetName() == "result" && l.GetValue() == result {
					out[result] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return out
}
