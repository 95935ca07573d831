package shopdays

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
)

// session is one day at one till.
type session struct {
	*till
	staff    event.Person
	events   []event.Event
	sales    []*event.TranLog // that can still be returned or voided
	cashes   int64
	lastCash string
	last     int64 // transaction number
	count    int64
	drawer   int64
}

// Of a hundred transactions so many are something else than a sale.
const (
	returns   = 3
	voids     = 2
	cancelled = 2
)

// day plays one day: some 60 to 110 transactions.
func (t *till) day(date time.Time) []event.Event {
	t.now = time.Date(date.Year(), date.Month(), date.Day(), 8, 0, t.r.IntN(600), t.r.IntN(1e6)*1000, t.zone)
	t.date = date.Format("20060102")
	t.opened++
	who := t.r.IntN(len(t.language.people))
	s := &session{till: t, staff: event.Person{ID: fmt.Sprintf("%s-%d", t.StoreCode, who+1), Name: t.language.people[who]}}
	s.signIn()
	s.openClose(event.OperationOpen, 0)
	s.cash(50_000, t.language.cashIn[0])
	for range 60 + t.r.IntN(51) {
		t.pass(12 * time.Minute)
		switch n := t.r.IntN(100); {
		case n < returns && len(s.sales) > 0:
			s.reverse(event.TypeReturn)
		case n < returns+voids && len(s.sales) > 0:
			s.reverse(event.TypeVoidSale)
		default:
			s.sell(n >= 100-cancelled)
		}
		if t.r.IntN(40) == 0 && s.drawer > 30_000 {
			t.pass(time.Minute)
			s.cash(-10_000, pick(t, t.language.cashOut))
		}
	}
	t.pass(20 * time.Minute)
	s.openClose(event.OperationClose, s.drawer)
	return s.events
}

func (s *session) signIn() {
	b, err := event.NewBusiness(s.staff.ID, "", event.SignedIn{TerminalID: s.ID(), StaffID: s.staff.ID, StaffName: s.staff.Name})
	if err != nil {
		panic(err) // a plain value
	}
	b.Envelope = s.envelope(event.ProducerTerminal)
	b.EventIDSeed, b.StoreID, b.Timestamp = b.EventID, s.StoreCode, s.generated()
	s.events = append(s.events, b)
}

func (s *session) openClose(operation string, drawer int64) {
	s.pass(time.Minute)
	l := &event.OpenCloseLog{
		Envelope: s.envelope(event.ProducerTerminal), StoreName: s.shop, StaffID: s.staff.ID, StaffName: s.staff.Name,
		BusinessDate: s.date, OpenCounter: s.opened, BusinessCounter: s.opened, Operation: operation,
		GenerateDateTime: s.generated(), Currency: "JPY",
	}
	page := s.page().Rule()
	if operation == event.OperationOpen {
		page.Centre(s.language.opened)
	} else {
		expected, cashes, count, last := money.FromInt(drawer), s.cashes, s.count, s.last
		l.ExpectedCash, l.CountedCash, l.CashInOutCount, l.CashInOutLastDatetime = &expected, &expected, &cashes, s.lastCash
		l.CartTransactionCount, l.CartTransactionLastNo = &count, &last
		zero := money.Zero
		l.OverShort = &zero
		page.Centre(s.language.closed).Split(s.language.cash, strconv.FormatInt(drawer, 10)).Split(s.language.receipt, strconv.FormatInt(count, 10))
	}
	page.Split(s.staff.Name, l.GenerateDateTime[:16])
	l.ReceiptText, l.JournalText = page.String(), page.String()
	s.events = append(s.events, l)
}

func (s *session) cash(amount int64, why string) {
	s.pass(time.Minute)
	l := &event.CashLog{
		Envelope: s.envelope(event.ProducerTerminal), StoreName: s.shop, StaffID: s.staff.ID, StaffName: s.staff.Name,
		BusinessDate: s.date, OpenCounter: s.opened, BusinessCounter: s.opened, GenerateDateTime: s.generated(),
		Currency: "JPY", Amount: money.FromInt(amount), Description: why,
	}
	text := s.page().Rule().Split(why, strconv.FormatInt(amount, 10)).Split(s.staff.Name, l.GenerateDateTime[:16]).String()
	l.ReceiptText, l.JournalText = text, text
	s.cashes, s.lastCash, s.drawer = s.cashes+1, l.GenerateDateTime, s.drawer+amount
	s.events = append(s.events, l)
}

// page begins a slip.
func (s *session) page() *layout.Page {
	p := layout.NewPage(layout.DefaultWidth)
	for _, line := range s.language.header {
		p.Centre(line)
	}
	return p.Centre(s.shop)
}

func (s *session) transaction(kind int) *event.TranLog {
	s.number++
	s.receipt++
	s.count, s.last = s.count+1, s.number
	staff := s.staff
	l := &event.TranLog{
		Envelope: s.envelope(event.ProducerCart), StoreName: s.shop, TransactionNo: s.number, TransactionType: kind,
		BusinessDate: s.date, OpenCounter: s.opened, BusinessCounter: s.opened, ReceiptNo: s.receipt, GenerateDateTime: s.generated(),
		Currency: "JPY", Staff: &staff, SubtotalDiscounts: []event.Discount{}, Taxes: []event.Tax{},
	}
	l.CartID = "cart-" + l.EventID
	return l
}

