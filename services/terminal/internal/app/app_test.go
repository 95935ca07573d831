package app_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

var tenantStream = identity.TenantStream(apptest.Tenant)

func at(hour int) *clockwork.FakeClock {
	return clockwork.NewFakeClockAt(time.Date(2026, 3, 29, hour, 0, 0, 0, time.UTC))
}

func signIn(w *apptest.World, t *testing.T, staffID, pin string) error {
	t.Helper()
	_, err := w.App.SignIn(t.Context(), app.SignIn{Terminal: till, StaffID: staffID, PIN: pin})
	return err
}

func TestWrongPINsLockTheStaffMember(t *testing.T) {
	clock := at(3)
	w := apptest.New(t, clock, 0)
	for range terminal.MaxPINTries - 1 {
		require.True(t, problem.Is(signIn(w, t, apptest.StaffID, "0000"), terminal.WrongPIN))
	}
	require.True(t, problem.Is(signIn(w, t, apptest.StaffID, "0000"), terminal.PINLocked))
	err := signIn(w, t, apptest.StaffID, apptest.PIN)
	require.True(t, problem.Is(err, terminal.PINLocked), "the right PIN does not open a lock: %v", err)
	assert.Equal(t, terminal.PINLock, problem.Of(err).RetryAfter)
	clock.Advance(terminal.PINLock)
	require.NoError(t, signIn(w, t, apptest.StaffID, apptest.PIN))
}

func TestTheRightPINForgetsTheWrongOnes(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	for range 3 {
		for range terminal.MaxPINTries - 1 {
			require.True(t, problem.Is(signIn(w, t, apptest.StaffID, "0000"), terminal.WrongPIN))
		}
		require.NoError(t, signIn(w, t, apptest.StaffID, apptest.PIN))
		_, err := w.App.SignOut(t.Context(), till, "")
		require.NoError(t, err)
	}
}

func TestANewPINEndsALock(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	for range terminal.MaxPINTries {
		require.Error(t, signIn(w, t, apptest.StaffID, "0000"))
	}
	pin := "97531"
	_, err := w.App.ChangeStaff(t.Context(), app.ChangeStaff{TenantID: apptest.Tenant, StoreCode: apptest.Shop, StaffID: apptest.StaffID, PIN: &pin})
	require.NoError(t, err)
	assert.True(t, problem.Is(signIn(w, t, apptest.StaffID, apptest.PIN), terminal.WrongPIN))
	assert.NoError(t, signIn(w, t, apptest.StaffID, pin))
}

// pins counts how many PINs were really compared.
type pins struct {
	app.PINs
	mu       sync.Mutex
	compared int
}

func (p *pins) Match(pin, hash string) (bool, error) {
	p.mu.Lock()
	p.compared++
	p.mu.Unlock()
	return p.PINs.Match(pin, hash)
}

func TestManyGuessesAtOnceAreNoMoreThanInARow(t *testing.T) {
	w := real(t, 0)
	needs := w.App.Needs
	counting := &pins{PINs: needs.PINs}
	needs.PINs = counting
	w.App = app.New(needs)
	var group sync.WaitGroup
	for n := range 30 {
		group.Go(func() {
			patiently(t, func() (any, error) {
				err := signIn(w, t, apptest.StaffID, fmt.Sprintf("%04d", n))
				if problem.Is(err, terminal.WrongPIN) || problem.Is(err, terminal.PINLocked) {
					return nil, nil
				}
				return nil, err
			})
		})
	}
	group.Wait()
	assert.Equal(t, terminal.MaxPINTries, counting.compared)
}

func TestWhoDoesNotWorkHereCannotSignIn(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	for _, id := range []string{"S999", "", "../S001", strings.Repeat("x", 99)} {
		assert.True(t, problem.Is(signIn(w, t, id, apptest.PIN), terminal.UnknownStaff), id)
	}
	off := false
	_, err := w.App.ChangeStaff(t.Context(), app.ChangeStaff{TenantID: apptest.Tenant, StoreCode: apptest.Shop, StaffID: apptest.StaffID, IsActive: &off})
	require.NoError(t, err)
	assert.True(t, problem.Is(signIn(w, t, apptest.StaffID, apptest.PIN), terminal.UnknownStaff))
}

