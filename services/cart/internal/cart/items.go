package cart

import (
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// Item is what the catalogue knows of something that can be sold, in one store's language and
// currency. Price is nil when it has none in that currency.
type Item struct {
	Code               string
	Name               string
	CategoryCode       string
	Unit               string // of what is weighed or measured: kg, m; "" for pieces
	Price              *money.Decimal
	Tax                event.OrderTax
	DiscountRestricted bool
}

// Addition is an item to be added. UnitPrice replaces the catalogue's price when it is given.
type Addition struct {
	Item      Item
	Quantity  money.Decimal
	UnitPrice *money.Decimal
}

// AddItems adds lines, all or none. It fails with problem.InvalidOperation, problem.Invalid,
// ItemWithoutPrice or CartFull.
func (c Cart) AddItems(additions []Addition) (Decision, error) {
	if err := c.may(OpAddItems); err != nil {
		return Decision{}, err
	}
	if n := len(c.Lines) + len(additions); n > MaxLines {
		return Decision{}, CartFull.New("the cart would have %d lines, at most %d are possible", n, MaxLines)
	}
	events := make([]event.Payload, len(additions))
	for i, a := range additions {
		price, original, err := a.prices(c.Currency)
		if err != nil {
			return Decision{}, InEntry(i, "itemCode", err)
		}
		if err := checkQuantity(a.Quantity, a.Item.Unit); err != nil {
			return Decision{}, InEntry(i, "quantity", err)
		}
		if err := checkLineAmount(price, a.Quantity, c.Currency); err != nil {
			return Decision{}, InEntry(i, "quantity", err)
		}
		events[i] = event.ProductAdded{
			OrderID: c.ID, ProductID: a.Item.Code, LineNo: len(c.Lines) + i + 1,
			Quantity: a.Quantity, Price: price, OriginalPrice: original,
			Description: a.Item.Name, CategoryCode: a.Item.CategoryCode, Unit: a.Item.Unit,
			DiscountRestricted: a.Item.DiscountRestricted, Tax: a.Item.Tax,
		}
	}
	return c.decide(events...)
}

// prices are what the item is sold at and what it costs ordinarily.
func (a Addition) prices(currency money.Currency) (price, original money.Decimal, err error) {
	if a.UnitPrice == nil {
		if a.Item.Price == nil {
			return price, original, ItemWithoutPrice.New("item %s has no price in %s", a.Item.Code, currency)
		}
		return *a.Item.Price, *a.Item.Price, nil
	}
	price, original = *a.UnitPrice, *a.UnitPrice
	if a.Item.Price != nil {
		original = *a.Item.Price
	}
	return price, original, checkPrice(price, currency)
}

// CancelLine takes a line out of the sale; it stays visible. It fails with problem.InvalidOperation,
// LineNotFound, LineCancelled or BalanceNegative.
func (c Cart) CancelLine(no int) (Decision, error) {
	if err := c.may(OpCancelLine); err != nil {
		return Decision{}, err
	}
	l, err := c.liveLine(no)
	if err != nil {
		return Decision{}, err
	}
	return c.decide(event.ProductRemoved{OrderID: c.ID, ProductID: l.ItemCode, LineNo: no})
}

// ChangeQuantity gives a line another quantity. It fails with problem.InvalidOperation,
// problem.Invalid, LineNotFound, LineCancelled, CartFull or BalanceNegative.
func (c Cart) ChangeQuantity(no int, quantity money.Decimal) (Decision, error) {
	if err := c.may(OpChangeQuantity); err != nil {
		return Decision{}, err
	}
	l, err := c.liveLine(no)
	if err != nil {
		return Decision{}, err
	}
	if err := checkQuantity(quantity, l.Unit); err != nil {
		return Decision{}, err
	}
	if err := checkLineAmount(l.UnitPrice, quantity, c.Currency); err != nil {
		return Decision{}, err
	}
	return c.decide(event.ProductQuantityUpdated{
		OrderID: c.ID, ProductID: l.ItemCode, LineNo: no, OldQuantity: l.Quantity, NewQuantity: quantity})
}

// ChangePrice sells a line at another unit price; what it costs ordinarily stays in the line. It fails
// with problem.InvalidOperation, problem.Invalid, LineNotFound, LineCancelled, CartFull or
// BalanceNegative.
func (c Cart) ChangePrice(no int, price money.Decimal) (Decision, error) {
	if err := c.may(OpChangePrice); err != nil {
		return Decision{}, err
	}
	l, err := c.liveLine(no)
	if err != nil {
		return Decision{}, err
	}
	if err := checkPrice(price, c.Currency); err != nil {
		return Decision{}, err
	}
	if err := checkLineAmount(price, l.Quantity, c.Currency); err != nil {
		return Decision{}, err
	}
	return c.decide(event.PriceOverridden{OrderID: c.ID, ProductID: l.ItemCode, LineNo: no, OldPrice: l.UnitPrice, NewPrice: price})
}

func (c Cart) liveLine(no int) (Line, error) {
	if no < 1 || no > len(c.Lines) {
		return Line{}, LineNotFound.New("the cart has %d lines, there is no line %d", len(c.Lines), no)
	}
	l := c.Lines[no-1]
	if l.Cancelled {
		return l, LineCancelled.New("line %d was cancelled before", no)
	}
	return l, nil
}

func checkPrice(price money.Decimal, currency money.Currency) error {
	if price.Sign() < 0 || price.Cmp(maxUnitPrice) > 0 {
		return invalid("unitPrice", "range", fmt.Sprintf("must be from 0 to %s", maxUnitPrice))
	}
	if err := currency.Check(price); err != nil {
		return invalid("unitPrice", "currency", err.Error())
	}
	return nil
}

func checkQuantity(quantity money.Decimal, unit string) error {
	switch {
	case quantity.Sign() <= 0 || quantity.Cmp(maxQuantity) > 0:
		return invalid("quantity", "range", fmt.Sprintf("must be more than 0 and at most %s", maxQuantity))
	case quantity.Scale() > QuantityDigits:
		return invalid("quantity", "decimals", fmt.Sprintf("must have at most %d decimals", QuantityDigits))
	case unit == "" && !quantity.IsInt():
		return invalid("quantity", "whole", "must be a whole number: the item is sold by the piece")
	}
	return nil
}

func checkLineAmount(price, quantity money.Decimal, currency money.Currency) error {
	amount, err := lineAmount(price, quantity, currency)
	if err != nil || amount.Cmp(maxTotal) > 0 {
		return CartFull.New("%s × %s is more than %s, which is the most that a cart can cost", quantity, price, maxTotal)
	}
	return nil
}
