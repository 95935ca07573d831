package httpapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// produced makes every problem of the catalogue happen as a client meets it.
var produced = map[*problem.Kind]func(f *fixture) answer{
	cart.NotCreated: func(f *fixture) answer {
		off := f.storeSnapshot(2, "JPY")
		off.Store.IsActive = false
		f.follow(off)
		return f.send(http.MethodPost, "/api/v1/carts", f.key(), ``)
	},
	cart.NotFound: func(f *fixture) answer {
		return f.send(http.MethodGet, "/api/v1/carts/0192f0c1-2345-7abc-8def-0123456789ab", f.key(), ``)
	},
	cart.CartFull: func(f *fixture) answer {
		return f.send(http.MethodPost, f.cart()+"/lineItems", f.key(), `[{"itemCode":"1001","quantity":99999,"unitPrice":999999999}]`)
	},
	cart.ItemNotFound: func(f *fixture) answer {
		return f.send(http.MethodPost, f.cart()+"/lineItems", f.key(), `[{"itemCode":"nothing","quantity":1}]`)
	},
	cart.ItemWithoutPrice: func(f *fixture) answer {
		f.follow(f.storeSnapshot(2, "GBP"))
		return f.send(http.MethodPost, f.cart()+"/lineItems", f.key(), `[{"itemCode":"1001","quantity":1}]`)
	},
	cart.LineNotFound: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
		return f.send(http.MethodPost, c+"/lineItems/x/cancel", f.key(), ``)
	},
	cart.LineCancelled: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
		f.ok(http.MethodPost, c+"/lineItems/1/cancel", ``)
		return f.send(http.MethodPatch, c+"/lineItems/1/quantity", f.key(), `{"quantity":2}`)
	},
	cart.BalanceZero: func(f *fixture) answer {
		return f.send(http.MethodPost, f.paid()+"/payments", f.key(), `[{"paymentCode":"01","amount":1}]`)
	},
	cart.BalanceLeft: func(f *fixture) answer {
		c := f.paid()
		f.ok(http.MethodPost, c+"/resume-item-entry", ``)
		f.ok(http.MethodPost, c+"/subtotal", ``)
		return f.send(http.MethodPost, c+"/bill", f.key(), ``)
	},
	cart.BalanceNegative: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":3}]`)
		f.ok(http.MethodPost, c+"/payments", `[{"paymentCode":"01","amount":300}]`)
		return f.send(http.MethodPatch, c+"/lineItems/1/quantity", f.key(), `{"quantity":1}`)
	},
	cart.DepositTooLarge: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
		return f.send(http.MethodPost, c+"/payments", f.key(), `[{"paymentCode":"11","amount":1000}]`)
	},
	cart.PaymentUnknown: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
		return f.send(http.MethodPost, c+"/payments", f.key(), `[{"paymentCode":"99","amount":1}]`)
	},
	cart.PaymentLimit: func(f *fixture) answer {
		c := f.cart()
		f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
		return f.send(http.MethodPost, c+"/payments", f.key(), `[{"paymentCode":"13","amount":9}]`)
	},
	cart.TerminalNotOpened: func(f *fixture) answer {
		f.follow(f.terminalSnapshot(terminal, 2, event.StatusClosed, session))
		return f.send(http.MethodPost, "/api/v1/carts", f.key(), ``)
	},
	cart.NobodySignedIn: func(f *fixture) answer {
		s := f.terminalSnapshot(terminal, 2, event.StatusOpened, session)
		s.Terminal.Staff = nil
		f.follow(s)
		return f.send(http.MethodPost, "/api/v1/carts", f.key(), ``)
	},
	cart.SessionSealed: func(f *fixture) answer {
		c := f.paid()
		f.follow(f.terminalSnapshot(terminal, 2, event.StatusClosed, session))
		return f.send(http.MethodPost, c+"/bill", f.key(), ``)
	},
	cart.SessionEnded: func(f *fixture) answer {
		c := f.paid()
		f.follow(f.terminalSnapshot(terminal, 2, event.StatusOpened, cart.Session{BusinessDate: "20260330", OpenCounter: 1}))
		return f.send(http.MethodPost, c+"/bill", f.key(), ``)
	},

	problem.BadRequest: func(f *fixture) answer { return f.send(http.MethodPost, "/api/v1/carts", f.key(), `{`) },
	problem.NotFound:   func(f *fixture) answer { return f.send(http.MethodGet, "/api/v1/baskets", f.key(), ``) },
	problem.MethodNotAllowed: func(f *fixture) answer {
		return f.send(http.MethodDelete, "/api/v1/carts", f.key(), ``)
	},
	problem.TooLarge: func(f *fixture) answer {
		return f.send(http.MethodPost, "/api/v1/carts", f.key(), `{"userId":"`+strings.Repeat("x", 2<<20)+`"}`)
	},
	problem.Unauthenticated: func(f *fixture) answer { return f.send(http.MethodPost, "/api/v1/carts", none, ``) },
	problem.Forbidden: func(f *fixture) answer {
		return f.send(http.MethodGet, "/api/v1/tenants/other/stores/s1/terminals/1/transactions", f.key(), ``)
	},
	problem.Invalid: func(f *fixture) answer {
		return f.send(http.MethodPost, f.cart()+"/lineItems", f.key(), `[{"itemCode":"1001","quantity":0}]`)
	},
	problem.InvalidOperation: func(f *fixture) answer {
		return f.send(http.MethodPost, f.cart()+"/bill", f.key(), ``)
	},
	problem.IdempotencyReuse: func(f *fixture) answer {
		f.send(http.MethodPost, "/api/v1/carts", f.key(), `{}`, "Idempotency-Key", "k")
		return f.send(http.MethodPost, "/api/v1/carts", f.key(), ` {}`, "Idempotency-Key", "k")
	},
	problem.Conflict: func(f *fixture) answer {
		f.follow(f.terminalSnapshot(terminal, 7, event.StatusOpened, cart.Session{BusinessDate: "20260330", OpenCounter: 1}))
		// The copy is restored from an older backup than the book of the session.
		require.NoError(f.t, f.store.Write(f.t.Context(), state.Delete("copy/terminal/"+terminal.ID())))
		f.clock.Advance(time.Second) // until then it is remembered
		return f.send(http.MethodPost, "/api/v1/carts", f.tokenOf(terminal, 6, event.StatusOpened), ``)
	},
	problem.Unavailable: func(f *fixture) answer {
		f.store.BeforeGet = func([]string) error { return state.ErrUnavailable }
		return f.send(http.MethodGet, "/api/v1/carts", f.key(), ``)
	},
	problem.Unexpected: func(f *fixture) answer {
		f.store.BeforeGet = func([]string) error { return errors.New("password=hunter2") }
		return f.send(http.MethodGet, "/api/v1/carts", f.key(), ``)
	},
}

func TestEveryProblemOfTheCatalogueCanHappen(t *testing.T) {
	catalogue := append(append([]*problem.Kind{}, cart.Catalogue...), problem.Common...)
	assert.Len(t, produced, len(catalogue))
	for _, kind := range catalogue {
		t.Run(kind.Name, func(t *testing.T) {
			make, ok := produced[kind]
			require.True(t, ok, "no test makes it happen")
			a := make(newShop(t))
			assert.Equal(t, kind.Status, a.status, a.raw)
			assert.Equal(t, kind.Code, a.code(), a.raw)
			assert.Equal(t, kind.Type(), a.body["type"])
			assert.Equal(t, kind.Title, a.body["title"])
			assert.NotEmpty(t, a.body["hint"], "the next step")
			assert.NotContains(t, a.raw, "hunter2")
		})
	}
}
