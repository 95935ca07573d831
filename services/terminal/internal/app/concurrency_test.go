package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

var (
	till   = apptest.Till
	stream = identity.TerminalStream(apptest.Till)
)

func real(t *testing.T, wait time.Duration) *apptest.World {
	return apptest.New(t, clockwork.NewRealClock(), wait)
}

func request(t *testing.T, key, operation string) idempotency.Request {
	t.Helper()
	r, err := idempotency.NewRequest(key, operation, nil)
	require.NoError(t, err)
	return r
}

// weather makes the store conflict, fail before a write and lose replies after it, at random.
func weather(w *apptest.World) {
	w.Store.BeforeWrite = func([]state.Op) error {
		switch rand.IntN(10) {
		case 0:
			return state.ErrConflict
		case 1:
			return fmt.Errorf("%w: no answer", state.ErrUnavailable)
		}
		return nil
	}
	w.Store.AfterWrite = func([]state.Op) error {
		if rand.IntN(10) == 0 {
			return fmt.Errorf("%w: the reply was lost", state.ErrUnavailable)
		}
		return nil
	}
}

func calm(w *apptest.World) { w.Store.BeforeWrite, w.Store.AfterWrite = nil, nil }

// insist repeats a request with its key until it is answered, as a till does.
func insist[T any](t *testing.T, fn func() (T, error)) T {
	t.Helper()
	for range 200 {
		answer, err := fn()
		if err == nil {
			return answer
		}
		if !problem.Is(err, problem.Unavailable) && !problem.Is(err, problem.Conflict) {
			assert.NoError(t, err)
			return answer
		}
	}
	assert.Fail(t, "never answered")
	var none T
	return none
}

func TestManyCashMovesAtOnceAreAllCountedOnce(t *testing.T) {
	w := real(t, 0)
	w.Open(till)
	weather(w)
	const workers, each = 8, 12
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for n := range each {
				cmd := app.MoveCash{
					Terminal: till, Request: request(t, fmt.Sprintf("move-%d-%d", worker, n), "cash-in"),
					Move: terminal.CashMove{Direction: terminal.CashIn, Amount: money.FromInt(int64(worker*each + n + 1))},
				}
				log := insist(t, func() (event.CashLog, error) { return w.App.MoveCash(t.Context(), cmd) })
				again := insist(t, func() (event.CashLog, error) { return w.App.MoveCash(t.Context(), cmd) })
				assert.Equal(t, log.EventID, again.EventID, "the same key gives the same answer")
			}
		})
	}
	group.Wait()
	calm(w)

	now := w.At(till)
	const moves = workers * each
	assert.EqualValues(t, moves+1, now.Session.CashMoves) // and the float
	assert.Equal(t, fmt.Sprint(10_000+moves*(moves+1)/2), now.Session.Drawer.String())
	amounts := map[string]int{}
	for _, r := range w.Events(stream) { // which also checks that the sequence has no hole
		if r.Topic == event.TopicCashLog {
			var log event.CashLog
			require.NoError(t, json.Unmarshal(r.Data, &log))
			amounts[log.Amount.String()]++
		}
	}
	assert.Len(t, amounts, moves+1)
	for amount, times := range amounts {
		assert.Equal(t, 1, times, amount)
	}
}