func verifier(w *apptest.World) *auth.Verifier {
	return auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) {
		return auth.PublicSet(w.Key), issuer == auth.TerminalIssuer
	}, w.Clock.Now)
}

func TestATokenSaysWhatTheTerminalIs(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	w.Open(till)
	token, err := w.App.BuyToken(t.Context(), w.APIKey)
	require.NoError(t, err)
	p, err := verifier(w).Verify(token)
	require.NoError(t, err)
	now := w.At(till)
	assert.Equal(t, &auth.TerminalClaims{
		StoreCode: apptest.Shop, TerminalNo: 1, Version: now.Version, Status: event.StatusOpened, BusinessDate: "20260329",
		OpenCounter: 1, BusinessCounter: 1, StaffID: apptest.StaffID, StaffName: "佐藤",
	}, p.Terminal)
	assert.Equal(t, till, p.TerminalIdentity())
}

func TestOnlyTheTerminalsOwnKeyBuysItsToken(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	other := w.AddTill(identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 2})
	_, secret, _ := strings.Cut(other, ".")
	for name, key := range map[string]string{
		"none": "", "no dot": "abc", "another's secret": till.ID() + "." + secret, "unknown terminal": "acme-tokyo-99." + secret,
		"odd id": "acme||tokyo." + secret, "shortened": w.APIKey[:len(w.APIKey)-1], "lengthened": w.APIKey + "x",
	} {
		_, err := w.App.BuyToken(t.Context(), key)
		assert.True(t, problem.Is(err, problem.Unauthenticated), "%s: %v", name, err)
	}
	rotated, err := w.App.RotateKey(t.Context(), till)
	require.NoError(t, err)
	_, err = w.App.BuyToken(t.Context(), w.APIKey)
	assert.True(t, problem.Is(err, problem.Unauthenticated), "a rotated key is worth nothing")
	_, err = w.App.BuyToken(t.Context(), rotated)
	assert.NoError(t, err)
	assert.Equal(t, auth.Fingerprint(rotated), apptest.Last[event.Snapshot](w, stream, "terminal").Terminal.APIKeySHA256)
}

func TestNothingSecretIsStoredOrTold(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	w.Open(till)
	_, secret, _ := strings.Cut(w.APIKey, ".")
	for _, key := range w.Store.Keys() {
		items, err := w.Store.Get(t.Context(), key)
		require.NoError(t, err)
		stored := string(items[0].Value)
		assert.NotContains(t, stored, secret, key)
		if !strings.HasPrefix(key, "staff/") {
			assert.NotContains(t, stored, "argon2id", key)
		}
		assert.NotContains(t, stored, `"`+apptest.PIN+`"`, key)
	}
}

func TestWhatIsDisabledIsOut(t *testing.T) {
	off, on := false, true
	for name, set := range map[string]func(*apptest.World, *bool) error{
		"terminal": func(w *apptest.World, v *bool) error {
			_, err := w.App.ChangeTerminal(t.Context(), app.ChangeTerminal{Terminal: till, IsActive: v})
			return err
		},
		"store": func(w *apptest.World, v *bool) error {
			_, err := w.App.ChangeStore(t.Context(), apptest.Tenant, apptest.Shop, terminal.StoreChange{IsActive: v})
			return err
		},
		"tenant": func(w *apptest.World, v *bool) error {
			_, err := w.App.ChangeTenant(t.Context(), apptest.Tenant, terminal.TenantChange{IsActive: v})
			return err
		},
	} {
		w := apptest.New(t, at(3), 0)
		require.NoError(t, w.App.AdmitTerminal(t.Context(), till))
		require.NoError(t, set(w, &off))
		assert.True(t, problem.Is(w.App.AdmitTerminal(t.Context(), till), terminal.Disabled), name)
		_, err := w.App.BuyToken(t.Context(), w.APIKey)
		assert.True(t, problem.Is(err, terminal.Disabled), "%s: %v", name, err)
		require.NoError(t, set(w, &on))
		assert.NoError(t, w.App.AdmitTerminal(t.Context(), till), name)
	}
}

