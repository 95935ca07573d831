package cart_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

func TestAnOverriddenPriceKeepsTheOriginal(t *testing.T) {
	s := newSale(t, "JPY")
	s.do(s.AddItems([]cart.Addition{
		{Item: item("a", "150", internal10), Quantity: d("2"), UnitPrice: ptr(d("120"))},
		{Item: item("b", "150", internal10), Quantity: d("1"), UnitPrice: ptr(d("150"))},
		{Item: cart.Item{Code: "c", Name: "c", Tax: exempt}, Quantity: d("1"), UnitPrice: ptr(d("0"))},
	}))
	s.subtotal().pay(cash, "390").bill()
	lines := s.TranLog().LineItems
	assert.True(t, lines[0].IsUnitPriceChanged)
	assert.Equal(t, "120", lines[0].UnitPrice.String())
	assert.Equal(t, "150", lines[0].UnitPriceOriginal.String())
	assert.Equal(t, "240", lines[0].Amount.String())
	assert.False(t, lines[1].IsUnitPriceChanged)
	assert.False(t, lines[2].IsUnitPriceChanged, "an item without a price has no other price")
}

func TestWhatAnItemMayBe(t *testing.T) {
	kilo := item("kg", "598", external8)
	kilo.Unit = "kg"
	euro := item("e", "1.10", internal10)
	for name, c := range map[string]struct {
		currency money.Currency
		addition cart.Addition
		kind     *problem.Kind
		field    string
	}{
		"nothing":                {"JPY", cart.Addition{Item: item("a", "1", exempt)}, problem.Invalid, "[0].quantity"},
		"less than nothing":      {"JPY", cart.Addition{Item: item("a", "1", exempt), Quantity: d("-2")}, problem.Invalid, "[0].quantity"},
		"too many":               {"JPY", cart.Addition{Item: item("a", "1", exempt), Quantity: d("100000")}, problem.Invalid, "[0].quantity"},
		"half a piece":           {"JPY", cart.Addition{Item: item("a", "1", exempt), Quantity: d("0.5")}, problem.Invalid, "[0].quantity"},
		"a weight":               {"JPY", cart.Addition{Item: kilo, Quantity: d("0.532")}, nil, ""},
		"too fine a weight":      {"JPY", cart.Addition{Item: kilo, Quantity: d("0.5321")}, problem.Invalid, "[0].quantity"},
		"negative price":         {"JPY", cart.Addition{Item: kilo, Quantity: d("1"), UnitPrice: ptr(d("-1"))}, problem.Invalid, "[0].unitPrice"},
		"price too high":         {"JPY", cart.Addition{Item: kilo, Quantity: d("1"), UnitPrice: ptr(d("1000000000"))}, problem.Invalid, "[0].unitPrice"},
		"price for free":         {"JPY", cart.Addition{Item: kilo, Quantity: d("1"), UnitPrice: ptr(d("0"))}, nil, ""},
		"cents of a yen":         {"JPY", cart.Addition{Item: kilo, Quantity: d("1"), UnitPrice: ptr(d("1.5"))}, problem.Invalid, "[0].unitPrice"},
		"cents of a euro":        {"EUR", cart.Addition{Item: euro, Quantity: d("1"), UnitPrice: ptr(d("1.05"))}, nil, ""},
		"tenths of a cent":       {"EUR", cart.Addition{Item: euro, Quantity: d("1"), UnitPrice: ptr(d("1.005"))}, problem.Invalid, "[0].unitPrice"},
		"no price":               {"EUR", cart.Addition{Item: cart.Item{Code: "x", Tax: exempt}, Quantity: d("1")}, cart.ItemWithoutPrice, "[0].itemCode"},
		"the most that is":       {"JPY", cart.Addition{Item: item("a", "1", exempt), Quantity: d("10"), UnitPrice: ptr(d("999999999"))}, nil, ""},
		"more than a cart costs": {"JPY", cart.Addition{Item: item("a", "1", exempt), Quantity: d("99999"), UnitPrice: ptr(d("999999999"))}, cart.CartFull, "[0].quantity"},
		"more with its tax":      {"JPY", cart.Addition{Item: item("a", "1", external10), Quantity: d("10"), UnitPrice: ptr(d("999999999"))}, cart.CartFull, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newSale(t, c.currency).AddItems([]cart.Addition{c.addition})
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			require.True(t, problem.Is(err, c.kind), "%v", err)
			if c.field != "" {
				assert.Equal(t, c.field, problem.Of(err).Fields[0].Name)
			}
		})
	}
}

