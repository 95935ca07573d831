package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// Open is the request to start a session.
type Open struct {
	Terminal identity.Terminal
	Opening  terminal.Opening
	Request  idempotency.Request
}

// Opened is the answer.
type Opened struct {
	Terminal terminal.Terminal `json:"terminal"`
	Slip     slip.Slip         `json:"slip"`
}

// Open opens a terminal. It fails with WrongStatus, SignInRequired, AmountInvalid or
// BusinessDateWrong.
func (a *App) Open(ctx context.Context, cmd Open) (Opened, error) {
	var answer Opened
	err := a.command(ctx, cmd.Terminal, func(ctx context.Context, s *scene) (err error) {
		answer, err = once(ctx, s.Unit, identity.TerminalStream(cmd.Terminal), cmd.Request, func() (Opened, error) {
			done, err := s.till().Open(cmd.Opening, s.site)
			if err != nil {
				return Opened{}, err
			}
			return Opened{*s.till(), done.Slip}, s.record(done.Events)
		})
		return err
	})
	return answer, err
}
