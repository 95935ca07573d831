// Package catalogfile is a catalogue in one JSON file: what can be sold, at which prices and taxes,
// and how it can be paid. It serves until a catalogue service publishes the catalogue on a topic.
//
// The file is checked when it is loaded, so that nothing in it can make a sale fail later: the
// limits of the domain hold for every name, price and rule. The package knows nothing of carts.
package catalogfile

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

//go:embed sample.json
var sample []byte

// sampleName stands in messages for the embedded file.
const sampleName = "the embedded sample catalogue"

// schemaVersion that this code reads.
const schemaVersion = 1

// file is the JSON.
type file struct {
	SchemaVersion int       `json:"schemaVersion"`
	Taxes         []tax     `json:"taxes"`
	Payments      []payment `json:"payments"`
	Items         []item    `json:"items"`
}

// names by language.
type names map[string]string

type tax struct {
	Code     string         `json:"code"`
	Type     string         `json:"type"`
	Name     names          `json:"name"`
	Rate     money.Decimal  `json:"rate"`
	Rounding money.Rounding `json:"rounding"`
}

type payment struct {
	Code      string                    `json:"code"`
	Type      string                    `json:"type"`
	Name      names                     `json:"name"`
	Limits    map[money.Currency]limits `json:"limits"`
	Withdrawn bool                      `json:"withdrawn"` // no longer taken
}

// limits of a payment method in one currency; see cart.Method.
type limits struct {
	Min *money.Decimal `json:"min"`
	Max *money.Decimal `json:"max"`
}

type item struct {
	Code               string                           `json:"code"`
	Barcodes           []string                         `json:"barcodes"`
	Name               names                            `json:"name"`
	Category           string                           `json:"category"`
	Unit               string                           `json:"unit"`
	Tax                string                           `json:"tax"`
	DiscountRestricted bool                             `json:"discountRestricted"`
	Prices             map[money.Currency]money.Decimal `json:"prices"`
}

// Catalogue implements app.Catalogue.
type Catalogue struct {
	items    map[string]item // by code and by barcode
	taxes    map[string]tax
	payments map[string]payment
}

// Load reads the file at path, or the embedded sample when path is empty. The error lists everything
// that is wrong in it.
func Load(path string) (*Catalogue, error) {
	if path == "" {
		return read(sampleName, sample)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("catalogue (TILLROLL_CATALOG): %w", err)
	}
	return read(path, raw)
}

func read(name string, raw []byte) (*Catalogue, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", name, located(raw, d.InputOffset(), err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("catalogue %s: more than one JSON value", name)
	}
	if f.SchemaVersion != schemaVersion {
		return nil, fmt.Errorf("catalogue %s: schemaVersion is %d, this program reads %d", name, f.SchemaVersion, schemaVersion)
	}
	c, err := index(f)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s:\n%w", name, err)
	}
	return c, nil
}

// located adds the line to an error of the JSON decoder.
func located(raw []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	line := 1 + bytes.Count(raw[:min(int(offset), len(raw))], []byte("\n"))
	return fmt.Errorf("line %d: %w", line, err)
}

// Item implements app.Catalogue.
func (c *Catalogue) Item(_ context.Context, shop app.Shop, code string) (cart.Item, error) {
	i, ok := c.items[code]
	if !ok {
		return cart.Item{}, cart.ItemNotFound.New("there is no item with the code or barcode %q", code)
	}
	t := c.taxes[i.Tax]
	found := cart.Item{
		Code: i.Code, Name: i.Name.in(shop.Language), CategoryCode: i.Category, Unit: i.Unit,
		DiscountRestricted: i.DiscountRestricted,
		Tax:                event.OrderTax{Code: t.Code, Type: t.Type, Name: t.Name.in(shop.Language), Rate: t.Rate, Rounding: t.Rounding},
	}
	if price, ok := i.Prices[shop.Currency]; ok {
		found.Price = &price
	}
	return found, nil
}

// Method implements app.Catalogue.
func (c *Catalogue) Method(_ context.Context, shop app.Shop, code string) (cart.Method, error) {
	p, ok := c.payments[code]
	if !ok {
		return cart.Method{}, cart.PaymentUnknown.New("there is no payment method with the code %q", code)
	}
	if p.Withdrawn {
		return cart.Method{}, cart.PaymentUnknown.New("the payment method %q is no longer taken", code)
	}
	limits := p.Limits[shop.Currency]
	return cart.Method{Code: p.Code, Type: p.Type, Name: p.Name.in(shop.Language), Min: limits.Min, Max: limits.Max}, nil
}

// in gives the name in a language such as ja or ja-JP, else in English, else in the first language
// by its tag.
func (n names) in(language string) string {
	base, _, _ := strings.Cut(language, "-")
	for _, l := range []string{language, base, "en"} {
		if name, ok := n[l]; ok {
			return name
		}
	}
	languages := make([]string, 0, len(n))
	for l := range n {
		languages = append(languages, l)
	}
	return n[slices.Min(languages)]
}
