package terminal

import (
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// A close has two phases, because no service calls another. BeginClose says Closing; the cart service
// then refuses new carts and bills of the session and answers with a report. Settle takes the report:
// a sealed session closes the terminal with exact counts, carts in progress open it again. Force ends
// the wait without counts when the cart service is away.

// Closing is the first phase of a close.
type Closing struct {
	// Version of the snapshot that said Closing. A report for it or for a later snapshot, while the
	// terminal stayed Closing, holds: the cart service lets nothing in before it sees Opened.
	Version   uint64        `json:"version"`
	Since     time.Time     `json:"since"`
	Staff     *event.Person `json:"staff,omitempty"` // who closes, even when signed out meanwhile
	By        string        `json:"by,omitempty"`    // the user who closes from elsewhere
	Reminders int           `json:"reminders,omitempty"`
	Reminded  time.Time     `json:"reminded"`
}

// BeginClose is the first phase. It fails with WrongStatus, SignInRequired or AmountInvalid.
func (t *Terminal) BeginClose(counted *money.Decimal, by string, at Site) ([]event.Event, error) {
	if err := t.needs("closing", event.StatusOpened); err != nil {
		return nil, err
	}
	if at.Tenant.Policy.SignInRequired && t.Staff == nil && by == "" {
		return nil, SignInRequired.New("closing needs somebody who is signed in")
	}
	if err := t.Count(counted, at); err != nil {
		return nil, err
	}
	t.Status = event.StatusClosing
	snapshot := t.changed(at.Now)
	t.Closing = &Closing{Version: t.Version, Since: at.Now, Staff: clone(t.Staff), By: by, Reminded: at.Now}
	told, err := event.NewBusiness(actor(by, t.Staff), "", event.Closing{
		TerminalID: t.ID(), StaffID: t.staffID(), BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter,
	})
	return []event.Event{told, snapshot}, err
}

// Count notes what was counted in the drawer; nil leaves what was noted. It fails with AmountInvalid.
func (t *Terminal) Count(counted *money.Decimal, at Site) error {
	if counted == nil {
		return nil
	}
	if err := at.checkCash(*counted, maxDrawer); err != nil {
		return err
	}
	t.Session.Counted = clone(counted)
	return nil
}

// Awaits tells whether r answers the terminal's present closing.
func (t *Terminal) Awaits(r *event.SessionReport) bool {
	return t.Closing != nil && r.BusinessDate == t.BusinessDate && r.OpenCounter == t.OpenCounter &&
		r.ClosingVersion >= t.Closing.Version && r.ClosingVersion <= t.Version
}

// Settle is the second phase, with a report that Awaits accepted.
func (t *Terminal) Settle(r *event.SessionReport, at Site) (CloseResult, []event.Event, error) {
	if err := t.needs("settling a close", event.StatusClosing); err != nil {
		return CloseResult{}, nil, err
	}
	if !r.IsSealed {
		return t.abandon(r.CartsInProgress, at)
	}
	expected := t.Session.Drawer.Add(r.CashAmount)
	return t.finish(slip.Totals{
		Transactions: &r.TransactionCount, LastTransactionNo: &r.TransactionLastNo, Expected: &expected,
	}, at)
}

// Force is the second phase without a report: the close is provisional.
func (t *Terminal) Force(at Site) (CloseResult, []event.Event, error) {
	if err := t.needs("forcing a close", event.StatusClosing); err != nil {
		return CloseResult{}, nil, err
	}
	return t.finish(slip.Totals{Provisional: true}, at)
}

// CloseResult is how a close ended: closed, or open again because of CartsInProgress.
type CloseResult struct {
	Terminal        Terminal            `json:"terminal"`
	Log             *event.OpenCloseLog `json:"log,omitempty"` // of a terminal that was closed
	CartsInProgress []string            `json:"carts_in_progress,omitempty"`
}

// abandon opens the terminal again: nothing of the session is lost, staff finish the carts first.
func (t *Terminal) abandon(carts []string, at Site) (CloseResult, []event.Event, error) {
	closing := t.Closing
	told, err := event.NewBusiness(actor(closing.By, closing.Staff), "", event.CloseAbandoned{
		TerminalID: t.ID(), StaffID: idOf(closing.Staff), CartsInProgress: carts,
	})
	if err != nil {
		return CloseResult{}, nil, err
	}
	t.Status, t.Closing, t.Session.Counted = event.StatusOpened, nil, nil
	snapshot := t.changed(at.Now)
	return CloseResult{Terminal: *t, CartsInProgress: carts}, []event.Event{told, snapshot}, nil
}

// finish closes the terminal with what is known of the session.
func (t *Terminal) finish(totals slip.Totals, at Site) (CloseResult, []event.Event, error) {
	closing, session := t.Closing, t.Session
	totals.CashMoves, totals.InitialAmount, totals.Counted = session.CashMoves, session.InitialAmount, session.Counted
	totals.Checkpoint = at.Checkpoint
	if totals.Expected != nil && totals.Counted != nil {
		overShort := totals.Counted.Sub(*totals.Expected)
		totals.OverShort = &overShort
	}
	t.Status, t.FunctionMode, t.Closing = event.StatusClosed, ModeMainMenu, nil
	log, err := t.closeLog(closing, totals, at)
	if err != nil {
		return CloseResult{}, nil, err
	}
	told, err := event.NewBusiness(actor(closing.By, closing.Staff), "", event.Closed{
		TerminalID: t.ID(), StaffID: idOf(closing.Staff), BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter,
		ExpectedCash: totals.Expected, CountedCash: totals.Counted, OverShort: totals.OverShort, Provisional: totals.Provisional,
	})
	if err != nil {
		return CloseResult{}, nil, err
	}
	snapshot := t.changed(at.Now)
	return CloseResult{Terminal: *t, Log: log}, []event.Event{log, told, snapshot}, nil
}

func (t *Terminal) closeLog(closing *Closing, totals slip.Totals, at Site) (*event.OpenCloseLog, error) {
	log, err := t.openCloseLog(event.OperationClose, closing.Staff, at)
	if err != nil {
		return nil, err
	}
	heading, err := at.heading(t, idOf(closing.Staff))
	if err != nil {
		return nil, err
	}
	printed := slip.Close(heading, totals)
	log.ReceiptText, log.JournalText = printed.Receipt, printed.Journal
	log.CartTransactionCount, log.CartTransactionLastNo = clone(totals.Transactions), clone(totals.LastTransactionNo)
	log.CashInOutCount, log.CashInOutLastDatetime = &totals.CashMoves, t.Session.LastCashMove
	log.ExpectedCash, log.CountedCash, log.OverShort = totals.Expected, totals.Counted, totals.OverShort
	log.IsProvisional = totals.Provisional
	return log, nil
}

// Times of the reminders to a cart service that does not answer.
const (
	firstReminder = 5 * time.Second
	lastReminder  = 5 * time.Minute
)

// Remind says Closing again, with the version unchanged so that no answer is outdated by it. It gives
// nothing before its time: the pauses double from five seconds to five minutes.
func (t *Terminal) Remind(now time.Time) []event.Event {
	if t.Closing == nil {
		return nil
	}
	pause := min(firstReminder<<min(t.Closing.Reminders, 10), lastReminder)
	if now.Before(t.Closing.Reminded.Add(pause)) {
		return nil
	}
	t.Closing.Reminders++
	t.Closing.Reminded = now
	return []event.Event{t.Snapshot()}
}
