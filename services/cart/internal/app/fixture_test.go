package app_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/catalogfile"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

var (
	d        = money.MustParse
	terminal = identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	session1 = cart.Session{BusinessDate: "20260329", OpenCounter: 1}
	session2 = cart.Session{BusinessDate: "20260329", OpenCounter: 2}
	evening  = time.Date(2026, 3, 29, 9, 8, 0, 123_000_000, time.UTC)
)

const apiKey = "acme-s1-1.secret"

// outgoing is a sender that remembers, and fails while it is told to.
type outgoing struct {
	mu   sync.Mutex
	sent []event.Event
	err  error
}

func (o *outgoing) Send(_ context.Context, e event.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	o.sent = append(o.sent, e)
	return nil
}

// reports are the session reports that were sent.
func (o *outgoing) reports() []*event.SessionReport {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []*event.SessionReport
	for _, e := range o.sent {
		if r, ok := e.(*event.SessionReport); ok {
			out = append(out, r)
		}
	}
	return out
}

func (o *outgoing) wanted() []*event.SnapshotWanted {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []*event.SnapshotWanted
	for _, e := range o.sent {
		if r, ok := e.(*event.SnapshotWanted); ok {
			out = append(out, r)
		}
	}
	return out
}

type fixture struct {
	t     *testing.T
	store *memstate.Store
	box   *outbox.Box
	app   *app.App
	twin  *app.App // another replica on the same store
	out   *outgoing
	clock clockwork.Clock
}

// newFixture is a service that knows nothing yet.
func newFixture(t *testing.T, clock clockwork.Clock) *fixture {
	t.Helper()
	catalogue, err := catalogfile.Load("")
	require.NoError(t, err)
	f := &fixture{t: t, store: memstate.New(clock.Now), out: &outgoing{}, clock: clock}
	f.box = outbox.New(f.store, event.ProducerCart, clock, outbox.NewID)
	ports := app.Ports{
		Box: f.box, Store: f.store, Catalogue: catalogue, Sender: f.out, Clock: clock,
		NewID: outbox.NewID, Receipts: register.Range{First: 1, Last: 999_999}, Log: zap.NewNop(),
		Tracer: noop.NewTracerProvider().Tracer(""),
	}
	f.app = app.New(ports)
	ports.Box = outbox.New(f.store, event.ProducerCart, clock, outbox.NewID)
	f.twin = app.New(ports)
	return f
}

// replica gives one of the two in turn.
func (f *fixture) replica(i int) *app.App {
	if i%2 == 0 {
		return f.app
	}
	return f.twin
}

// newShop is a service with an open terminal and staff at it.
func newShop(t *testing.T) *fixture {
	f := newFixture(t, clockwork.NewFakeClockAt(evening))
	f.follow(tenantSnapshot(1, true), storeSnapshot(1, "JPY", true), terminalSnapshot(1, event.StatusOpened, session1))
	return f
}

// newBusyShop is one on the real clock, for what happens at once.
func newBusyShop(t *testing.T) *fixture {
	f := newFixture(t, clockwork.NewRealClock())
	f.follow(tenantSnapshot(1, true), storeSnapshot(1, "JPY", true), terminalSnapshot(1, event.StatusOpened, session1))
	return f
}

func (f *fixture) follow(snapshots ...*event.Snapshot) {
	f.t.Helper()
	for _, s := range snapshots {
		require.NoError(f.t, f.app.Follow(f.t.Context(), s))
	}
}

func envelope() event.Envelope {
	return event.Envelope{EventID: outbox.NewID(), SchemaVersion: 1, TenantID: "acme", Producer: event.ProducerTerminal, OccurredAt: evening}
}

func tenantSnapshot(version uint64, active bool) *event.Snapshot {
	return &event.Snapshot{Envelope: envelope(), Kind: event.KindTenant, Version: version,
		Tenant: &event.TenantState{TenantID: "acme", TenantName: "Acme", IsActive: active}}
}

func storeSnapshot(version uint64, currency money.Currency, active bool) *event.Snapshot {
	return &event.Snapshot{Envelope: envelope(), Kind: event.KindStore, Version: version, Store: &event.StoreState{
		StoreCode: "s1", StoreName: "テスト店舗", TimeZone: "Asia/Tokyo", Language: "ja", Currency: currency, IsActive: active,
		InvoiceRegistrationNumber: "T1234567890123", ReceiptHeaders: []string{"Header"}, ReceiptFooters: []string{"Thank you"},
	}}
}

