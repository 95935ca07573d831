package app_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

func (f *fixture) tryCreate() error {
	f.t.Helper()
	_, err := f.app.Create(f.t.Context(), app.CreateCart{Till: f.till(), TransactionType: event.TypeSale})
	return err
}

func TestOnlyAnOpenTerminalWithStaffSells(t *testing.T) {
	f := newShop(t)
	signedOut := terminalSnapshot(2, event.StatusOpened, session1)
	signedOut.Terminal.Staff = nil
	f.follow(signedOut)
	assert.True(t, problem.Is(f.tryCreate(), cart.NobodySignedIn))
	f.follow(terminalSnapshot(3, event.StatusClosing, session1))
	assert.True(t, problem.Is(f.tryCreate(), cart.TerminalNotOpened))
	f.follow(terminalSnapshot(4, event.StatusClosed, session1))
	assert.True(t, problem.Is(f.tryCreate(), cart.TerminalNotOpened))
	f.follow(terminalSnapshot(5, event.StatusOpened, session2))
	assert.NoError(t, f.tryCreate())
	f.follow(storeSnapshot(2, "JPY", false))
	assert.True(t, problem.Is(f.tryCreate(), cart.NotCreated))
	f.follow(storeSnapshot(3, "JPY", true), tenantSnapshot(2, false))
	assert.True(t, problem.Is(f.tryCreate(), cart.NotCreated))
}

func TestATerminalThatIsNotKnownYetIsAskedAbout(t *testing.T) {
	clock := clockwork.NewFakeClockAt(evening)
	f := newFixture(t, clock)
	for range 3 {
		_, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
		require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
		assert.Equal(t, time.Second, problem.Of(err).RetryAfter)
	}
	wanted := f.out.wanted()
	require.Len(t, wanted, 1, "asked once a second at most")
	assert.NoError(t, wanted[0].Validate())
	assert.Equal(t, terminal.ID(), wanted[0].Stream().ID())
	clock.Advance(time.Second)
	_, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	require.Error(t, err)
	assert.Len(t, f.out.wanted(), 2)
	for _, nonsense := range []string{"", "x", "a-b-c", "a-b-01", "A-b-1", "a-b-1-2", "a-b-99999"} {
		clock.Advance(time.Second)
		_, err := f.app.CheckKey(t.Context(), nonsense, nonsense+".k")
		require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	}
	assert.Len(t, f.out.wanted(), 2, "nobody is asked about what cannot be a terminal")
	f.out.err = errors.New("broker away")
	clock.Advance(time.Second)
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	require.True(t, problem.Is(err, problem.Unavailable))
}

func TestAKeyIsCheckedAgainstTheCopy(t *testing.T) {
	f := newShop(t)
	_, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey+"x")
	assert.True(t, problem.Is(err, problem.Unauthenticated))
	off := terminalSnapshot(2, event.StatusOpened, session1)
	off.Terminal.IsActive = false
	f.follow(off)
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	assert.True(t, problem.Is(err, problem.Unauthenticated))
}

func token(version uint64, status string, s cart.Session) *auth.Principal {
	return &auth.Principal{Role: auth.TerminalRole, TenantID: "acme", Terminal: &auth.TerminalClaims{
		StoreCode: "s1", TerminalNo: 1, Version: version, Status: status, BusinessDate: s.BusinessDate, OpenCounter: s.OpenCounter,
		BusinessCounter: 9, StaffID: "S002", StaffName: "Bob",
	}}
}

func TestTheNewerOfTokenAndCopyIsRight(t *testing.T) {
	f := newShop(t)
	f.follow(terminalSnapshot(5, event.StatusClosed, session1))
	till, err := f.app.JudgeToken(t.Context(), token(6, event.StatusOpened, session2))
	require.NoError(t, err)
	assert.Equal(t, session2, till.Session)
	assert.Equal(t, "S002", till.Staff.ID)
	c, err := f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
	require.NoError(t, err, "the terminal was opened, and its snapshot is late")
	assert.Equal(t, session2, c.Session)
	assert.Equal(t, 9, c.BusinessCounter)

	till, err = f.app.JudgeToken(t.Context(), token(4, event.StatusOpened, session1))
	require.NoError(t, err)
	assert.Equal(t, event.StatusClosed, till.Status, "an old token does not open a closed terminal")

	off := terminalSnapshot(7, event.StatusOpened, session2)
	off.Terminal.IsActive = false
	f.follow(off)
	_, err = f.app.JudgeToken(t.Context(), token(6, event.StatusOpened, session2))
	assert.True(t, problem.Is(err, problem.Unauthenticated))
	_, err = f.app.JudgeToken(t.Context(), token(8, event.StatusOpened, session2))
	require.NoError(t, err, "activated again since")
}

func TestATokenWithoutACopyAsksAndSellsOnceTheStoreIsKnown(t *testing.T) {
	f := newFixture(t, clockwork.NewFakeClockAt(evening))
	till, err := f.app.JudgeToken(t.Context(), token(6, event.StatusOpened, session2))
	require.NoError(t, err)
	assert.Len(t, f.out.wanted(), 1)
	_, err = f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	f.follow(storeSnapshot(1, "JPY", true))
	_, err = f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
	require.NoError(t, err)
}