func TestWeighedGoodsAreRoundedHalfUpAndCountForOne(t *testing.T) {
	s := newSale(t, "JPY")
	kilo := item("kg", "1001", external8)
	kilo.Unit = "kg"
	s.add(kilo, "0.5").add(kilo, "2").add(item("a", "100", external8), "3")
	assert.Equal(t, "501", s.Lines[0].Amount.String(), "500.5 is rounded up")
	assert.EqualValues(t, 5, s.Totals.Pieces)
}

func TestLinesAreFoundByTheirNumberAndOnce(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "100", exempt), "1").add(item("b", "10", exempt), "1")
	for _, no := range []int{-1, 0, 3} {
		_, err := s.CancelLine(no)
		assert.True(t, problem.Is(err, cart.LineNotFound), "%d: %v", no, err)
		_, err = s.ChangeQuantity(no, d("1"))
		assert.True(t, problem.Is(err, cart.LineNotFound), "%d: %v", no, err)
	}
	s.do(s.CancelLine(1))
	assert.Equal(t, "10", s.Totals.AmountWithTax.String())
	assert.Len(t, s.Lines, 2, "a cancelled line stays visible")
	_, err := s.CancelLine(1)
	assert.True(t, problem.Is(err, cart.LineCancelled))
	_, err = s.ChangeQuantity(1, d("1"))
	assert.True(t, problem.Is(err, cart.LineCancelled))
	_, err = s.ChangeQuantity(2, d("0"))
	assert.True(t, problem.Is(err, problem.Invalid))
}

func TestACartWithNothingLeftIsNotBilled(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "100", exempt), "1")
	s.do(s.CancelLine(1))
	_, err := s.Subtotal()
	assert.True(t, problem.Is(err, problem.InvalidOperation))
}

func TestWhatIsGivenAwayIsBilledWithoutPayment(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "0", exempt), "1").subtotal()
	_, err := s.Pay([]cart.Tender{{Method: cash, Deposit: d("1")}})
	assert.True(t, problem.Is(err, cart.BalanceZero))
	s.bill()
	assert.Equal(t, cart.Completed, s.Status)
	assert.Empty(t, s.TranLog().Payments)
}

func TestOnlyCashGivesChange(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "1000", exempt), "1").subtotal()
	for _, m := range []cart.Method{cashless, other} {
		_, err := s.Pay([]cart.Tender{{Method: m, Deposit: d("1001")}})
		assert.True(t, problem.Is(err, cart.DepositTooLarge), "%v", err)
	}
	s.pay(cashless, "400")
	_, err := s.Bill(numbers, "r")
	assert.True(t, problem.Is(err, cart.BalanceLeft))
	s.pay(cash, "1000")
	assert.Equal(t, "0", s.Totals.Balance.String())
	assert.Equal(t, "400", s.Totals.Change.String())
	assert.Equal(t, "1400", s.Totals.Deposit.String())
	assert.Equal(t, "600", s.Cash().String())
	_, err = s.Pay([]cart.Tender{{Method: cash, Deposit: d("1")}})
	assert.True(t, problem.Is(err, cart.BalanceZero))
}

func TestPaymentsAreTakenAllOrNone(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "1000", exempt), "1").subtotal()
	_, err := s.Pay([]cart.Tender{{Method: cashless, Deposit: d("900")}, {Method: cashless, Deposit: d("101")}})
	assert.True(t, problem.Is(err, cart.DepositTooLarge))
	assert.Equal(t, "[1].amount", problem.Of(err).Fields[0].Name)
	assert.Empty(t, s.Payments)
}

