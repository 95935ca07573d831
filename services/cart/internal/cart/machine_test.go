package cart_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// operations is every operation as it succeeds on a cart whose status allows it.
var operations = map[cart.Operation]func(c cart.Cart) (cart.Decision, error){
	cart.OpAddItems: func(c cart.Cart) (cart.Decision, error) {
		return c.AddItems([]cart.Addition{{Item: item("a", "100", internal10), Quantity: d("1")}})
	},
	cart.OpCancelLine:     func(c cart.Cart) (cart.Decision, error) { return c.CancelLine(1) },
	cart.OpChangePrice:    func(c cart.Cart) (cart.Decision, error) { return c.ChangePrice(1, d("7")) },
	cart.OpChangeQuantity: func(c cart.Cart) (cart.Decision, error) { return c.ChangeQuantity(1, d("3")) },
	cart.OpSubtotal:       cart.Cart.Subtotal,
	cart.OpPay: func(c cart.Cart) (cart.Decision, error) {
		return c.Pay([]cart.Tender{{Method: cash, Deposit: d("1")}})
	},
	cart.OpResumeItemEntry: cart.Cart.ResumeItemEntry,
	cart.OpBill:            func(c cart.Cart) (cart.Decision, error) { return c.Bill(numbers, "r") },
	cart.OpCancel:          func(c cart.Cart) (cart.Decision, error) { return c.Cancel(numbers) },
}

// in gives a cart in every status on which each operation that the machine allows succeeds.
func in(t *testing.T, status cart.Status, op cart.Operation) cart.Cart {
	t.Helper()
	s := newSale(t, "JPY")
	if status == cart.Idle {
		return s.Cart
	}
	s.add(item("a", "100", internal10), "2")
	switch status {
	case cart.EnteringItem:
	case cart.Cancelled:
		s.do(s.Cancel(numbers))
	default:
		s.subtotal()
		if op == cart.OpBill || status == cart.Completed {
			s.pay(cash, "500")
		}
		if status == cart.Completed {
			s.bill()
		}
	}
	return s.Cart
}

func TestTheMachineIsWhatHappens(t *testing.T) {
	statuses := []cart.Status{cart.Idle, cart.EnteringItem, cart.Paying, cart.Completed, cart.Cancelled}
	for _, row := range cart.Machine {
		if row.Operation == cart.OpCreate {
			continue
		}
		do, known := operations[row.Operation]
		assert.True(t, known, row.Operation)
		for _, status := range statuses {
			before := in(t, status, row.Operation)
			assert.Equal(t, status, before.Status)
			after, err := do(before)
			if !slices.Contains(row.From, status) {
				assert.True(t, problem.Is(err, problem.InvalidOperation), "%s in %s: %v", row.Operation, status, err)
				p := problem.Of(err)
				assert.Contains(t, p.Detail, string(row.Operation))
				assert.Contains(t, p.Detail, string(status))
				assert.NotEmpty(t, p.Hint)
				continue
			}
			want := row.To
			if want == cart.Initial {
				want = status
			}
			assert.NoError(t, err, "%s in %s", row.Operation, status)
			assert.Equal(t, want, after.Cart.Status, "%s in %s", row.Operation, status)
			assert.NotEmpty(t, after.Events)
		}
	}
	assert.Len(t, cart.Machine, len(operations)+1)
}

func TestACommandLeavesTheCartThatItLookedAt(t *testing.T) {
	before := in(t, cart.EnteringItem, "")
	copied := in(t, cart.EnteringItem, "")
	for _, do := range operations {
		_, _ = do(before)
	}
	assert.Equal(t, copied, before)
}

func TestACartNeedsAStoreThatIsSetUp(t *testing.T) {
	o := opening("XXX", "ja")
	_, err := cart.Create(o)
	assert.True(t, problem.Is(err, cart.NotCreated))
	for _, zone := range []string{"", "Mars/Olympus"} {
		o = opening("JPY", "ja")
		o.Store.TimeZone = zone
		_, err = cart.Create(o)
		assert.True(t, problem.Is(err, cart.NotCreated))
	}
}