func TestAnIdleSessionIsSealedAndCounted(t *testing.T) {
	f := newShop(t)
	f.bill(f.paid())
	f.bill(f.paid())
	c := f.paid()
	_, err := f.app.Cancel(t.Context(), f.on(c))
	require.NoError(t, err)
	sequence := uint64(len(f.recordedEvents()))

	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	reports := f.out.reports()
	require.Len(t, reports, 1)
	r := reports[0]
	require.NoError(t, r.Validate())
	assert.Equal(t, event.ProducerCart, r.Producer)
	assert.True(t, r.IsSealed)
	assert.EqualValues(t, 2, r.ClosingVersion)
	assert.Equal(t, "20260329", r.BusinessDate)
	assert.Equal(t, 1, r.OpenCounter)
	assert.EqualValues(t, 3, r.TransactionCount, "cancelled ones count")
	assert.EqualValues(t, 3, r.TransactionLastNo)
	assert.Equal(t, sequence, r.LastSequence)
	assert.Equal(t, "280", r.CashAmount.String())

	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	assert.Len(t, f.out.reports(), 2, "asked again, answered again")
	assert.True(t, f.out.reports()[1].IsSealed)
}

func TestCartsInProgressKeepASessionOpen(t *testing.T) {
	f := newShop(t)
	c, before := f.paid(), f.till()
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	r := f.out.reports()[0]
	assert.False(t, r.IsSealed)
	assert.Equal(t, []string{c.ID}, r.CartsInProgress)

	assert.True(t, problem.Is(f.tryCreate(), cart.TerminalNotOpened), "no new cart while closing")
	_, err := f.app.Create(t.Context(), app.CreateCart{Till: before, TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, cart.TerminalNotOpened), "nor by a request that was judged a moment before: %v", err)
	f.bill(c)
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	r = f.out.reports()[1]
	assert.True(t, r.IsSealed, "asked again, it can be sealed now")
	assert.EqualValues(t, 1, r.TransactionCount)
}

func TestASealedSessionTakesNoMore(t *testing.T) {
	f := newShop(t)
	stale := f.till() // judged before the closing arrived
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	_, err := f.app.Create(t.Context(), app.CreateCart{Till: stale, TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, cart.SessionSealed), "%v", err)

	f.follow(terminalSnapshot(3, event.StatusOpened, session1)) // the closing was abandoned
	c := f.paid()
	f.follow(terminalSnapshot(2, event.StatusClosing, session1)) // late and old: changes nothing
	f.bill(c)
	assert.Len(t, f.out.reports(), 1)
}

func TestANewerTokenBreaksTheSealOfAnAbandonedClosing(t *testing.T) {
	f := newShop(t)
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	till, err := f.app.JudgeToken(t.Context(), token(3, event.StatusOpened, session1))
	require.NoError(t, err)
	_, err = f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
	require.NoError(t, err)
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	assert.Len(t, f.out.reports(), 1, "the closing that was abandoned is not answered any more")
}

func TestATerminalClosedByForceEndsItsCarts(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	f.follow(terminalSnapshot(2, event.StatusClosing, session1), terminalSnapshot(3, event.StatusClosed, session1))
	_, err := f.app.Bill(t.Context(), f.on(c))
	assert.True(t, problem.Is(err, cart.SessionSealed), "%v", err)
	f.follow(terminalSnapshot(4, event.StatusOpened, session2))
	_, err = f.app.Bill(t.Context(), f.on(c))
	assert.True(t, problem.Is(err, cart.SessionEnded), "%v", err)
	_, err = f.app.Cancel(t.Context(), f.on(c))
	require.NoError(t, err, "it can still be cancelled")
	f.bill(f.paid())
	f.follow(terminalSnapshot(5, event.StatusClosing, session2))
	r := f.out.reports()[1]
	assert.EqualValues(t, 1, r.TransactionCount, "the cart of the other session does not count")
	assert.EqualValues(t, 2, r.TransactionLastNo)
}

func TestANewSessionStartsItsCountsAfresh(t *testing.T) {
	f := newShop(t)
	f.bill(f.paid())
	f.follow(terminalSnapshot(2, event.StatusClosing, session1), terminalSnapshot(3, event.StatusClosed, session1), terminalSnapshot(4, event.StatusOpened, session2))
	f.follow(terminalSnapshot(5, event.StatusClosing, session2))
	r := f.out.reports()[1]
	assert.True(t, r.IsSealed)
	assert.Zero(t, r.TransactionCount)
	assert.Zero(t, r.TransactionLastNo)
	assert.True(t, r.CashAmount.IsZero())
	assert.Equal(t, 2, r.OpenCounter)
}

func TestASessionInWhichNothingWasSoldIsSealedToo(t *testing.T) {
	f := newFixture(t, clockwork.NewFakeClockAt(evening))
	f.follow(terminalSnapshot(9, event.StatusClosing, session2))
	r := f.out.reports()
	require.Len(t, r, 1)
	assert.True(t, r[0].IsSealed)
	assert.Zero(t, r[0].LastSequence)
}

