package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// soon is a wait that no test wants to sit out, and brief one that it does.
const (
	soon  = 5 * time.Second
	brief = 20 * time.Millisecond
)

func counted(n int64) *money.Decimal { d := money.FromInt(n); return &d }

// closingSoon closes in the background and gives what comes of it, once the till is Closing.
func closingSoon(t *testing.T, w *apptest.World, cmd app.Close) func() (app.Closed, error) {
	t.Helper()
	var answer app.Closed
	var err error
	var done sync.WaitGroup
	done.Go(func() { answer, err = w.App.Close(t.Context(), cmd) })
	require.Eventually(t, func() bool { return w.At(till).Closing != nil }, soon, time.Millisecond)
	return func() (app.Closed, error) { done.Wait(); return answer, err }
}

func closeRequest(t *testing.T, key string) app.Close {
	return app.Close{Terminal: till, Request: request(t, key, "close")}
}

func TestCloseAnswersWhenTheSessionIsReported(t *testing.T) {
	w := real(t, soon)
	w.Open(till)
	before := len(w.Events(stream))
	cmd := closeRequest(t, "k")
	cmd.Counted = counted(18_640)
	wait := closingSoon(t, w, cmd)
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, func(r *event.SessionReport) {
		r.TransactionCount, r.TransactionLastNo, r.CashAmount = 12, 345, money.FromInt(8_640)
	})))
	done, err := wait()
	require.NoError(t, err)
	assert.EqualValues(t, 12, *done.Log.CartTransactionCount)
	assert.True(t, done.Log.OverShort.IsZero())
	assert.Equal(t, event.StatusClosed, done.Terminal.Status)
	assert.Equal(t, []string{"Terminal.Closing", "terminal", "close", "Terminal.Closed", "terminal"}, w.Types(stream, before+1))

	again, err := w.App.Close(t.Context(), cmd)
	require.NoError(t, err)
	assert.Equal(t, encoded(t, done), encoded(t, again))
}

func TestCloseIsSettledByWhicheverReplicaHearsTheReport(t *testing.T) {
	w := real(t, soon)
	w.Open(till)
	other := app.New(w.App.Needs) // on the same store; its bell rings for nobody here
	wait := closingSoon(t, w, closeRequest(t, "k"))
	start := time.Now()
	require.NoError(t, other.SettleClose(t.Context(), w.Report(till, nil)))
	done, err := wait()
	require.NoError(t, err)
	assert.NotNil(t, done.Log)
	assert.Less(t, time.Since(start), time.Second)
}

func TestCartsInProgressAreNamedAndTheTillIsOpenAgain(t *testing.T) {
	w := real(t, soon)
	w.Open(till)
	cmd := closeRequest(t, "k")
	wait := closingSoon(t, w, cmd)
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, func(r *event.SessionReport) {
		r.IsSealed, r.CartsInProgress = false, []string{"cart-1", "cart-2"}
	})))
	_, err := wait()
	require.True(t, problem.Is(err, terminal.CartsInProgress), "%v", err)
	fields := problem.Of(err).Fields
	require.Len(t, fields, 2)
	assert.Equal(t, "cart-1", fields[0].Name)
	assert.Equal(t, event.StatusOpened, w.At(till).Status)
	assert.Equal(t, event.StatusOpened, apptest.Last[event.Snapshot](w, stream, "terminal").Terminal.Status)

	_, err = w.App.Close(t.Context(), cmd)
	assert.True(t, problem.Is(err, terminal.CartsInProgress), "the same key gives the same answer: %v", err)
	wait = closingSoon(t, w, closeRequest(t, "k2"))
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, nil)))
	done, err := wait()
	require.NoError(t, err)
	assert.NotNil(t, done.Log)
}

func TestACloseThatIsNotAnsweredInTimeGoesOnByItself(t *testing.T) {
	w := real(t, brief)
	w.Open(till)
	cmd := closeRequest(t, "k")
	done, err := w.App.Close(t.Context(), cmd)
	require.NoError(t, err)
	assert.Nil(t, done.Log)
	assert.Equal(t, event.StatusClosing, done.Terminal.Status)
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, nil)))
	assert.Equal(t, event.StatusClosed, w.At(till).Status)
	done, err = w.App.Close(t.Context(), cmd)
	require.NoError(t, err)
	assert.NotNil(t, done.Log, "asked again with the same key, the close is told as it ended")
}

func TestTheOneWhoWaitsMayGiveUp(t *testing.T) {
	w := real(t, soon)
	w.Open(till)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		assert.Eventually(t, func() bool { return w.At(till).Closing != nil }, soon, time.Millisecond)
		cancel()
	}()
	_, err := w.App.Close(ctx, closeRequest(t, "k"))
	assert.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, nil)))
	assert.Equal(t, event.StatusClosed, w.At(till).Status)
}