// Whoever follows terminals learns from each of their snapshots what else there is to know.
func TestATerminalsSnapshotSaysTheVersionsOfItsStoreAndTenant(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	name := "Another name"
	versions := func() []uint64 {
		s := apptest.Last[event.Snapshot](w, stream, "terminal")
		return []uint64{s.StoreVersion, s.TenantVersion}
	}
	w.SignIn(till)
	assert.Equal(t, []uint64{1, 1}, versions())
	_, err := w.App.SignOut(t.Context(), till, "")
	require.NoError(t, err)
	_, err = w.App.ChangeStore(t.Context(), apptest.Tenant, apptest.Shop, terminal.StoreChange{Name: &name})
	require.NoError(t, err)
	w.Open(till)
	assert.Equal(t, []uint64{2, 1}, versions())
	require.NoError(t, w.App.ResendSnapshots(t.Context(), stream))
	assert.Equal(t, []uint64{2, 1}, versions())
}

func TestSnapshotsThatAreWantedAreSentAgain(t *testing.T) {
	clock := at(3)
	w := apptest.New(t, clock, 0)
	second := identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 2}
	w.AddTill(second)
	version := w.At(till).Version
	count := func() [3]int {
		return [3]int{len(w.Events(stream)), len(w.Events(identity.TerminalStream(second))), len(w.Events(tenantStream))}
	}
	before := count()
	require.NoError(t, w.App.ResendSnapshots(t.Context(), stream))
	assert.Equal(t, [3]int{before[0] + 1, before[1], before[2] + 2}, count(), "a terminal comes with its store and tenant")
	assert.Equal(t, version, apptest.Last[event.Snapshot](w, stream, "terminal").Version)
	assert.Equal(t, version, w.At(till).Version, "sending again is no change")

	require.NoError(t, w.App.ResendSnapshots(t.Context(), stream))
	assert.Equal(t, [3]int{before[0] + 1, before[1], before[2] + 2}, count(), "who asks again within a second has it already")
	clock.Advance(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	var part sync.WaitGroup
	part.Go(func() { assert.NoError(t, w.App.ResendTenants(ctx)) })
	require.NoError(t, w.App.ResendSnapshots(t.Context(), tenantStream))
	whole := [3]int{before[0] + 2, before[1] + 1, before[2] + 4}
	assert.Eventually(t, func() bool { return count() == whole }, soon, time.Millisecond, "or the whole tenant")
	cancel()
	part.Wait()

	clock.Advance(time.Second)
	for _, unknown := range []identity.Stream{
		identity.TenantStream("nobody"), {TenantID: "nobody", StoreCode: "x", TerminalNo: 1}, {TenantID: "acme", StoreCode: "x", TerminalNo: 1},
	} {
		assert.NoError(t, w.App.ResendSnapshots(t.Context(), unknown), "what is not there cannot be sent")
	}
}

func TestWholeTenantsWaitForTheirTurnOnceEach(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	want := func(n int) error {
		return w.App.ResendSnapshots(t.Context(), identity.TenantStream(fmt.Sprintf("t%d", n)))
	}
	for n := range 256 {
		require.NoError(t, want(n))
		require.NoError(t, want(n), "who waits already takes no second place")
	}
	assert.True(t, problem.Is(want(999), problem.Unavailable), "a full queue asks to be asked again")
}

func TestAResendThatFailedIsNoReasonToWait(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	before := len(w.Events(tenantStream))
	w.Store.BeforeWrite = weatherOnce()
	require.Error(t, w.App.ResendSnapshots(t.Context(), stream))
	require.NoError(t, w.App.ResendSnapshots(t.Context(), stream))
	assert.GreaterOrEqual(t, len(w.Events(tenantStream)), before+2)
	assert.Equal(t, "terminal", w.Types(stream, 2)[0])
}

// weatherOnce fails the first write that it sees.
func weatherOnce() func([]state.Op) error {
	failed := false
	return func([]state.Op) error {
		if failed {
			return nil
		}
		failed = true
		return state.ErrUnavailable
	}
}