func TestWhatIsHandedOverHasABoundTogether(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "999999999", exempt), "10").subtotal().pay(cashless, "9999999980")
	_, err := s.Pay([]cart.Tender{{Method: cash, Deposit: d("20")}})
	assert.True(t, problem.Is(err, cart.CartFull), "%v", err)
	s.pay(cash, "10").bill()
}

func TestWhatAPaymentMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		tender cart.Tender
		kind   *problem.Kind
		field  string
	}{
		"nothing":        {cart.Tender{Method: cash, Deposit: d("0")}, problem.Invalid, "[0].amount"},
		"negative":       {cart.Tender{Method: cash, Deposit: d("-1")}, problem.Invalid, "[0].amount"},
		"too fine":       {cart.Tender{Method: cash, Deposit: d("0.001")}, problem.Invalid, "[0].amount"},
		"too much":       {cart.Tender{Method: cash, Deposit: d("10000000000")}, problem.Invalid, "[0].amount"},
		"a card number":  {cart.Tender{Method: cashless, Deposit: d("1"), Detail: "card 4111-1111 1111 1111"}, problem.Invalid, "[0].detail"},
		"an approval":    {cart.Tender{Method: cashless, Deposit: d("1"), Detail: "approval 4111111111111112"}, nil, ""},
		"a short number": {cart.Tender{Method: cashless, Deposit: d("1"), Detail: "0000 0000"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, "EUR").add(item("a", "10.00", exempt), "1")
			_, err := s.Pay([]cart.Tender{c.tender})
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			require.True(t, problem.Is(err, c.kind), "%v", err)
			assert.Equal(t, c.field, problem.Of(err).Fields[0].Name)
			assert.NotContains(t, err.Error(), "4111")
		})
	}
}

func TestTheCartNeverCostsLessThanWasPaid(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "1000", exempt), "2").add(item("b", "500", exempt), "1").pay(cash, "2300")
	_, err := s.CancelLine(2)
	assert.True(t, problem.Is(err, cart.BalanceNegative), "%v", err)
	_, err = s.ChangeQuantity(1, d("1"))
	assert.True(t, problem.Is(err, cart.BalanceNegative), "%v", err)
	s.subtotal()
	s.do(s.ResumeItemEntry())
	assert.Empty(t, s.Payments)
	assert.Equal(t, "0", s.Totals.Change.String())
	s.do(s.CancelLine(2))
	assert.Equal(t, "2000", s.Totals.Balance.String())
}

func TestCancellingGivesPaymentsBack(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "1000", external10), "1").subtotal().pay(cash, "1000")
	s.do(s.Cancel(numbers))
	log := s.TranLog()
	assert.True(t, log.Sales.IsCancelled)
	assert.Equal(t, event.TypeSale, log.TransactionType)
	assert.Empty(t, log.Payments)
	assert.Equal(t, "0", log.Sales.ChangeAmount.String())
	assert.Equal(t, "1100", log.Sales.TotalAmountWithTax.String(), "what it would have cost stands in the log")
	assert.EqualValues(t, 11, log.TransactionNo)
}

func TestTaxIsComputedOnTheSumOfARate(t *testing.T) {
	half, ceil := external8, external8
	half.Code, half.Rounding = "21", money.HalfUp
	ceil.Code, ceil.Rounding = "22", money.Ceil
	stacked := external8
	stacked.Rate = d("8.875")
	for name, c := range map[string]struct {
		currency money.Currency
		tax      event.OrderTax
		prices   []string
		want     string
		withTax  string
	}{
		"8 % of 3 × 33, not 3 × (8 % of 33)": {"JPY", external8, []string{"33", "33", "33"}, "7", "106"},
		"half up":                            {"JPY", half, []string{"33", "33", "40"}, "8", "114"},
		"up":                                 {"JPY", ceil, []string{"33", "33", "35"}, "9", "110"},
		"inside":                             {"JPY", internal8, []string{"54", "55"}, "8", "109"},
		"inside at 10 %":                     {"JPY", internal10, []string{"1100"}, "100", "1100"},
		"none":                               {"JPY", exempt, []string{"1000"}, "0", "1000"},
		"in cents":                           {"EUR", external10, []string{"10.99", "0.06"}, "1.1", "12.15"},
		"at three decimals of a percent":     {"USD", stacked, []string{"99.99"}, "8.87", "108.86"},
		"in fils":                            {"KWD", external10, []string{"1.234"}, "0.123", "1.357"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSale(t, c.currency)
			for _, p := range c.prices {
				s.add(item("a", p, c.tax), "1")
			}
			require.Len(t, s.Totals.Taxes, 1)
			assert.Equal(t, c.want, s.Totals.Taxes[0].Amount.String())
			assert.Equal(t, c.withTax, s.Totals.AmountWithTax.String())
		})
	}
}