func TestManyOpensAndClosesAtOnceSkipNoCounter(t *testing.T) {
	w := real(t, 0)
	w.SignIn(till)
	weather(w)
	var opens atomic.Int64
	var group sync.WaitGroup
	for worker := range 6 {
		group.Go(func() {
			for n := range 6 {
				open := app.Open{Terminal: till, Request: request(t, fmt.Sprintf("open-%d-%d", worker, n), "open")}
				if done := patiently(t, func() (app.Opened, error) { return w.App.Open(t.Context(), open) }); done.Terminal.OpenCounter > 0 {
					opens.Add(1)
				}
				shut := app.Close{Terminal: till, Force: true, Request: request(t, fmt.Sprintf("close-%d-%d", worker, n), "close")}
				patiently(t, func() (app.Closed, error) { return w.App.Close(t.Context(), shut) })
			}
		})
	}
	group.Wait()
	calm(w)

	var counters, closed []int
	for _, r := range w.Events(stream) {
		var log event.OpenCloseLog
		require.NoError(t, json.Unmarshal(r.Data, &log))
		switch {
		case r.Topic != event.TopicOpenCloseLog:
		case log.Operation == event.OperationOpen:
			counters = append(counters, log.BusinessCounter)
		default:
			closed = append(closed, log.BusinessCounter)
		}
	}
	require.Len(t, counters, int(opens.Load()), "every answered open took place, and no other")
	for i, counter := range counters {
		assert.Equal(t, i+1, counter, "the business counter skips nothing")
	}
	for i, counter := range closed {
		assert.Equal(t, i+1, counter, "every session is closed once, in its order")
	}
	entries := 0
	for _, key := range w.Store.Keys() {
		if len(key) > 13 && key[:13] == "close-result/" {
			entries++
		}
	}
	assert.Equal(t, len(closed), entries)
}

// patiently is insist for what may also be refused because somebody else was there first.
func patiently[T any](t *testing.T, fn func() (T, error)) T {
	t.Helper()
	for {
		answer, err := fn()
		if problem.Is(err, problem.Unavailable) || problem.Is(err, problem.Conflict) {
			continue
		}
		if !problem.Is(err, terminal.WrongStatus) {
			assert.NoError(t, err)
		}
		return answer
	}
}

// commands that move money or counters, each ready to be run on a fresh world.
func commands(t *testing.T) map[string]func(w *apptest.World) func(ctx context.Context) (any, error) {
	opening := func(w *apptest.World) { w.SignIn(till) }
	return map[string]func(w *apptest.World) func(context.Context) (any, error){
		"open": func(w *apptest.World) func(context.Context) (any, error) {
			opening(w)
			float := money.FromInt(5)
			cmd := app.Open{Terminal: till, Request: request(t, "k", "open"), Opening: terminal.Opening{InitialAmount: &float}}
			return func(ctx context.Context) (any, error) { return w.App.Open(ctx, cmd) }
		},
		"cash-in": func(w *apptest.World) func(context.Context) (any, error) {
			w.Open(till)
			cmd := app.MoveCash{Terminal: till, Request: request(t, "k", "cash-in"), Move: terminal.CashMove{Direction: terminal.CashIn, Amount: money.FromInt(7)}}
			return func(ctx context.Context) (any, error) { return w.App.MoveCash(ctx, cmd) }
		},
		"cash-out": func(w *apptest.World) func(context.Context) (any, error) {
			w.Open(till)
			cmd := app.MoveCash{Terminal: till, Request: request(t, "k", "cash-out"), Move: terminal.CashMove{Direction: terminal.CashOut, Amount: money.FromInt(7)}}
			return func(ctx context.Context) (any, error) { return w.App.MoveCash(ctx, cmd) }
		},
		"close by force": func(w *apptest.World) func(context.Context) (any, error) {
			w.Open(till)
			cmd := app.Close{Terminal: till, Force: true, Request: request(t, "k", "close")}
			return func(ctx context.Context) (any, error) { return w.App.Close(ctx, cmd) }
		},
	}
}

