// Package apptest is a small world for tests: the use cases over a state store in memory, with a
// tenant, a store, staff and a till in it. Only tests import it.
package apptest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/pin"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// The inhabitants of every world.
const (
	Tenant  = "acme"
	Shop    = "tokyo"
	StaffID = "S001"
	PIN     = "2468"
)

// Till is the terminal that every world has.
var Till = identity.Terminal{TenantID: Tenant, StoreCode: Shop, TerminalNo: 1}

// World is one service without its HTTP side.
type World struct {
	App    *app.App
	Store  *memstate.Store
	Box    *outbox.Box
	Clock  clockwork.Clock
	Key    jose.JSONWebKey // signs terminals' tokens
	APIKey string          // of Till
	t      *testing.T
}

// New makes a world whose close requests wait for wait.
func New(t *testing.T, clock clockwork.Clock, wait time.Duration) *World {
	t.Helper()
	w := Empty(t, clock, wait)
	w.Found(Tenant, Shop)
	w.APIKey = w.AddTill(Till)
	return w
}

// Empty makes a world in which nobody lives.
func Empty(t *testing.T, clock clockwork.Clock, wait time.Duration) *World {
	t.Helper()
	key, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	issuer, err := auth.NewIssuer(auth.TerminalIssuer, key, clock.Now)
	require.NoError(t, err)
	store := memstate.New(clock.Now)
	box := outbox.New(store, event.ProducerTerminal, clock, outbox.NewID)
	useCases := app.New(app.Needs{
		Store: store, Box: box, Clock: clock, Random: rand.Reader, Tokens: issuer, Log: zap.NewNop(), CloseWait: wait,
		PINs: pin.New(pin.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}, rand.Reader),
	})
	return &World{App: useCases, Store: store, Box: box, Clock: clock, Key: key, t: t}
}

// Found makes a tenant with one store and one staff member.
func (w *World) Found(tenantID, storeCode string) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.App.CreateTenant(ctx, app.CreateTenant{TenantID: tenantID, Name: "Acme", Policy: terminal.Policy{SignInRequired: true}})
	require.NoError(w.t, err)
	_, err = w.App.CreateStore(ctx, app.CreateStore{TenantID: tenantID, StoreCode: storeCode, Settings: Settings()})
	require.NoError(w.t, err)
	_, err = w.App.CreateStaff(ctx, app.CreateStaff{TenantID: tenantID, StoreCode: storeCode, StaffID: StaffID, Name: "佐藤", PIN: PIN})
	require.NoError(w.t, err)
}

// Settings of a Japanese store.
func Settings() terminal.StoreSettings {
	return terminal.StoreSettings{
		Name: "テスト店舗", TimeZone: "Asia/Tokyo", CutOver: "05:00", Language: "ja", Currency: "JPY", ReceiptWidth: 32,
	}
}

// AddTill makes a terminal and gives its API key.
func (w *World) AddTill(id identity.Terminal) string {
	w.t.Helper()
	_, key, err := w.App.CreateTerminal(w.t.Context(), id, "front")
	require.NoError(w.t, err)
	return key
}

// SignIn signs the staff member in.
func (w *World) SignIn(id identity.Terminal) {
	w.t.Helper()
	_, err := w.App.SignIn(w.t.Context(), app.SignIn{Terminal: id, StaffID: StaffID, PIN: PIN})
	require.NoError(w.t, err)
}

// Open signs in and opens with a float of 10000.
func (w *World) Open(id identity.Terminal) app.Opened {
	w.t.Helper()
	w.SignIn(id)
	float := money.FromInt(10_000)
	opened, err := w.App.Open(w.t.Context(), app.Open{
		Terminal: id, Request: Request(w.t, "open", "{}"), Opening: terminal.Opening{InitialAmount: &float},
	})
	require.NoError(w.t, err)
	return opened
}

// Request with a fresh key.
func Request(t *testing.T, operation, body string) idempotency.Request {
	t.Helper()
	r, err := idempotency.NewRequest(outbox.NewID(), operation, []byte(body))
	require.NoError(t, err)
	return r
}

// At reads a terminal.
func (w *World) At(id identity.Terminal) terminal.Terminal {
	w.t.Helper()
	t, err := w.App.TerminalByID(w.t.Context(), id.ID())
	require.NoError(w.t, err)
	return t
}

// Recorded is one event of an outbox.
type Recorded struct {
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

// Type is the business event's type, the log's operation or the snapshot's kind, or the topic.
func (r Recorded) Type() string {
	var named struct {
		EventType string `json:"eventType"`
		Operation string `json:"operation"`
		Kind      string `json:"kind"`
	}
	if err := json.Unmarshal(r.Data, &named); err != nil {
		return err.Error()
	}
	for _, name := range []string{named.EventType, named.Operation, named.Kind} {
		if name != "" {
			return name
		}
	}
	return r.Topic
}

// Events of a stream, in order. The sequence must have no hole.
func (w *World) Events(stream identity.Stream) []Recorded {
	w.t.Helper()
	var all []Recorded
	for n := uint64(1); ; n++ {
		item, err := state.Get(w.t.Context(), w.Store, outbox.EventKey(stream.ID(), n))
		require.NoError(w.t, err)
		if !item.Exists() {
			break
		}
		var r Recorded
		require.NoError(w.t, item.Decode(&r))
		var head event.Envelope
		require.NoError(w.t, json.Unmarshal(r.Data, &head))
		require.NoError(w.t, head.Validate())
		require.Equal(w.t, n, head.Sequence)
		all = append(all, r)
	}
	summary, err := w.Box.Summary(w.t.Context(), stream)
	require.NoError(w.t, err)
	require.EqualValues(w.t, summary.LastSequence, len(all), "the sequence of %s has a hole", stream.ID())
	return all
}

// Types of the events of a stream from number first on.
func (w *World) Types(stream identity.Stream, first int) []string {
	w.t.Helper()
	var types []string
	for _, r := range w.Events(stream)[first-1:] {
		types = append(types, r.Type())
	}
	return types
}

// Last decodes the youngest event of a stream that has a type.
func Last[E any](w *World, stream identity.Stream, kind string) E {
	w.t.Helper()
	var e E
	all := w.Events(stream)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Type() == kind {
			require.NoError(w.t, json.Unmarshal(all[i].Data, &e))
			return e
		}
	}
	require.Fail(w.t, fmt.Sprintf("%s has no %s", stream.ID(), kind))
	return e
}

// Report is the cart service's answer to the till's present closing.
func (w *World) Report(id identity.Terminal, change func(*event.SessionReport)) *event.SessionReport {
	w.t.Helper()
	t := w.At(id)
	r := &event.SessionReport{
		Envelope: event.Envelope{
			EventID: outbox.NewID(), SchemaVersion: event.SchemaVersion, TenantID: id.TenantID, StoreCode: id.StoreCode,
			TerminalNo: id.TerminalNo, Producer: event.ProducerCart, OccurredAt: w.Clock.Now(),
		},
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, ClosingVersion: t.Version, IsSealed: true,
	}
	if change != nil {
		change(r)
	}
	return r
}
