// Package app is what the cart service does, one use case a file. It reads and writes the service's
// own state, asks the domain to decide, and hands events to the outbox.
//
// Every change of a cart is one outbox command on the stream of its terminal: cart, numbers, session
// and events are written together or not at all. The package knows no HTTP and no sidecar; what it
// needs of the world it declares here.
package app

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// Shop is for whom a catalogue is asked: whose items, at prices in which currency, named in which
// language.
type Shop struct {
	TenantID  string
	StoreCode string
	Currency  money.Currency
	Language  string
}

// Catalogue is what can be sold and how it can be paid.
type Catalogue interface {
	// Item finds an item by its code or a barcode. It fails with cart.ItemNotFound.
	Item(ctx context.Context, shop Shop, code string) (cart.Item, error)
	// Method finds a payment method. It fails with cart.PaymentUnknown.
	Method(ctx context.Context, shop Shop, code string) (cart.Method, error)
}

// Sender publishes an event that stands outside any sequence, at once.
type Sender interface {
	Send(ctx context.Context, e event.Event) error
}

// Ports are what the use cases need.
type Ports struct {
	Box       *outbox.Box
	Store     state.Store // the same that the box writes
	Catalogue Catalogue
	Sender    Sender
	Clock     clockwork.Clock
	NewID     func() string
	Receipts  register.Range
	Patience  time.Duration // how long a new cart waits for the snapshot of its terminal's opening
	Log       *zap.Logger
	Tracer    trace.Tracer
}

// App carries the use cases.
type App struct {
	Ports
	asks   *asks
	doubts *asks
	lanes  *lanes
	copies *copies
}

// New makes the use cases.
func New(p Ports) *App {
	return &App{Ports: p, asks: newAsks(p.Clock, askEvery), doubts: newAsks(p.Clock, doubtEvery), lanes: newLanes(), copies: newCopies(p.Clock)}
}

// shop of a cart.
func shopOf(c cart.Cart) Shop {
	return Shop{TenantID: c.Terminal.TenantID, StoreCode: c.Terminal.StoreCode, Currency: c.Currency, Language: c.Store.Language}
}