func TestNewlyParkedEventsRaiseAnAlertOnce(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	core, logged := observer.New(zap.ErrorLevel)
	needs := w.App.Needs
	needs.Log = zap.New(core)
	w.App = app.New(needs)
	status := &event.JournalStatus{
		Envelope:        event.Envelope{TenantID: till.TenantID, StoreCode: till.StoreCode, TerminalNo: till.TerminalNo, Producer: event.ProducerTerminal},
		ReceivedThrough: 0, Failed: []event.FailedEvent{{EventID: "e", Sequence: 1, Reason: "broken"}},
	}
	require.NoError(t, w.App.ConfirmDelivery(t.Context(), status))
	require.NoError(t, w.App.ConfirmDelivery(t.Context(), status))
	require.Equal(t, 1, logged.Len())
	assert.Contains(t, logged.All()[0].Message, "ALERT")
	_, parked, err := w.App.DeliveriesOf(t.Context(), app.DeliveriesOf{Terminal: till, Status: "failed", Limit: 10})
	require.NoError(t, err)
	require.Len(t, parked, 1)
	assert.Equal(t, "broken", parked[0].Reason)
}

func TestDeliveriesAndRedelivery(t *testing.T) {
	clock := at(3)
	w := apptest.New(t, clock, 0)
	w.Found("other", "osaka")
	clock.Advance(time.Hour)
	half := clock.Now()
	w.Open(till)
	for _, s := range []identity.Stream{stream, tenantStream} {
		require.NoError(t, w.App.ConfirmDelivery(t.Context(), received(w, s)))
	}
	page, err := w.App.Deliveries(t.Context(), apptest.Tenant, app.Span{Limit: 10})
	require.NoError(t, err)
	assert.Equal(t, 2, page.Total, "another tenant's streams are not seen")
	assert.Equal(t, []string{"acme", "acme-tokyo-1"}, []string{page.Items[0].StreamID, page.Items[1].StreamID})
	assert.Zero(t, page.Items[1].Unconfirmed)

	redeliver := func(cmd outbox.Redelivery) ([]outbox.Redelivered, error) {
		cmd.TenantID = apptest.Tenant
		return w.App.Redeliver(t.Context(), cmd)
	}
	done, err := redeliver(outbox.Redelivery{Since: half})
	require.NoError(t, err)
	assert.Equal(t, []outbox.Redelivered{{StreamID: till.ID(), FromSequence: 2}}, done, "only streams with something since then")
	done, err = redeliver(outbox.Redelivery{StreamID: till.ID(), FromSequence: 3})
	require.NoError(t, err)
	assert.Equal(t, []outbox.Redelivered{{StreamID: till.ID(), FromSequence: 3}}, done)
	done, err = redeliver(outbox.Redelivery{FromSequence: 3})
	require.NoError(t, err)
	assert.Equal(t, []outbox.Redelivered{{StreamID: till.ID(), FromSequence: 3}}, done, "the tenant's own stream has but two")
	_, err = redeliver(outbox.Redelivery{StreamID: "other", FromSequence: 1})
	assert.True(t, problem.Is(err, problem.NotFound), "another tenant's stream is as good as none: %v", err)
}

func TestDeliveriesAreCountedByStatus(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	w.Open(till)
	status := received(w, stream)
	status.ReceivedThrough, status.Failed = 2, []event.FailedEvent{{EventID: "e", Sequence: 4, Reason: "broken"}}
	require.NoError(t, w.App.ConfirmDelivery(t.Context(), status))
	for kind, want := range map[string]int{"": 7, "pending": 4, "published": 0, "received": 2, "parked": 1, "failed": 1} {
		summary, found, err := w.App.DeliveriesOf(t.Context(), app.DeliveriesOf{Terminal: till, Status: kind, Limit: 100})
		require.NoError(t, err)
		assert.Len(t, found, want, kind)
		assert.EqualValues(t, want, summary.Count(kind), kind)
	}
}

