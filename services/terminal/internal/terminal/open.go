package terminal

import (
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// Opening is what an open may say: the float in the drawer, and a business date other than the one
// that the store's clock gives.
type Opening struct {
	InitialAmount *money.Decimal
	BusinessDate  string
}

// Open starts a session: the counters move and the float goes into the drawer. It fails with
// WrongStatus, SignInRequired, AmountInvalid or BusinessDateWrong.
func (t *Terminal) Open(o Opening, at Site) (Outcome, error) {
	if err := t.needs("opening", event.StatusIdle, event.StatusClosed); err != nil {
		return Outcome{}, err
	}
	if at.Tenant.Policy.SignInRequired && t.Staff == nil {
		return Outcome{}, SignInRequired.New("opening needs somebody who is signed in")
	}
	if o.InitialAmount != nil {
		if err := at.checkCash(*o.InitialAmount, maxAmount); err != nil {
			return Outcome{}, err
		}
	}
	date, err := t.nextDate(o.BusinessDate, at)
	if err != nil {
		return Outcome{}, err
	}
	t.begin(date, o.InitialAmount)
	return t.tellOpened(at)
}

// nextDate is the business date to open on: the wanted one, or today's; never one before the last.
func (t *Terminal) nextDate(wanted string, at Site) (string, error) {
	calendar, err := at.Store.calendar()
	if err != nil {
		return "", err
	}
	today := calendar.date(at.Now)
	if wanted == "" {
		// A clock that was put right, or an early opening, may have left the last date ahead.
		return max(today, t.BusinessDate), nil
	}
	if _, err := time.Parse(dateLayout, wanted); err != nil {
		return "", BusinessDateWrong.New("%q is no date of the form YYYYMMDD", wanted)
	}
	if wanted < t.BusinessDate {
		return "", BusinessDateWrong.New("%s is before %s, the terminal's last business date", wanted, t.BusinessDate)
	}
	// A typing error must not push the terminal into a future from which there is no way back.
	tomorrow := calendar.date(at.Now.AddDate(0, 0, 1))
	if latest := max(tomorrow, t.BusinessDate); wanted > latest {
		return "", BusinessDateWrong.New("%s is after %s, the latest that can be opened now", wanted, latest)
	}
	return wanted, nil
}

// begin moves the counters and empties the drawer but for the float.
func (t *Terminal) begin(date string, initialAmount *money.Decimal) {
	if date == t.BusinessDate {
		t.OpenCounter++
	} else {
		t.BusinessDate, t.OpenCounter = date, 1
	}
	t.BusinessCounter++
	t.Status, t.FunctionMode, t.Closing = event.StatusOpened, ModeMainMenu, nil
	t.Session = Session{InitialAmount: initialAmount}
}

func (t *Terminal) tellOpened(at Site) (Outcome, error) {
	var events []event.Event
	float := money.Zero
	if t.Session.InitialAmount != nil {
		float = *t.Session.InitialAmount
		log, err := t.moveCash(float, slip.FloatReason(at.Store.Settings.Language), at)
		if err != nil {
			return Outcome{}, err
		}
		events = append(events, log)
	}
	log, err := t.openCloseLog(event.OperationOpen, t.Staff, at)
	if err != nil {
		return Outcome{}, err
	}
	heading, err := at.heading(t, t.staffID())
	if err != nil {
		return Outcome{}, err
	}
	printed := slip.Open(heading, t.Session.InitialAmount)
	log.ReceiptText, log.JournalText = printed.Receipt, printed.Journal
	told, err := event.NewBusiness(t.staffID(), "", event.Opened{
		TerminalID: t.ID(), StaffID: t.staffID(), BusinessDate: t.BusinessDate,
		OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter, InitialAmount: float,
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Events: append(events, log, told, t.changed(at.Now)), Slip: printed}, nil
}

// openCloseLog is what the logs of an open and of a close have in common.
func (t *Terminal) openCloseLog(operation string, staff *event.Person, at Site) (*event.OpenCloseLog, error) {
	stamp, err := at.stamp()
	if err != nil {
		return nil, err
	}
	return &event.OpenCloseLog{
		StoreName: at.Store.Settings.Name, StaffID: idOf(staff), StaffName: nameOf(staff),
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
		Operation: operation, GenerateDateTime: stamp, Currency: at.Store.Settings.Currency,
		TerminalInfo: t.state(), InitialAmount: clone(t.Session.InitialAmount),
	}, nil
}