func TestOneCodeWithTwoRatesIsTwoTaxes(t *testing.T) {
	raised := external8
	raised.Rate = d("9")
	s := newSale(t, "JPY").add(item("a", "1000", external8), "1").add(item("b", "1000", raised), "1")
	require.Len(t, s.Totals.Taxes, 2)
	assert.Equal(t, "170", s.Totals.Tax.String())
}

func TestBadTaxRulesAreExplained(t *testing.T) {
	with := func(change func(*event.OrderTax)) event.OrderTax { r := external10; change(&r); return r }
	for name, rule := range map[string]event.OrderTax{
		"code":     with(func(r *event.OrderTax) { r.Code = "" }),
		"name":     with(func(r *event.OrderTax) { r.Name = "" }),
		"type":     with(func(r *event.OrderTax) { r.Type = "Stacked" }),
		"rounding": with(func(r *event.OrderTax) { r.Rounding = "even" }),
		"rate":     with(func(r *event.OrderTax) { r.Rate = d("101") }),
		"exempt":   with(func(r *event.OrderTax) { r.Type = cart.TaxExempt }),
	} {
		assert.ErrorContains(t, cart.CheckTaxRule(rule), name)
	}
	assert.NoError(t, cart.CheckTaxRule(external10))
	assert.NoError(t, cart.CheckTaxRule(exempt))
}

func TestACartHasAnEnd(t *testing.T) {
	s := newSale(t, "JPY")
	many := make([]cart.Addition, cart.MaxAdditions)
	for i := range many {
		many[i] = cart.Addition{Item: item("a", "1", exempt), Quantity: d("1")}
	}
	for range cart.MaxLines / cart.MaxAdditions {
		s.do(s.AddItems(many))
	}
	_, err := s.AddItems(many[:1])
	assert.True(t, problem.Is(err, cart.CartFull))
	for range cart.MaxPayments {
		s.pay(cashless, "1")
	}
	_, err = s.Pay([]cart.Tender{{Method: cash, Deposit: d("1")}})
	assert.True(t, problem.Is(err, cart.CartFull))
}

func TestFoldRefusesWhatCannotHaveHappened(t *testing.T) {
	s := newSale(t, "JPY").add(item("a", "100", exempt), "1")
	for name, e := range map[string]event.Payload{
		"line out of order": event.ProductAdded{LineNo: 3},
		"no such line":      event.ProductRemoved{LineNo: 2},
		"no such payment":   event.PaymentReleased{PaymentNo: 1},
		"no such event":     event.Opened{},
	} {
		_, err := s.Apply(e)
		assert.Error(t, err, name)
	}
	good := business(t, s.Terminal, s.events)
	good[1].Payload = []byte(`{"lineNo":"x"}`)
	_, err := cart.Fold(good)
	assert.Error(t, err)
	good[1].EventType = "Terminal.Opened"
	_, err = cart.Fold(good)
	assert.Error(t, err)
}

func TestTheCatalogueOfProblemsIsConsistent(t *testing.T) {
	seen := map[int]bool{}
	for _, k := range cart.Catalogue {
		assert.False(t, seen[k.Code], k.Code)
		seen[k.Code] = true
		assert.GreaterOrEqual(t, k.Code, 401001)
		assert.LessOrEqual(t, k.Code, 404999)
		assert.NotEmpty(t, k.Hint)
		assert.Contains(t, []int{400, 404}, k.Status)
	}
}

