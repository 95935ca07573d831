package terminal

import (
	"time"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// Site is where and when a terminal acts: under the rules of its tenant, in its store, now.
type Site struct {
	Tenant Tenant
	Store  Store
	Now    time.Time
	// Checkpoint is the newest that is known of the tenant's journal; nil: none.
	Checkpoint *slip.Checkpoint
}

// local is now by the store's wall clock.
func (s Site) local() (time.Time, error) {
	c, err := s.Store.calendar()
	if err != nil {
		return time.Time{}, err
	}
	return s.Now.In(c.zone), nil
}

// stamp is the generate_date_time of what happens now.
func (s Site) stamp() (string, error) {
	local, err := s.local()
	return local.Format(stampLayout), err
}

// heading of a slip of terminal t, printed for staffID.
func (s Site) heading(t *Terminal, staffID string) (slip.Heading, error) {
	local, err := s.local()
	settings := s.Store.Settings
	return slip.Heading{
		Language: settings.Language, Width: settings.ReceiptWidth,
		Headers: settings.ReceiptHeaders, Footers: settings.ReceiptFooters,
		StoreName: settings.Name, TerminalNo: t.Identity.TerminalNo, StaffID: staffID, At: local,
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, Currency: settings.Currency,
	}, err
}

// Bounds of cash, so that every sum stays exact wherever it travels.
var (
	maxAmount = money.FromInt(999_999_999)
	maxDrawer = money.FromInt(99_999_999_999)
)

// checkCash fails with AmountInvalid when amount cannot lie in a drawer of the store: negative, with
// more digits than the currency has, or larger than limit.
func (s Site) checkCash(amount, limit money.Decimal) error {
	if amount.Sign() < 0 {
		return AmountInvalid.New("%s is negative", amount)
	}
	if err := s.Store.Settings.Currency.Check(amount); err != nil {
		return AmountInvalid.New("%v", err)
	}
	if amount.Cmp(limit) > 0 {
		return AmountInvalid.New("%s is more than %s", amount, limit)
	}
	return nil
}