func terminalSnapshot(version uint64, status string, s cart.Session) *event.Snapshot {
	e := envelope()
	e.StoreCode, e.TerminalNo = terminal.StoreCode, terminal.TerminalNo
	return &event.Snapshot{Envelope: e, Kind: event.KindTerminal, Version: version, Terminal: &event.TerminalState{
		TerminalID: terminal.ID(), Status: status, BusinessDate: s.BusinessDate, OpenCounter: s.OpenCounter, BusinessCounter: 7,
		Staff: &event.Person{ID: "S001", Name: "Ann"}, APIKeySHA256: auth.Fingerprint(apiKey), IsActive: true,
	}}
}

// till is the terminal as the service knows it now.
func (f *fixture) till() app.Till {
	f.t.Helper()
	p, err := f.app.CheckKey(f.t.Context(), terminal.ID(), apiKey)
	require.NoError(f.t, err)
	return app.TillOf(p)
}

// forgetCopies lets the time pass for which a copy that was read is not read again.
func (f *fixture) forgetCopies() {
	f.t.Helper()
	clock, fake := f.clock.(*clockwork.FakeClock)
	require.True(f.t, fake)
	clock.Advance(time.Second)
}

func (f *fixture) create() cart.Cart {
	f.t.Helper()
	c, err := f.app.Create(f.t.Context(), app.CreateCart{Till: f.till(), TransactionType: event.TypeSale})
	require.NoError(f.t, err)
	return c
}

func (f *fixture) on(c cart.Cart) app.Command { return app.Command{Till: f.till(), CartID: c.ID} }

func rice(quantity string) []app.ItemEntry {
	return []app.ItemEntry{{Code: "1001", Quantity: d(quantity)}}
}

func cashOf(amount string) []app.PaymentEntry {
	return []app.PaymentEntry{{Code: "01", Amount: d(amount)}}
}

// paid is a cart of one rice ball, 140 yen with tax, that only has to be billed.
func (f *fixture) paid() cart.Cart {
	f.t.Helper()
	c := f.create()
	for _, do := range []func() (cart.Cart, error){
		func() (cart.Cart, error) { return f.app.AddItems(f.t.Context(), f.on(c), rice("1")) },
		func() (cart.Cart, error) { return f.app.Subtotal(f.t.Context(), f.on(c)) },
		func() (cart.Cart, error) { return f.app.Pay(f.t.Context(), f.on(c), cashOf("200")) },
	} {
		var err error
		c, err = do()
		require.NoError(f.t, err)
	}
	return c
}

func (f *fixture) bill(c cart.Cart) cart.Cart {
	f.t.Helper()
	c, err := f.app.Bill(f.t.Context(), f.on(c))
	require.NoError(f.t, err)
	return c
}

func key(t *testing.T, k, operation string) *idempotency.Request {
	t.Helper()
	r, err := idempotency.NewRequest(k, operation, nil)
	require.NoError(t, err)
	return &r
}

// recorded is one event of the outbox as it will be published.
type recorded struct {
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

// recordedEvents are all events of the terminal in their order; they must be gapless.
func (f *fixture) recordedEvents() []recorded {
	f.t.Helper()
	var out []recorded
	for n := uint64(1); ; n++ {
		item, err := f.store.Get(f.t.Context(), outbox.EventKey(terminal.ID(), n))
		require.NoError(f.t, err)
		if !item[0].Exists() {
			break
		}
		var r recorded
		require.NoError(f.t, item[0].Decode(&r))
		out = append(out, r)
	}
	stored := slices.DeleteFunc(f.store.Keys(), func(k string) bool { return !strings.HasPrefix(k, "outbox/") })
	require.Len(f.t, stored, len(out), "sequences are gapless")
	return out
}

// history is the business events of one cart.
func (f *fixture) history(cartID string) []*event.Business {
	f.t.Helper()
	var out []*event.Business
	for _, r := range f.recordedEvents() {
		if r.Topic != event.TopicEvents {
			continue
		}
		var b event.Business
		require.NoError(f.t, json.Unmarshal(r.Data, &b))
		if b.CorrelationID == cartID {
			out = append(out, &b)
		}
	}
	return out
}

// logs are the transaction logs that go out.
func (f *fixture) logs() []*event.TranLog {
	f.t.Helper()
	var out []*event.TranLog
	for _, r := range f.recordedEvents() {
		if r.Topic == event.TopicTranLog {
			var l event.TranLog
			require.NoError(f.t, json.Unmarshal(r.Data, &l))
			out = append(out, &l)
		}
	}
	return out
}

func form(t require.TestingT, v any) string {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := canonical.JSON(raw)
	require.NoError(t, err)
	return string(out)
}

// put replaces a document behind the service's back.
func (f *fixture) put(key string, doc any) {
	f.t.Helper()
	raw, err := json.Marshal(doc)
	require.NoError(f.t, err)
	require.NoError(f.t, f.store.Write(f.t.Context(), state.Op{Key: key, Value: raw, Blind: true}))
}
