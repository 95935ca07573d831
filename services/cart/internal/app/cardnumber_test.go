package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// A card swiped into any field is refused, and the refusal, which is logged, does not repeat it.
func TestACardNumberIsNowhereTakenNorRepeated(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	const number = "4111111111111111"
	_, err := f.app.AddItems(t.Context(), f.on(f.create()), []app.ItemEntry{{Code: number, Quantity: d("1")}})
	assert.True(t, problem.Is(err, cart.ItemNotFound), "%v", err)
	assert.NotContains(t, err.Error(), "4111")
	assert.NotContains(t, string(problem.Of(err).Document("")), "4111")
	_, err = f.app.Pay(t.Context(), f.on(c), []app.PaymentEntry{{Code: number, Amount: d("1")}})
	assert.True(t, problem.Is(err, cart.PaymentUnknown), "%v", err)
	assert.NotContains(t, string(problem.Of(err).Document("")), "4111")
	for _, user := range []event.Person{{ID: number}, {ID: "u", Name: "Jane " + number}} {
		_, err = f.app.Create(t.Context(), app.CreateCart{Till: f.till(), TransactionType: event.TypeSale, User: &user})
		assert.True(t, problem.Is(err, problem.Invalid), "%v", err)
		assert.NotContains(t, string(problem.Of(err).Document("")), "4111")
	}
	_, err = f.app.AddItems(t.Context(), f.on(f.create()), []app.ItemEntry{{Code: "4900000010022", Quantity: d("1")}})
	assert.NoError(t, err, "a barcode that passes for a card's number is one all the same, %v", cart.HoldsCardNumber("4900000010022"))
}