func TestAForcedCloseWaitsNoLongerThanAnyOther(t *testing.T) {
	w := real(t, brief)
	w.Open(till)
	cmd := closeRequest(t, "k")
	cmd.Force = true
	done, err := w.App.Close(t.Context(), cmd)
	require.NoError(t, err)
	assert.True(t, done.Log.IsProvisional)
	late := w.Report(till, func(r *event.SessionReport) { r.ClosingVersion-- })
	events := len(w.Events(stream))
	require.NoError(t, w.App.SettleClose(t.Context(), late), "a report after the force is taken and changes nothing")
	assert.Len(t, w.Events(stream), events)
}

func TestAForcedCloseIsExactWhenTheReportComesInTime(t *testing.T) {
	w := real(t, soon)
	w.Open(till)
	cmd := closeRequest(t, "k")
	cmd.Force = true
	wait := closingSoon(t, w, cmd)
	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, nil)))
	done, err := wait()
	require.NoError(t, err)
	assert.False(t, done.Log.IsProvisional)
}

func TestALaterRequestJoinsTheClosingAndCountsAgain(t *testing.T) {
	w := real(t, brief)
	w.Open(till)
	first := closeRequest(t, "k")
	first.Counted = counted(1)
	_, err := w.App.Close(t.Context(), first)
	require.NoError(t, err)
	version := w.At(till).Version
	second := closeRequest(t, "k2")
	second.Counted, second.Force = counted(10_000), true
	done, err := w.App.Close(t.Context(), second)
	require.NoError(t, err)
	assert.Equal(t, version+1, done.Terminal.Version, "joining says nothing new")
	assert.Equal(t, "10000", done.Log.CountedCash.String())
	repeated, err := w.App.Close(t.Context(), first)
	require.NoError(t, err)
	assert.Equal(t, encoded(t, done), encoded(t, repeated), "both keys stand for the same close")
}

func TestAReportTwiceSettlesOnce(t *testing.T) {
	w := real(t, brief)
	w.Open(till)
	_, err := w.App.Close(t.Context(), closeRequest(t, "k"))
	require.NoError(t, err)
	r := w.Report(till, nil)
	weather(w)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { insist(t, func() (any, error) { return nil, w.App.SettleClose(t.Context(), r) }) })
	}
	all.Wait()
	calm(w)
	closes := 0
	for _, kind := range w.Types(stream, 1) {
		if kind == event.OperationClose {
			closes++
		}
	}
	assert.Equal(t, 1, closes)
}

func TestAReportOfAnUnknownTerminalIsTaken(t *testing.T) {
	w := real(t, brief)
	w.Open(till)
	r := w.Report(till, func(r *event.SessionReport) { r.TerminalNo = 77 })
	assert.NoError(t, w.App.SettleClose(t.Context(), r))
}

func TestClosingIsSaidAgainUntilItIsSettled(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC))
	w := apptest.New(t, clock, 0)
	w.Open(till)
	_, err := w.App.Close(t.Context(), closeRequest(t, "k"))
	require.NoError(t, err)
	closing := w.At(till).Version
	said := len(w.Events(stream))

	ctx, cancel := context.WithCancel(t.Context())
	var part sync.WaitGroup
	part.Go(func() { assert.NoError(t, w.App.RemindClosings(ctx)) })
	round := func() { // of the loop: it sleeps, wakes, looks and sleeps again
		require.NoError(t, clock.BlockUntilContext(ctx, 1))
		clock.Advance(5 * time.Second)
		require.NoError(t, clock.BlockUntilContext(ctx, 1))
	}
	for range 7 { // after 5, 15 and 35 seconds
		round()
	}
	events := w.Events(stream)
	assert.Len(t, events, said+3)
	last := apptest.Last[event.Snapshot](w, stream, "terminal")
	assert.Equal(t, event.StatusClosing, last.Terminal.Status)
	assert.Equal(t, closing, last.Version, "with the version unchanged, so that an answer to any of them holds")

	require.NoError(t, w.App.SettleClose(t.Context(), w.Report(till, nil)))
	settled := len(w.Events(stream))
	for range 20 {
		round()
	}
	assert.Len(t, w.Events(stream), settled, "a settled close is not spoken of again")
	entries, err := documents.Closings().Entries(t.Context(), w.Store)
	require.NoError(t, err)
	assert.Empty(t, entries)
	cancel()
	part.Wait()
}