func TestAReportThatCannotBeSentIsSentWithTheNextDelivery(t *testing.T) {
	f := newShop(t)
	f.out.err = errors.New("broker away")
	closing := terminalSnapshot(2, event.StatusClosing, session1)
	err := f.app.Follow(t.Context(), closing)
	assert.True(t, problem.Is(err, problem.Unavailable))
	f.out.err = nil
	f.follow(closing)
	assert.True(t, f.out.reports()[0].IsSealed)
}

func TestSnapshotsCountByTheirVersion(t *testing.T) {
	f := newShop(t)
	f.follow(storeSnapshot(3, "EUR", true), storeSnapshot(2, "USD", true), storeSnapshot(3, "USD", true))
	assert.EqualValues(t, "EUR", f.create().Currency)
	f.follow(terminalSnapshot(5, event.StatusOpened, session2), terminalSnapshot(4, event.StatusClosed, session1))
	assert.Equal(t, session2, f.till().Session)
}

func TestWhatIsNoSnapshotIsUnusable(t *testing.T) {
	f := newShop(t)
	for name, spoil := range map[string]func(s *event.Snapshot){
		"envelope":          func(s *event.Snapshot) { s.EventID = "x" },
		"producer":          func(s *event.Snapshot) { s.Producer = event.ProducerJournal },
		"version":           func(s *event.Snapshot) { s.Version = 0 },
		"kind":              func(s *event.Snapshot) { s.Kind = "till" },
		"content":           func(s *event.Snapshot) { s.Terminal = nil },
		"another terminal":  func(s *event.Snapshot) { s.Terminal.TerminalID = "acme-s1-2" },
		"a tenant's stream": func(s *event.Snapshot) { s.StoreCode, s.TerminalNo = "", 0 },
	} {
		s := terminalSnapshot(9, event.StatusClosed, session1)
		spoil(s)
		assert.ErrorIs(t, f.app.Follow(t.Context(), s), app.ErrUnusable, name)
	}
	assert.Equal(t, event.StatusOpened, f.till().Status)
}

func TestTooManyOpenCartsAreRefused(t *testing.T) {
	f := newShop(t)
	for range register.MaxOpenCarts {
		require.NoError(t, f.tryCreate())
	}
	assert.True(t, problem.Is(f.tryCreate(), cart.NotCreated))
}

func TestAViewThatIsOutOfDateIsSentBack(t *testing.T) {
	f := newShop(t)
	stale := f.till()
	f.follow(terminalSnapshot(4, event.StatusOpened, session2))
	_, err := f.app.Create(t.Context(), app.CreateCart{Till: stale, TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, problem.Conflict), "%v", err)
	assert.NotZero(t, problem.Of(err).RetryAfter)
}

func TestTwoTerminalsDoNotKnowEachOther(t *testing.T) {
	f := newShop(t)
	other := terminalSnapshot(1, event.StatusOpened, session1)
	other.TerminalNo, other.Terminal.TerminalID = 2, "acme-s1-2"
	f.follow(other)
	c := f.bill(f.paid())
	till := f.till()
	till.Terminal = identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 2}
	second, err := f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
	require.NoError(t, err)
	cancelled, err := f.app.Cancel(t.Context(), app.Command{Till: till, CartID: second.ID})
	require.NoError(t, err)
	assert.Equal(t, c.Numbers.TransactionNo, cancelled.Numbers.TransactionNo)
}

// The broker loses the snapshot of a changed store. The terminal's own next one tells that there was one.
func TestAMissedSnapshotOfTheStoreIsAskedFor(t *testing.T) {
	clock := clockwork.NewFakeClockAt(evening)
	f := newFixture(t, clock)
	knowing := func(version, store, tenant uint64) *event.Snapshot {
		s := terminalSnapshot(version, event.StatusOpened, session1)
		s.StoreVersion, s.TenantVersion = store, tenant
		return s
	}
	f.follow(tenantSnapshot(2, true), storeSnapshot(3, "JPY", true), knowing(1, 3, 2), terminalSnapshot(2, event.StatusOpened, session1), knowing(3, 2, 1))
	assert.Empty(t, f.out.wanted(), "nothing is missing, and an older release says nothing")
	f.follow(knowing(4, 4, 2))
	wanted := f.out.wanted()
	require.Len(t, wanted, 1)
	assert.Equal(t, terminal.ID(), wanted[0].Stream().ID())
	f.follow(knowing(4, 4, 2))
	assert.Len(t, f.out.wanted(), 1, "the answer may bring the terminal before the store")
	f.follow(storeSnapshot(4, "JPY", true))
	clock.Advance(time.Minute)
	f.follow(knowing(5, 4, 2))
	assert.Len(t, f.out.wanted(), 1, "it came")
	f.follow(knowing(6, 4, 3))
	assert.Len(t, f.out.wanted(), 2, "and so for the tenant")
}
