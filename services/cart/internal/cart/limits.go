package cart

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/plain"
)

// Limits of a cart. They keep every amount and every sum far inside the 15 digits that survive the
// journey through brokers and clients, and the transaction log small enough for any broker, so that a
// cart that was let grow can always be billed.
const (
	MaxLines        = 500 // cancelled ones included
	MaxAdditions    = 100 // in one request
	MaxPayments     = 20
	QuantityDigits  = 3
	maxNameBytes    = 180 // of a name written in JSON: 60 Japanese characters
	maxUnitRunes    = 8   // of a unit such as kg
	MaxDetail       = 100 // characters of a payment's detail
	maxReceiptLines = 20  // of the store's own, in header and footer each
	maxReceiptRunes = 96  // of one such line
)

var (
	maxQuantity  = money.FromInt(99_999)
	maxUnitPrice = money.FromInt(999_999_999)
	maxTotal     = money.FromInt(9_999_999_999)
)

// codePattern of items, categories, taxes and payment methods.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$`)

// CheckCode explains what is wrong with a code of the catalogue, or returns nil.
func CheckCode(code string) error {
	if !codePattern.MatchString(code) {
		return fmt.Errorf("%q does not match %s", code, codePattern)
	}
	return nil
}

// CheckName explains what is wrong with a name that gets onto receipts, or returns nil. It is
// measured as it is written in JSON, because that is what has to fit into an event.
func CheckName(name string) error {
	written, err := json.Marshal(name)
	switch {
	case err != nil:
		return err
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("it is empty")
	case strings.ContainsFunc(name, plain.Unprintable):
		return fmt.Errorf("%q contains control characters or marks of direction", name)
	case len(written)-2 > maxNameBytes:
		return fmt.Errorf("%q is longer than %d bytes, which are 60 Japanese characters", name, maxNameBytes)
	}
	return nil
}

// CheckUnit explains what is wrong with a unit, or returns nil. Pieces have none.
func CheckUnit(unit string) error {
	if len([]rune(unit)) > maxUnitRunes || strings.ContainsFunc(unit, plain.Unprintable) {
		return fmt.Errorf("%q is longer than %d characters or contains control characters or marks of direction", unit, maxUnitRunes)
	}
	return nil
}

// MaxUnitPrice is the highest price of a catalogue.
func MaxUnitPrice() money.Decimal { return maxUnitPrice }
