package catalogfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// index checks a file and makes it searchable. The error has one line for everything that is wrong.
func index(f file) (*Catalogue, error) {
	c := &Catalogue{items: map[string]item{}, taxes: map[string]tax{}, payments: map[string]payment{}}
	var findings []error
	note := func(what, code string, n int, errs ...error) {
		for _, err := range errs {
			if err != nil {
				findings = append(findings, fmt.Errorf("  %s %q (number %d): %w", what, code, n+1, err))
			}
		}
	}
	for n, t := range f.Taxes {
		_, twice := c.taxes[t.Code]
		note("tax", t.Code, n, cart.CheckCode(t.Code), unique(twice), t.Name.check(), t.check())
		c.taxes[t.Code] = t
	}
	for n, p := range f.Payments {
		_, twice := c.payments[p.Code]
		note("payment", p.Code, n, cart.CheckCode(p.Code), unique(twice), p.Name.check(), p.check())
		c.payments[p.Code] = p
	}
	for n, i := range f.Items {
		note("item", i.Code, n, cart.CheckCode(i.Code), i.Name.check(), i.check(c.taxes), c.enter(i))
	}
	if len(f.Items) == 0 {
		findings = append(findings, errors.New("  there are no items"))
	}
	if len(f.Payments) == 0 {
		findings = append(findings, errors.New("  there are no payment methods"))
	}
	return c, errors.Join(findings...)
}

func unique(twice bool) error {
	if twice {
		return errors.New("the code stands twice")
	}
	return nil
}

func (n names) check() error {
	if len(n) == 0 {
		return errors.New(`the name is missing: give one per language, such as {"ja": "…", "en": "…"}`)
	}
	var errs []error
	for language, name := range n {
		if err := cart.CheckName(name); err != nil {
			errs = append(errs, fmt.Errorf("name in %q: %w", language, err))
		}
	}
	return errors.Join(errs...)
}

func (t tax) check() error {
	return cart.CheckTaxRule(event.OrderTax{Code: t.Code, Type: t.Type, Name: "checked elsewhere", Rate: t.Rate, Rounding: t.Rounding})
}

func (p payment) check() error {
	if !slices.Contains(cart.PaymentTypes, p.Type) {
		return fmt.Errorf("type %q is none of %s", p.Type, strings.Join(cart.PaymentTypes, ", "))
	}
	for currency, l := range p.Limits {
		if !currency.Valid() {
			return fmt.Errorf("limits: currency %q is unknown", currency)
		}
		if err := l.check(currency); err != nil {
			return fmt.Errorf("limits in %s: %w", currency, err)
		}
	}
	return nil
}

func (l limits) check(currency money.Currency) error {
	for _, limit := range []*money.Decimal{l.Min, l.Max} {
		if limit == nil {
			continue
		}
		if limit.Sign() <= 0 {
			return fmt.Errorf("%s is not more than 0", *limit)
		}
		if err := currency.Check(*limit); err != nil {
			return err
		}
	}
	if l.Min != nil && l.Max != nil && l.Min.Cmp(*l.Max) > 0 {
		return fmt.Errorf("min %s is more than max %s", *l.Min, *l.Max)
	}
	return nil
}

func (i item) check(taxes map[string]tax) error {
	var errs []error
	if _, ok := taxes[i.Tax]; !ok {
		errs = append(errs, fmt.Errorf("tax %q is not in the table of taxes", i.Tax))
	}
	if i.Category != "" {
		if err := cart.CheckCode(i.Category); err != nil {
			errs = append(errs, fmt.Errorf("category: %w", err))
		}
	}
	if err := cart.CheckUnit(i.Unit); err != nil {
		errs = append(errs, fmt.Errorf("unit: %w", err))
	}
	for currency, price := range i.Prices {
		switch {
		case !currency.Valid():
			errs = append(errs, fmt.Errorf("currency %q is unknown", currency))
		case price.Sign() < 0 || price.Cmp(cart.MaxUnitPrice()) > 0:
			errs = append(errs, fmt.Errorf("price %s %s is not from 0 to %s", price, currency, cart.MaxUnitPrice()))
		case currency.Check(price) != nil:
			errs = append(errs, fmt.Errorf("price: %w", currency.Check(price)))
		}
	}
	return errors.Join(errs...)
}

// enter makes i known by its code and barcodes, each of which names one item only.
func (c *Catalogue) enter(i item) error {
	var errs []error
	for _, name := range append([]string{i.Code}, i.Barcodes...) {
		if other, taken := c.items[name]; taken {
			errs = append(errs, fmt.Errorf("%q already names item %q", name, other.Code))
			continue
		}
		if err := cart.CheckCode(name); err != nil && name != i.Code {
			errs = append(errs, fmt.Errorf("barcode: %w", err))
		}
		c.items[name] = i
	}
	return errors.Join(errs...)
}
