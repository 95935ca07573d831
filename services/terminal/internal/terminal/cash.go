package terminal

import (
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// Direction of a cash move.
type Direction int

// The directions.
const (
	CashIn  Direction = +1
	CashOut Direction = -1
)

// CashMove is cash put into or taken out of the drawer; Amount is positive either way.
type CashMove struct {
	Direction Direction
	Amount    money.Decimal
	Reason    string
}

// MoveCash records a cash move. It fails with WrongStatus, NotSignedIn, AmountInvalid, AmountTooLarge,
// AmountTooSmall or DrawerLimit.
func (t *Terminal) MoveCash(m CashMove, at Site) (*event.CashLog, []event.Event, error) {
	if err := t.needs("moving cash", event.StatusOpened); err != nil {
		return nil, nil, err
	}
	if t.Staff == nil {
		return nil, nil, NotSignedIn.New("")
	}
	if err := at.checkMove(m.Amount); err != nil {
		return nil, nil, err
	}
	signed := m.Amount
	if m.Direction == CashOut {
		signed = signed.Neg()
	}
	if err := t.fitsDrawer(signed, at); err != nil {
		return nil, nil, err
	}
	reason := m.Reason
	if reason == "" {
		reason = slip.DefaultReason(at.Store.Settings.Language, signed)
	}
	log, err := t.moveCash(signed, reason, at)
	if err != nil {
		return nil, nil, err
	}
	told, err := event.NewBusiness(t.Staff.ID, "", event.CashMoved{
		TerminalID: t.ID(), StaffID: t.Staff.ID, Amount: signed, Description: reason,
	})
	return log, []event.Event{log, told}, err
}

// checkMove holds an amount to the currency and to the tenant's limits.
func (s Site) checkMove(amount money.Decimal) error {
	if err := s.checkCash(amount, maxAmount); err != nil {
		return err
	}
	policy := s.Tenant.Policy
	switch {
	case amount.IsZero():
		return AmountInvalid.New("the amount is 0")
	case policy.CashMax != nil && amount.Cmp(*policy.CashMax) > 0:
		return AmountTooLarge.New("%s is more than %s, the most that one move may be", amount, *policy.CashMax)
	case policy.CashMin != nil && amount.Cmp(*policy.CashMin) < 0:
		return AmountTooSmall.New("%s is less than %s, the least that one move may be", amount, *policy.CashMin)
	}
	return nil
}

// fitsDrawer looks at what this service knows to be in the drawer: the float and the cash moves. The
// cash of sales is known only at the close, so a store that takes it out in between allows drawers
// below zero.
func (t *Terminal) fitsDrawer(signed money.Decimal, at Site) error {
	after := t.Session.Drawer.Add(signed)
	if after.Sign() < 0 && signed.Sign() < 0 && !at.Store.Settings.AllowNegativeDrawer {
		return DrawerLimit.New("taking %s out of %s, the float and the cash moves of this session, leaves less than nothing", signed.Abs(), t.Session.Drawer)
	}
	if after.Abs().Cmp(maxDrawer) > 0 {
		return DrawerLimit.New("a drawer is not counted beyond %s", maxDrawer).WithHint("Close the terminal, or take cash out first.")
	}
	return nil
}

// moveCash puts a signed amount into the drawer and makes its log. The float of an open is the
// session's first move.
func (t *Terminal) moveCash(signed money.Decimal, reason string, at Site) (*event.CashLog, error) {
	stamp, err := at.stamp()
	if err != nil {
		return nil, err
	}
	heading, err := at.heading(t, t.staffID())
	if err != nil {
		return nil, err
	}
	printed := slip.Cash(heading, signed, reason)
	t.Session.Drawer = t.Session.Drawer.Add(signed)
	t.Session.CashMoves++
	t.Session.LastCashMove = stamp
	return &event.CashLog{
		StoreName: at.Store.Settings.Name, StaffID: t.staffID(), StaffName: nameOf(t.Staff),
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
		GenerateDateTime: stamp, Currency: at.Store.Settings.Currency, Amount: signed, Description: reason,
		ReceiptText: printed.Receipt, JournalText: printed.Journal,
	}, nil
}