func TestAnotherPriceLeavesTheOrdinaryOneVisible(t *testing.T) {
	s := newSale(t, "EUR").add(item("a", "1.20", external10), "3").add(item("b", "5", exempt), "1")
	s.do(s.ChangePrice(1, d("0.99")))
	s.do(s.ChangePrice(1, d("1")))
	l := s.Lines[0]
	assert.Equal(t, "1.2", l.OriginalPrice.String(), "the first one, however often it is changed")
	assert.True(t, l.PriceChanged())
	assert.Equal(t, "3", l.Amount.String())
	assert.Equal(t, "8.3", s.Totals.AmountWithTax.String(), "3 + 0.30 tax + 5")
	s.do(s.ChangePrice(2, d("0")))
	assert.Equal(t, "3.3", s.Totals.AmountWithTax.String(), "a gift")
	s.do(s.ChangePrice(1, d("1.2")))
	assert.False(t, s.Lines[0].PriceChanged(), "at its ordinary price again")

	for name, c := range map[string]struct {
		line  int
		price string
		kind  *problem.Kind
	}{
		"negative":           {1, "-0.01", problem.Invalid},
		"too high":           {1, "1000000000", problem.Invalid},
		"cents of a cent":    {1, "0.001", problem.Invalid},
		"no such line":       {3, "1", cart.LineNotFound},
		"more than it holds": {1, "999999999", nil},
	} {
		_, err := s.ChangePrice(c.line, d(c.price))
		if c.kind == nil {
			assert.NoError(t, err, name)
			continue
		}
		assert.True(t, problem.Is(err, c.kind), "%s: %v", name, err)
	}
	s.do(s.ChangeQuantity(1, d("99999")))
	_, err := s.ChangePrice(1, d("999999999"))
	assert.True(t, problem.Is(err, cart.CartFull), "%v", err)
	s.do(s.CancelLine(2))
	_, err = s.ChangePrice(2, d("1"))
	assert.True(t, problem.Is(err, cart.LineCancelled), "%v", err)
	s.do(s.ChangeQuantity(1, d("1"))).pay(cash, "1.32")
	_, err = s.ChangePrice(1, d("1"))
	assert.True(t, problem.Is(err, cart.BalanceNegative), "more is paid than it would cost: %v", err)
}

func TestLimitsOfAPaymentMethod(t *testing.T) {
	wallet := cart.Method{Code: "13", Type: cart.PaymentWallet, Name: "Wallet", Min: ptr(d("10")), Max: ptr(d("500"))}
	tender := func(m cart.Method, amount string) cart.Tender { return cart.Tender{Method: m, Deposit: d(amount)} }
	s := newSale(t, "JPY").add(item("a", "1000", exempt), "1")
	for name, tenders := range map[string][]cart.Tender{
		"too little":          {tender(wallet, "9")},
		"too much":            {tender(wallet, "501")},
		"too much in two":     {tender(wallet, "300"), tender(wallet, "201")},
		"too much beside one": {tender(cash, "100"), tender(wallet, "300"), tender(cash, "100"), tender(wallet, "300")},
	} {
		_, err := s.Pay(tenders)
		assert.True(t, problem.Is(err, cart.PaymentLimit), "%s: %v", name, err)
	}
	s.do(s.Pay([]cart.Tender{tender(wallet, "10"), tender(wallet, "490")}))
	_, err := s.Pay([]cart.Tender{tender(wallet, "10")})
	assert.True(t, problem.Is(err, cart.PaymentLimit), "what was paid before counts: %v", err)

	limited := cash
	limited.Max = ptr(d("400")) // a law against large amounts of cash looks at what is paid, not at the note
	_, err = s.Pay([]cart.Tender{tender(limited, "10000")})
	assert.True(t, problem.Is(err, cart.PaymentLimit), "%v", err)
	s.do(s.Pay([]cart.Tender{tender(cash, "100")}))
	limited.Max = ptr(d("500"))
	s.do(s.Pay([]cart.Tender{tender(limited, "10000")}))
	assert.Equal(t, "9600", s.Totals.Change.String())
	assert.True(t, s.Totals.Balance.IsZero())
}