// sell sells one to eight different things.
func (s *session) sell(cancelled bool) {
	l := s.transaction(event.TypeSale)
	total, byTax := int64(0), map[string]int64{}
	for i := range 1 + s.r.IntN(8) {
		g := pick(s.till, s.language.goods)
		n := int64(1)
		if s.r.IntN(4) == 0 {
			n += s.r.Int64N(3)
		}
		amount := g.price * n
		total, byTax[g.tax] = total+amount, byTax[g.tax]+amount
		l.LineItems = append(l.LineItems, event.LineItem{
			LineNo: i + 1, ItemCode: fmt.Sprintf("49%011d", g.price*7919), Description: g.name,
			UnitPrice: money.FromInt(g.price), UnitPriceOriginal: money.FromInt(g.price), Quantity: money.FromInt(n),
			Amount: money.FromInt(amount), TaxCode: g.tax, Discounts: []event.Discount{}, DiscountsAllocated: []event.Discount{},
		})
		l.Sales.TotalQuantity += n
	}
	for _, code := range []string{"08", "10"} {
		target := byTax[code]
		if target == 0 {
			continue
		}
		rate := int64(8)
		if code == "10" {
			rate = 10
		}
		l.Taxes = append(l.Taxes, event.Tax{
			TaxNo: len(l.Taxes) + 1, TaxCode: code, TaxType: "Internal", TaxName: code + "%", Rate: money.FromInt(rate),
			TaxAmount: money.FromInt(target * rate / (100 + rate)), TargetAmount: money.FromInt(target), TargetQuantity: money.FromInt(1),
		})
	}
	s.settle(l, total, cancelled)
	if !cancelled {
		s.sales = append(s.sales, l)
	}
}

// settle has a transaction paid and written.
func (s *session) settle(l *event.TranLog, total int64, cancelled bool) {
	l.Sales.TotalAmount, l.Sales.TotalAmountWithTax, l.Sales.IsCancelled = money.FromInt(total), money.FromInt(total), cancelled
	l.Sales.TaxAmount, l.Sales.ChangeAmount, l.Sales.TotalDiscountAmount = money.Zero, money.Zero, money.Zero
	handed := total
	byCard := s.r.IntN(3) == 0
	payment := event.Payment{PaymentNo: 1, PaymentCode: "01", PaymentType: "cash", Amount: money.FromInt(total)}
	switch {
	case l.TransactionType != event.TypeSale:
		byCard = false
	case byCard:
		payment.PaymentCode, payment.PaymentType = "11", "card"
	default:
		handed = (total + 999) / 1000 * 1000
		l.Sales.ChangeAmount = money.FromInt(handed - total)
	}
	payment.DepositAmount = money.FromInt(handed)
	l.Payments = []event.Payment{payment}
	if !byCard && !cancelled {
		if l.TransactionType == event.TypeSale {
			s.drawer += total
		} else {
			s.drawer -= total
		}
	}
	text := s.slip(l, total, handed, byCard)
	l.ReceiptText = text
	l.JournalText = text
	s.events = append(s.events, l)
}

// reverse returns or voids a sale of the day, whole and in cash.
func (s *session) reverse(kind int) {
	i := s.r.IntN(len(s.sales))
	of := s.sales[i]
	s.sales = append(s.sales[:i], s.sales[i+1:]...)
	l := s.transaction(kind)
	l.LineItems, l.Taxes, l.Sales.TotalQuantity = of.LineItems, of.Taxes, of.Sales.TotalQuantity
	l.Origin = &event.Origin{
		GenerateDateTime: of.GenerateDateTime, StoreCode: of.StoreCode, StoreName: of.StoreName, TerminalNo: of.TerminalNo,
		TransactionNo: of.TransactionNo, TransactionType: of.TransactionType, ReceiptNo: of.ReceiptNo,
	}
	total, _ := strconv.ParseInt(of.Sales.TotalAmount.String(), 10, 64) // whole yen
	s.settle(l, total, false)
}

// slip writes a receipt.
func (s *session) slip(l *event.TranLog, total, handed int64, byCard bool) string {
	w := s.language
	p := s.page().Rule()
	for kind, title := range map[int]string{event.TypeReturn: w.returned, event.TypeVoidSale: w.voided} {
		if l.TransactionType == kind {
			p.Centre("*** " + title + " ***").Left(fmt.Sprintf("%s No. %d", w.receipt, l.Origin.ReceiptNo))
		}
	}
	if l.Sales.IsCancelled {
		p.Centre("*** " + w.cancelled + " ***")
	}
	for _, item := range l.LineItems {
		p.Split(item.Description, item.Amount.String())
		if item.Quantity.String() != "1" {
			p.Left(fmt.Sprintf("   @%s x %s%s", item.UnitPrice, item.Quantity, w.quantity))
		}
	}
	p.Rule().Split(w.total, "¥"+strconv.FormatInt(total, 10))
	for _, tax := range l.Taxes {
		p.Split(" "+w.tax+" "+tax.TaxName, tax.TaxAmount.String())
	}
	how := w.cash
	if byCard {
		how = w.card
	}
	p.Split(how, strconv.FormatInt(handed, 10)).Split(w.change, strconv.FormatInt(handed-total, 10)).Rule()
	p.Split(fmt.Sprintf("%s No. %d", w.receipt, l.ReceiptNo), fmt.Sprintf("#%d", l.TerminalNo)).Split(s.staff.Name, l.GenerateDateTime[:16])
	for _, line := range w.footer {
		p.Centre(line)
	}
	return p.String()
}
