package money

import "fmt"

// Currency is an ISO 4217 alphabetic code.
type Currency string

// minorDigits lists the currencies that a store can be set up with and the digits of their minor
// unit (ISO 4217, list one).
var minorDigits = map[Currency]int{
	"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0,
	"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "AUD": 2, "CAD": 2, "NZD": 2, "CNY": 2, "HKD": 2,
	"SGD": 2, "TWD": 2, "THB": 2, "INR": 2, "IDR": 2, "MYR": 2, "PHP": 2, "SEK": 2, "NOK": 2,
	"DKK": 2, "PLN": 2, "CZK": 2, "HUF": 2, "RON": 2, "BGN": 2, "TRY": 2, "BRL": 2, "MXN": 2,
	"ZAR": 2, "AED": 2, "SAR": 2, "ILS": 2, "KWD": 3, "BHD": 3, "JOD": 3, "TND": 3,
}

// Valid tells whether the currency is known.
func (c Currency) Valid() bool { _, ok := minorDigits[c]; return ok }

// Digits is the number of decimals of the minor unit: 0 for JPY, 2 for EUR.
func (c Currency) Digits() int { return minorDigits[c] }

// Check fails when d has more decimals than the currency.
func (c Currency) Check(d Decimal) error {
	if d.Scale() > c.Digits() {
		return fmt.Errorf("%s has %d decimals, %s has at most %d", d, d.Scale(), c, c.Digits())
	}
	return nil
}
