package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// MoveCash is the request to put cash into the drawer or take some out.
type MoveCash struct {
	Terminal identity.Terminal
	Move     terminal.CashMove
	Request  idempotency.Request
}

// MoveCash records a cash move and gives its log. It fails with WrongStatus, NotSignedIn,
// AmountInvalid, AmountTooLarge, AmountTooSmall or DrawerLimit.
func (a *App) MoveCash(ctx context.Context, cmd MoveCash) (event.CashLog, error) {
	var answer event.CashLog
	err := a.command(ctx, cmd.Terminal, func(ctx context.Context, s *scene) (err error) {
		answer, err = once(ctx, s.Unit, identity.TerminalStream(cmd.Terminal), cmd.Request, func() (event.CashLog, error) {
			log, events, err := s.till().MoveCash(cmd.Move, s.site)
			if err != nil {
				return event.CashLog{}, err
			}
			if err := s.record(events); err != nil {
				return event.CashLog{}, err
			}
			return *log, nil
		})
		return err
	})
	return answer, err
}
