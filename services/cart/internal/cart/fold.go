package cart

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// fold is what one type of event does to a cart, and how its payload is read.
type fold struct {
	apply func(c *Cart, payload event.Payload) error
	read  func(raw json.RawMessage) (event.Payload, error)
}

func on[P event.Payload](apply func(c *Cart, e P) error) fold {
	return fold{
		apply: func(c *Cart, payload event.Payload) error { return apply(c, payload.(P)) },
		read: func(raw json.RawMessage) (event.Payload, error) {
			var e P
			err := json.Unmarshal(raw, &e)
			return e, err
		},
	}
}

// folds is every event that a cart is made of.
var folds = map[string]fold{
	event.OrderCreated{}.EventType():           on(created),
	event.ProductAdded{}.EventType():           on(added),
	event.ProductQuantityUpdated{}.EventType(): on(quantityUpdated),
	event.PriceOverridden{}.EventType():        on(priceOverridden),
	event.ProductRemoved{}.EventType():         on(removed),
	event.OrderSubtotalled{}.EventType():       on(subtotalled),
	event.PaymentTendered{}.EventType():        on(tendered),
	event.PaymentReleased{}.EventType():        on(released),
	event.OrderEntryResumed{}.EventType():      on(entryResumed),
	event.OrderCompleted{}.EventType():         on(completed),
	event.ReceiptPrinted{}.EventType():         on(receiptPrinted),
	event.OrderCancelled{}.EventType():         on(cancelled),
}

// Apply gives the cart after e. It fails when e cannot have happened to this cart.
func (c Cart) Apply(e event.Payload) (Cart, error) {
	f, known := folds[e.EventType()]
	if !known {
		return c, fmt.Errorf("cart: %s is not an event of a cart that this program knows", e.EventType())
	}
	c.Lines, c.Payments = slices.Clone(c.Lines), slices.Clone(c.Payments)
	if err := f.apply(&c, e); err != nil {
		return c, fmt.Errorf("cart: %s: %w", e.EventType(), err)
	}
	totals, err := c.total()
	c.Totals = totals
	return c, err
}

// Fold replays the events of one cart in their order. Other events between them are an error.
func Fold(events []*event.Business) (Cart, error) {
	var c Cart
	for i, e := range events {
		if i == 0 {
			c.Terminal = identity.Terminal(e.Stream())
		}
		f, known := folds[e.EventType]
		if !known {
			return c, fmt.Errorf("cart: %s is not an event of a cart that this program knows", e.EventType)
		}
		payload, err := f.read(e.Payload)
		if err != nil {
			return c, fmt.Errorf("cart: payload of %s %s: %w", e.EventType, e.EventID, err)
		}
		if c, err = c.Apply(payload); err != nil {
			return c, err
		}
	}
	return c, nil
}

func created(c *Cart, e event.OrderCreated) error {
	c.ID, c.Status, c.TransactionType, c.Currency = e.OrderID, Idle, e.TransactionType, e.Currency
	c.Session = Session{BusinessDate: e.BusinessDate, OpenCounter: e.OpenCounter}
	c.BusinessCounter, c.Staff, c.User = e.BusinessCounter, e.Staff, e.User
	if e.Store != nil {
		c.Store = *e.Store
	}
	return nil
}

func added(c *Cart, e event.ProductAdded) error {
	if e.LineNo != len(c.Lines)+1 {
		return fmt.Errorf("line %d after %d lines", e.LineNo, len(c.Lines))
	}
	l := Line{
		No: e.LineNo, ItemCode: e.ProductID, Description: e.Description, CategoryCode: e.CategoryCode, Unit: e.Unit,
		UnitPrice: e.Price, OriginalPrice: e.OriginalPrice, Quantity: e.Quantity, Tax: e.Tax,
		DiscountRestricted: e.DiscountRestricted,
	}
	var err error
	l.Amount, err = lineAmount(l.UnitPrice, l.Quantity, c.Currency)
	c.Lines, c.Status = append(c.Lines, l), EnteringItem
	return err
}

func quantityUpdated(c *Cart, e event.ProductQuantityUpdated) error {
	l, err := c.at(e.LineNo)
	if err != nil {
		return err
	}
	l.Quantity = e.NewQuantity
	l.Amount, err = lineAmount(l.UnitPrice, l.Quantity, c.Currency)
	return err
}

func priceOverridden(c *Cart, e event.PriceOverridden) error {
	l, err := c.at(e.LineNo)
	if err != nil {
		return err
	}
	l.UnitPrice = e.NewPrice
	l.Amount, err = lineAmount(l.UnitPrice, l.Quantity, c.Currency)
	return err
}

func removed(c *Cart, e event.ProductRemoved) error {
	l, err := c.at(e.LineNo)
	if err == nil {
		l.Cancelled = true
	}
	return err
}

// at gives the line of that number, to be changed.
func (c *Cart) at(no int) (*Line, error) {
	if no < 1 || no > len(c.Lines) {
		return nil, fmt.Errorf("there is no line %d", no)
	}
	return &c.Lines[no-1], nil
}

func subtotalled(c *Cart, _ event.OrderSubtotalled) error {
	c.Status = Paying
	return nil
}

func tendered(c *Cart, e event.PaymentTendered) error {
	c.Payments = append(c.Payments, Payment{
		No: e.PaymentNo, Code: e.PaymentCode, Type: e.PaymentType, Deposit: e.Deposit, Amount: e.Amount,
		Description: e.Description, Detail: e.Detail,
	})
	return nil
}

func released(c *Cart, e event.PaymentReleased) error {
	before := len(c.Payments)
	c.Payments = slices.DeleteFunc(c.Payments, func(p Payment) bool { return p.No == e.PaymentNo })
	if len(c.Payments) == before {
		return fmt.Errorf("there is no payment %d", e.PaymentNo)
	}
	return nil
}

func entryResumed(c *Cart, _ event.OrderEntryResumed) error {
	c.Status = EnteringItem
	return nil
}

func completed(c *Cart, e event.OrderCompleted) error {
	c.Status = Completed
	c.Numbers = Numbers{TransactionNo: e.TransactionNo, ReceiptNo: e.ReceiptNo, GeneratedAt: e.GenerateDateTime}
	return nil
}

func receiptPrinted(c *Cart, e event.ReceiptPrinted) error {
	if c.ReceiptID == "" { // what is printed later is a copy
		c.ReceiptID = e.ReceiptID
	}
	return nil
}

func cancelled(c *Cart, e event.OrderCancelled) error {
	c.Status = Cancelled
	c.Numbers = Numbers{TransactionNo: e.TransactionNo, ReceiptNo: e.ReceiptNo, GeneratedAt: e.GenerateDateTime}
	return nil
}