func received(w *apptest.World, s identity.Stream) *event.JournalStatus {
	return &event.JournalStatus{
		Envelope:        event.Envelope{TenantID: s.TenantID, StoreCode: s.StoreCode, TerminalNo: s.TerminalNo, Producer: event.ProducerTerminal},
		ReceivedThrough: uint64(len(w.Events(s))),
	}
}

func TestThingsThatAreMadeTwiceAreRefused(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	ctx := t.Context()
	_, err := w.App.CreateTenant(ctx, app.CreateTenant{TenantID: apptest.Tenant, Name: "x"})
	assert.True(t, problem.Is(err, terminal.TenantExists))
	_, err = w.App.CreateStore(ctx, app.CreateStore{TenantID: apptest.Tenant, StoreCode: apptest.Shop, Settings: apptest.Settings()})
	assert.True(t, problem.Is(err, terminal.StoreExists))
	_, err = w.App.CreateStaff(ctx, app.CreateStaff{TenantID: apptest.Tenant, StoreCode: apptest.Shop, StaffID: apptest.StaffID, PIN: "1234"})
	assert.True(t, problem.Is(err, terminal.StaffExists))
	_, _, err = w.App.CreateTerminal(ctx, till, "")
	assert.True(t, problem.Is(err, terminal.TerminalExists))
}

func TestManyThingsMadeAtOnceAreAllInTheirLists(t *testing.T) {
	w := apptest.Empty(t, clockwork.NewRealClock(), 0)
	w.Found(apptest.Tenant, apptest.Shop)
	var group sync.WaitGroup
	for n := 1; n <= 40; n++ {
		group.Go(func() {
			id := identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: n}
			insist(t, func() (any, error) { _, _, err := w.App.CreateTerminal(t.Context(), id, ""); return nil, err })
		})
	}
	group.Wait()
	page, err := w.App.TerminalsOf(t.Context(), apptest.Tenant, apptest.Shop, app.Span{Skip: 10, Limit: 5})
	require.NoError(t, err)
	assert.Equal(t, 40, page.Total)
	for i, made := range page.Items {
		assert.Equal(t, 11+i, made.Identity.TerminalNo)
	}
	streams, err := w.Box.Streams(t.Context())
	require.NoError(t, err)
	assert.Len(t, streams, 41)
}

func TestWhoIsMadeInactiveIsSignedOutEverywhere(t *testing.T) {
	w := apptest.New(t, at(3), 0)
	second := identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 2}
	third := identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 3}
	w.AddTill(second)
	w.AddTill(third)
	w.Open(till)
	w.SignIn(second)
	_, err := w.App.CreateStaff(t.Context(), app.CreateStaff{TenantID: apptest.Tenant, StoreCode: apptest.Shop, StaffID: "other", Name: "Other", PIN: "1234"})
	require.NoError(t, err)
	_, err = w.App.SignIn(t.Context(), app.SignIn{Terminal: third, StaffID: "other", PIN: "1234"})
	require.NoError(t, err)

	off := false
	dismiss := app.ChangeStaff{TenantID: apptest.Tenant, StoreCode: apptest.Shop, StaffID: apptest.StaffID, IsActive: &off, By: "admin"}
	_, err = w.App.ChangeStaff(t.Context(), dismiss)
	require.NoError(t, err)
	assert.Nil(t, w.At(till).Staff)
	assert.Equal(t, event.StatusOpened, w.At(till).Status, "the session goes on")
	assert.Nil(t, w.At(second).Staff)
	assert.NotNil(t, w.At(third).Staff, "colleagues stay")
	told := apptest.Last[event.Business](w, identity.TerminalStream(second), "Terminal.SignedOut")
	assert.Equal(t, "admin", told.UserID)
	assert.Nil(t, apptest.Last[event.Snapshot](w, identity.TerminalStream(second), "terminal").Terminal.Staff, "the cart service hears of it")

	events := len(w.Events(identity.TerminalStream(second)))
	_, err = w.App.ChangeStaff(t.Context(), dismiss)
	require.NoError(t, err, "again: nothing is left to do")
	assert.Len(t, w.Events(identity.TerminalStream(second)), events)
}
