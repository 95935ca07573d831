package journal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
)

// SessionKey names one session of a terminal: from an open to its close.
type SessionKey struct {
	Terminal     identity.Terminal
	BusinessDate string
	OpenCounter  int
}

// Session is what the logs hold of one session.
type Session struct {
	Transactions []*event.TranLog
	Cash         []*event.CashLog
	OpenClose    []*event.OpenCloseLog
}

// Empty tells whether the logs hold nothing of the session.
func (s *Session) Empty() bool {
	return len(s.Transactions)+len(s.Cash)+len(s.OpenClose) == 0
}

// SessionState is where a session stands against its close log.
type SessionState string

// The states of a session.
const (
	SessionOpen        SessionState = "open"        // no close has arrived
	SessionMatches     SessionState = "matches"     // logs and close say the same
	SessionDiffers     SessionState = "differs"     // they don't
	SessionProvisional SessionState = "provisional" // closed by force, without counts to compare
)

// Counts of a session.
type Counts struct {
	TransactionCount  int64
	TransactionLastNo int64
	CashCount         int64
	CashLastDateTime  string
	CashAmount        money.Decimal // of the cash logs, the float included
	SalesCash         money.Decimal // what transactions put into the drawer less what they took out
	ExpectedCash      money.Decimal
}

// Difference is one figure in which the logs and the close log disagree.
type Difference struct {
	Field    string `json:"field"`
	Logs     string `json:"logs"`
	CloseLog string `json:"close_log"`
}

// Reconciliation of one session.
type Reconciliation struct {
	State       SessionState
	Counted     Counts
	Close       *event.OpenCloseLog // nil while the session is open
	Differences []Difference
}

// cashPayment is the payment type whose money lies in the drawer.
const cashPayment = "cash"

// Reconcile holds a session's logs against its close log. What came last is told by sequence, never
// by a clock. It fails when sums leave the range of exact amounts.
func Reconcile(s *Session) (*Reconciliation, error) {
	counted, err := count(s)
	if err != nil {
		return nil, err
	}
	r := &Reconciliation{State: SessionOpen, Counted: counted}
	closes := slices.DeleteFunc(slices.Clone(s.OpenClose), func(l *event.OpenCloseLog) bool { return l.Operation != event.OperationClose })
	if len(closes) == 0 {
		return r, nil
	}
	r.Close = latest(closes)
	r.Differences = compare(&counted, r.Close)
	switch {
	case len(r.Differences) > 0:
		r.State = SessionDiffers
	case r.Close.IsProvisional:
		r.State = SessionProvisional
	default:
		r.State = SessionMatches
	}
	return r, nil
}

func count(s *Session) (c Counts, err error) {
	var cash, sales, expected sum
	for _, t := range s.Transactions {
		c.TransactionCount++
		c.TransactionLastNo = max(c.TransactionLastNo, t.TransactionNo)
		moved := drawer(t)
		sales.micros.Add(&sales.micros, &moved.micros)
	}
	for _, l := range s.Cash {
		c.CashCount++
		cash.add(l.Amount)
	}
	if len(s.Cash) > 0 {
		c.CashLastDateTime = latest(s.Cash).GenerateDateTime
	}
	expected.micros.Add(&sales.micros, &cash.micros)
	for _, part := range []struct {
		from *sum
		to   *money.Decimal
	}{{&cash, &c.CashAmount}, {&sales, &c.SalesCash}, {&expected, &c.ExpectedCash}} {
		if *part.to, err = part.from.decimal(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// drawer is what a transaction's cash payments put into the drawer.
func drawer(t *event.TranLog) *sum {
	var s sum
	effect := Type(t.TransactionType).Effect()
	if t.Sales.IsCancelled {
		return &s
	}
	for _, p := range t.Payments {
		if strings.EqualFold(p.PaymentType, cashPayment) {
			s.add(effect.on(p.Amount))
		}
	}
	return &s
}

func latest[E event.Event](logs []E) E {
	return slices.MaxFunc(logs, func(a, b E) int { return cmp.Compare(a.Head().Sequence, b.Head().Sequence) })
}

// compare lists where the close log says something else; what it does not say is not compared.
func compare(c *Counts, l *event.OpenCloseLog) []Difference {
	var out []Difference
	number := func(field string, logs int64, said *int64) {
		if said != nil && *said != logs {
			out = append(out, Difference{field, strconv.FormatInt(logs, 10), strconv.FormatInt(*said, 10)})
		}
	}
	number("cartTransactionCount", c.TransactionCount, l.CartTransactionCount)
	if c.TransactionCount > 0 { // the last number of no transactions is nobody's claim
		number("cartTransactionLastNo", c.TransactionLastNo, l.CartTransactionLastNo)
	}
	number("cashInOutCount", c.CashCount, l.CashInOutCount)
	if l.CashInOutCount != nil && l.CashInOutLastDatetime != c.CashLastDateTime {
		out = append(out, Difference{"cashInOutLastDatetime", c.CashLastDateTime, l.CashInOutLastDatetime})
	}
	if l.ExpectedCash != nil && !l.ExpectedCash.Equal(c.ExpectedCash) {
		out = append(out, Difference{"expectedCash", c.ExpectedCash.String(), l.ExpectedCash.String()})
	}
	return out
}

// String names the session for messages.
func (k SessionKey) String() string {
	return fmt.Sprintf("%s on %s, open counter %d", k.Terminal.ID(), k.BusinessDate, k.OpenCounter)
}
