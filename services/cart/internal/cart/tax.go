package cart

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// Types of tax: on top of the price, inside the price, none.
const (
	TaxExternal = "External"
	TaxInternal = "Internal"
	TaxExempt   = "Exempt"
)

// Tax is what one rule takes of a cart. It is computed on the sum of the rule's lines, never line by
// line: rounding happens once per rule and receipt.
type Tax struct {
	Rule   event.OrderTax `json:"rule"`
	Amount money.Decimal  `json:"amount"`
	Target money.Decimal  `json:"target"` // the sum that it was computed on
	Pieces int64          `json:"pieces"`
}

var hundred = money.FromInt(100)

// formulas give the tax inside or on top of a sum, for each type.
var formulas = map[string]func(sum money.Decimal, rule event.OrderTax, digits int) (money.Decimal, error){
	TaxExternal: func(sum money.Decimal, rule event.OrderTax, digits int) (money.Decimal, error) {
		return sum.MulDiv(rule.Rate, hundred, digits, rule.Rounding)
	},
	TaxInternal: func(sum money.Decimal, rule event.OrderTax, digits int) (money.Decimal, error) {
		return sum.MulDiv(rule.Rate, hundred.Add(rule.Rate), digits, rule.Rounding)
	},
	TaxExempt: func(money.Decimal, event.OrderTax, int) (money.Decimal, error) { return money.Zero, nil },
}

// CheckTaxRule explains what is wrong with a rule, or returns nil.
func CheckTaxRule(rule event.OrderTax) error {
	switch _, known := formulas[rule.Type]; {
	case rule.Code == "":
		return fmt.Errorf("the code is missing")
	case rule.Name == "":
		return fmt.Errorf("the name is missing")
	case !known:
		return fmt.Errorf("type %q is none of %s, %s, %s", rule.Type, TaxExternal, TaxInternal, TaxExempt)
	case !rule.Rounding.Valid():
		return fmt.Errorf("rounding %q is none of %s, %s, %s", rule.Rounding, money.HalfUp, money.Floor, money.Ceil)
	case rule.Rate.Sign() < 0 || rule.Rate.Cmp(hundred) > 0 || rule.Rate.Scale() > 3:
		return fmt.Errorf("rate %s is not a percentage from 0 to 100 with at most 3 decimals", rule.Rate)
	case rule.Type == TaxExempt && !rule.Rate.IsZero():
		return fmt.Errorf("rate %s of an exempt tax is not 0", rule.Rate)
	}
	return nil
}

// taxesOf computes the tax of every rule among lines, ordered by code. Lines that were rung up under
// the same code before and after its rate changed stand apart.
func taxesOf(lines []Line, digits int) ([]Tax, error) {
	var taxes []Tax
	for _, l := range lines {
		i := slices.IndexFunc(taxes, func(t Tax) bool { return compareRules(t.Rule, l.Tax) == 0 })
		if i < 0 {
			i = len(taxes)
			taxes = append(taxes, Tax{Rule: l.Tax})
		}
		taxes[i].Target = taxes[i].Target.Add(l.Amount)
		taxes[i].Pieces += l.Pieces()
	}
	slices.SortFunc(taxes, func(a, b Tax) int { return compareRules(a.Rule, b.Rule) })
	for i, t := range taxes {
		formula, known := formulas[t.Rule.Type]
		if !known {
			return nil, fmt.Errorf("cart: tax %s has the unknown type %q", t.Rule.Code, t.Rule.Type)
		}
		var err error
		if taxes[i].Amount, err = formula(t.Target, t.Rule, digits); err != nil {
			return nil, fmt.Errorf("cart: tax %s on %s: %w", t.Rule.Code, t.Target, err)
		}
	}
	return taxes, nil
}

// compareRules orders rules; 0 means that they tax alike. The name is not part of a rule.
func compareRules(a, b event.OrderTax) int {
	return cmp.Or(
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Type, b.Type), a.Rate.Cmp(b.Rate), cmp.Compare(a.Rounding, b.Rounding))
}
