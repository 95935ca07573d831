package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// Close is the request to end a session.
type Close struct {
	Terminal identity.Terminal
	Counted  *money.Decimal
	Force    bool   // close provisionally when the cart service does not answer in time
	By       string // the user who closes from elsewhere
	Request  idempotency.Request
}

// Closed is the answer: Log of the close, or nothing yet when the close goes on by itself.
type Closed struct {
	Terminal terminal.Terminal
	Log      *event.OpenCloseLog
}

// started is what an Idempotency-Key of a close stands for: the closing that it began or joined. How
// that ends is the same for all keys of it and lies under CloseResultKey.
type started struct {
	Version uint64    `json:"version"`
	Since   time.Time `json:"since"`
}

// closePoll is how often a waiting request looks whether another replica has settled the close.
const closePoll = 200 * time.Millisecond

// Close begins to close a terminal, or joins a closing under way, and waits for its end. It fails
// with WrongStatus, SignInRequired, AmountInvalid or CartsInProgress.
func (a *App) Close(ctx context.Context, cmd Close) (Closed, error) {
	begun, err := a.beginClose(ctx, cmd)
	if err != nil {
		return Closed{}, err
	}
	result, err := a.awaitResult(ctx, cmd, begun)
	if err != nil {
		return Closed{}, err
	}
	if result == nil && cmd.Force {
		if result, err = a.forceClose(ctx, cmd.Terminal, begun.Version); err != nil {
			return Closed{}, err
		}
	}
	switch {
	case result == nil:
		t, err := a.TerminalByID(ctx, cmd.Terminal.ID())
		return Closed{Terminal: t}, err
	case result.Log == nil:
		return Closed{}, inTheWay(result.CartsInProgress)
	}
	return Closed{result.Terminal, result.Log}, nil
}

func inTheWay(carts []string) error {
	fields := make([]problem.Field, len(carts))
	for i, cart := range carts {
		fields[i] = problem.Field{Name: cart, Rule: "in-progress", Message: "this cart is neither billed nor cancelled"}
	}
	return terminal.CartsInProgress.New("carts in progress: %d", len(carts)).WithFields(fields...)
}

// beginClose is the first phase. A terminal that is Closing already is joined, with a new count of
// the drawer if there is one.
func (a *App) beginClose(ctx context.Context, cmd Close) (started, error) {
	var answer started
	err := a.command(ctx, cmd.Terminal, func(ctx context.Context, s *scene) (err error) {
		answer, err = once(ctx, s.Unit, identity.TerminalStream(cmd.Terminal), cmd.Request, func() (started, error) {
			t := s.till()
			if t.Closing != nil {
				if err := t.Count(cmd.Counted, s.site); err != nil {
					return started{}, err
				}
				return started{t.Closing.Version, t.Closing.Since}, s.record(nil)
			}
			events, err := t.BeginClose(cmd.Counted, cmd.By, s.site)
			if err != nil {
				return started{}, err
			}
			entry := documents.Entry{Sort: t.ID(), Key: documents.TerminalKey(t.ID())}
			if err := documents.Closings().Add(ctx, s, entry); err != nil {
				return started{}, err
			}
			return started{t.Closing.Version, t.Closing.Since}, s.record(events)
		})
		return err
	})
	return answer, err
}

// awaitResult waits until the closing has ended; nil means that it has not in time. The one who
// forces waits no longer than the closing had time already.
func (a *App) awaitResult(ctx context.Context, cmd Close, begun started) (*terminal.CloseResult, error) {
	deadline := a.Clock.Now().Add(a.CloseWait)
	if cmd.Force {
		deadline = begun.Since.Add(a.CloseWait)
	}
	for {
		settled := a.settled.listen(cmd.Terminal.ID())
		result, err := a.closeResult(ctx, cmd.Terminal, begun.Version)
		left := deadline.Sub(a.Clock.Now())
		if result != nil || left <= 0 && err == nil {
			return result, nil
		}
		if left <= 0 { // the close is begun; only its end cannot be read now
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, problem.Unavailable.New("the request ended before the close").Because(ctx.Err())
		case <-settled:
		case <-a.Clock.After(min(left, closePoll)):
		}
	}
}

func (a *App) closeResult(ctx context.Context, id identity.Terminal, version uint64) (*terminal.CloseResult, error) {
	doc, err := documents.Get[terminal.CloseResult](ctx, a.reader(), documents.CloseResultKey(id.ID(), version))
	if err != nil || !doc.Exists() {
		return nil, err
	}
	return &doc.Body, nil
}

// forceClose ends the closing without the cart service's counts, unless it has ended meanwhile.
func (a *App) forceClose(ctx context.Context, id identity.Terminal, version uint64) (*terminal.CloseResult, error) {
	var forced *terminal.CloseResult
	err := a.command(ctx, id, func(ctx context.Context, s *scene) error {
		if t := s.till(); t.Closing == nil || t.Closing.Version != version {
			forced = nil
			return nil
		}
		s.site.Checkpoint = a.newestCheckpoint(ctx, id.TenantID)
		result, events, err := s.till().Force(s.site)
		if err != nil {
			return err
		}
		forced = &result
		return s.settle(ctx, version, result, events)
	})
	if err != nil {
		return nil, err
	}
	a.settled.ring(id.ID())
	if forced == nil {
		return a.closeResult(ctx, id, version)
	}
	return forced, nil
}

// settle ends the closing that began with version, in whatever way the domain decided.
func (s *scene) settle(ctx context.Context, version uint64, result terminal.CloseResult, events []event.Event) error {
	doc, err := documents.Get[terminal.CloseResult](ctx, s, documents.CloseResultKey(s.till().ID(), version))
	if err != nil {
		return err
	}
	if err := s.record(events); err != nil {
		return err
	}
	doc.Body = result
	op, err := doc.Op()
	if err != nil {
		return err
	}
	op.Expire = idempotency.Keep
	s.Add(op)
	return documents.Closings().Remove(ctx, s, s.till().ID())
}