func TestACommandThatDiedIsRepeatedWithTheSameAnswer(t *testing.T) {
	for name, prepare := range commands(t) {
		for _, lostReply := range []bool{false, true} {
			for death := 1; death <= 2; death++ { // a close writes twice
				t.Run(fmt.Sprintf("%s, write %d, reply lost: %v", name, death, lostReply), func(t *testing.T) {
					w := real(t, 0)
					run := prepare(w)
					before := len(w.Events(stream))
					writes := 0
					die := func([]state.Op) error {
						if writes++; writes == death {
							return fmt.Errorf("%w: killed", state.ErrUnavailable)
						}
						return nil
					}
					if lostReply {
						w.Store.AfterWrite = die
					} else {
						w.Store.BeforeWrite = die
					}
					first, err := run(t.Context())
					if writes >= death {
						require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
						first, err = run(t.Context())
					}
					require.NoError(t, err)
					once := len(w.Events(stream))
					assert.Greater(t, once, before)
					second, err := run(t.Context())
					require.NoError(t, err)
					assert.Equal(t, encoded(t, first), encoded(t, second))
					assert.Len(t, w.Events(stream), once, "a repeat records nothing")
				})
			}
		}
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	w := real(t, 0)
	w.Open(till)
	move := func(r idempotency.Request) error {
		_, err := w.App.MoveCash(t.Context(), app.MoveCash{Terminal: till, Request: r, Move: terminal.CashMove{Direction: terminal.CashIn, Amount: money.FromInt(7)}})
		return err
	}
	require.NoError(t, move(request(t, "k", "cash-in")))
	err := move(request(t, "k", "cash-out"))
	assert.True(t, problem.Is(err, problem.IdempotencyReuse), "%v", err)
}

func TestARefusalIsNotRemembered(t *testing.T) {
	w := real(t, 0)
	cmd := app.Open{Terminal: till, Request: request(t, "k", "open")}
	_, err := w.App.Open(t.Context(), cmd)
	require.True(t, problem.Is(err, terminal.SignInRequired), "%v", err)
	w.SignIn(till)
	_, err = w.App.Open(t.Context(), cmd)
	assert.NoError(t, err)
}

func TestAStoreThatIsAwayIsUnavailableEverywhere(t *testing.T) {
	w := real(t, 0)
	w.Store.BeforeGet = func([]string) error { return fmt.Errorf("%w: away", state.ErrUnavailable) }
	ctx := t.Context()
	for name, fn := range map[string]func() error{
		"tenant":    func() error { _, err := w.App.Tenant(ctx, "acme"); return err },
		"tenants":   func() error { _, err := w.App.Tenants(ctx, app.Span{Limit: 1}); return err },
		"stores":    func() error { _, err := w.App.Stores(ctx, "acme", app.Span{Limit: 1}); return err },
		"store":     func() error { _, err := w.App.StoreOf(ctx, "acme", "tokyo"); return err },
		"staff":     func() error { _, err := w.App.StaffOf(ctx, "acme", "tokyo", app.Span{Limit: 1}); return err },
		"terminal":  func() error { _, err := w.App.TerminalByID(ctx, till.ID()); return err },
		"token":     func() error { _, err := w.App.BuyToken(ctx, w.APIKey); return err },
		"admission": func() error { return w.App.AdmitTerminal(ctx, till) },
		"open": func() error {
			_, err := w.App.Open(ctx, app.Open{Terminal: till, Request: request(t, "k", "open")})
			return err
		},
		"sign-in": func() error { _, err := w.App.SignIn(ctx, app.SignIn{Terminal: till, StaffID: "S001"}); return err },
		"deliveries": func() error {
			_, _, err := w.App.DeliveriesOf(ctx, app.DeliveriesOf{Terminal: till, Limit: 1})
			return err
		},
		"summaries": func() error { _, err := w.App.Deliveries(ctx, "acme", app.Span{Limit: 1}); return err },
		"redeliver": func() error { _, err := w.App.Redeliver(ctx, outbox.Redelivery{TenantID: "acme"}); return err },
		"report": func() error {
			return w.App.SettleClose(ctx, &event.SessionReport{Envelope: event.Envelope{TenantID: "acme", StoreCode: "tokyo", TerminalNo: 1}})
		},
		"status": func() error {
			return w.App.ConfirmDelivery(ctx, &event.JournalStatus{Envelope: event.Envelope{TenantID: "acme"}})
		},
		"wanted": func() error { return w.App.ResendSnapshots(ctx, stream) },
	} {
		err := fn()
		assert.True(t, problem.Is(err, problem.Unavailable), "%s: %v", name, err)
		assert.True(t, errors.Is(err, state.ErrUnavailable), "%s keeps its cause for the log", name)
	}
}
