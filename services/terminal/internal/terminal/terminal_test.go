package terminal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

var (
	noon = time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC) // 12:00 in Tokyo
	sato = terminal.Staff{StaffID: "S001", Name: "佐藤"}
	d    = money.MustParse
)

func ptr[T any](v T) *T { return &v }

func site(change ...func(*terminal.Site)) terminal.Site {
	s := terminal.Site{
		Tenant: terminal.Tenant{TenantID: "acme", Policy: terminal.Policy{SignInRequired: true}},
		Store: terminal.Store{TenantID: "acme", StoreCode: "tokyo", Settings: terminal.StoreSettings{
			Name: "テスト店舗", TimeZone: "Asia/Tokyo", CutOver: "05:00", Language: "ja", Currency: "JPY", ReceiptWidth: 32,
		}},
		Now: noon,
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func later(by time.Duration) func(*terminal.Site) {
	return func(s *terminal.Site) { s.Now = s.Now.Add(by) }
}

func idle() *terminal.Terminal {
	t, _ := terminal.New(identity.Terminal{TenantID: "acme", StoreCode: "tokyo", TerminalNo: 9}, "front", "ab", noon)
	return t
}

func signedIn(t testing.TB) *terminal.Terminal {
	t.Helper()
	till := idle()
	_, err := till.SignIn(sato, noon)
	require.NoError(t, err)
	return till
}

func opened(t testing.TB) *terminal.Terminal {
	t.Helper()
	till := signedIn(t)
	_, err := till.Open(terminal.Opening{InitialAmount: ptr(d("50000"))}, site())
	require.NoError(t, err)
	return till
}

func closing(t testing.TB, counted *money.Decimal) *terminal.Terminal {
	t.Helper()
	till := opened(t)
	_, err := till.BeginClose(counted, "", site())
	require.NoError(t, err)
	return till
}

func kinds(events []event.Event) []string {
	var out []string
	for _, e := range events {
		switch e := e.(type) {
		case *event.Business:
			out = append(out, e.EventType)
		case *event.OpenCloseLog:
			out = append(out, "log:"+e.Operation)
		case *event.CashLog:
			out = append(out, "log:cash "+e.Amount.String())
		case *event.Snapshot:
			out = append(out, "snapshot:"+e.Terminal.Status)
		}
	}
	return out
}

func find[E event.Event](t testing.TB, events []event.Event) E {
	t.Helper()
	for _, e := range events {
		if found, ok := e.(E); ok {
			return found
		}
	}
	require.Fail(t, "no such event")
	panic("unreachable")
}

func refused(t testing.TB, kind *problem.Kind, err error) {
	t.Helper()
	assert.True(t, problem.Is(err, kind), "want %s, got %v", kind.Name, err)
}

func TestOpen(t *testing.T) {
	t.Run("starts a session: counters, float, events", func(t *testing.T) {
		till := signedIn(t)
		done, err := till.Open(terminal.Opening{InitialAmount: ptr(d("50000"))}, site())
		require.NoError(t, err)
		assert.Equal(t, []string{"log:cash 50000", "log:open", "Terminal.Opened", "snapshot:Opened"}, kinds(done.Events))
		assert.Equal(t, "20260329", till.BusinessDate)
		assert.Equal(t, 1, till.OpenCounter)
		assert.Equal(t, 1, till.BusinessCounter)
		log := find[*event.OpenCloseLog](t, done.Events)
		assert.Equal(t, "2026-03-29T12:00:00.000000+09:00", log.GenerateDateTime)
		assert.Equal(t, event.StatusOpened, log.TerminalInfo.Status)
		assert.Empty(t, log.TerminalInfo.APIKeySHA256, "the key's fingerprint stays out of logs")
		assert.Equal(t, "50000", log.InitialAmount.String())
		assert.Equal(t, done.Slip.Receipt, log.ReceiptText)
		assert.EqualValues(t, 1, till.Session.CashMoves, "the float counts as a cash move")
		snapshot := find[*event.Snapshot](t, done.Events)
		assert.Equal(t, till.Version, snapshot.Version)
		assert.Equal(t, "ab", snapshot.Terminal.APIKeySHA256)
	})
	t.Run("a float of zero is a cash log, no float is none", func(t *testing.T) {
		done, err := signedIn(t).Open(terminal.Opening{InitialAmount: ptr(money.Zero)}, site())
		require.NoError(t, err)
		assert.Equal(t, []string{"log:cash 0", "log:open", "Terminal.Opened", "snapshot:Opened"}, kinds(done.Events))
		done, err = signedIn(t).Open(terminal.Opening{}, site())
		require.NoError(t, err)
		assert.Equal(t, []string{"log:open", "Terminal.Opened", "snapshot:Opened"}, kinds(done.Events))
	})
	t.Run("counts on the same date, begins again on another", func(t *testing.T) {
		till := signedIn(t)
		for _, want := range []struct {
			after       time.Duration
			date        string
			open, total int
		}{{0, "20260329", 1, 1}, {time.Hour, "20260329", 2, 2}, {24 * time.Hour, "20260330", 1, 3}, {25 * time.Hour, "20260330", 2, 4}} {
			at := site(later(want.after))
			_, err := till.Open(terminal.Opening{}, at)
			require.NoError(t, err)
			assert.Equal(t, want.date, till.BusinessDate)
			assert.Equal(t, want.open, till.OpenCounter)
			assert.Equal(t, want.total, till.BusinessCounter)
			shut(t, till, at)
		}
	})
	t.Run("takes a date that is given, within reason", func(t *testing.T) {
		till := signedIn(t)
		_, err := till.Open(terminal.Opening{BusinessDate: "20260330"}, site())
		require.NoError(t, err)
		shut(t, till, site())
		for _, wrong := range []string{"20260329", "20260331", "2026-03-30", "20260231", "tomorrow"} {
			_, err := till.Open(terminal.Opening{BusinessDate: wrong}, site())
			refused(t, terminal.BusinessDateWrong, err)
		}
		_, err = till.Open(terminal.Opening{}, site())
		require.NoError(t, err, "without a date the last one goes on: business dates never go back")
		assert.Equal(t, "20260330", till.BusinessDate)
		assert.Equal(t, 2, till.OpenCounter)
	})
	t.Run("is refused", func(t *testing.T) {
		_, err := idle().Open(terminal.Opening{}, site())
		refused(t, terminal.SignInRequired, err)
		_, err = opened(t).Open(terminal.Opening{}, site())
		refused(t, terminal.WrongStatus, err)
		_, err = closing(t, nil).Open(terminal.Opening{}, site())
		refused(t, terminal.WrongStatus, err)
		for _, amount := range []string{"-1", "0.5", "1000000000"} {
			_, err = signedIn(t).Open(terminal.Opening{InitialAmount: ptr(d(amount))}, site())
			refused(t, terminal.AmountInvalid, err)
		}
	})
	t.Run("needs nobody signed in where the tenant says so", func(t *testing.T) {
		_, err := idle().Open(terminal.Opening{}, site(func(s *terminal.Site) { s.Tenant.Policy.SignInRequired = false }))
		assert.NoError(t, err)
	})
}

func shut(t testing.TB, till *terminal.Terminal, at terminal.Site) {
	t.Helper()
	_, err := till.BeginClose(nil, "", at)
	require.NoError(t, err)
	_, _, err = till.Force(at)
	require.NoError(t, err)
}

func TestMoveCash(t *testing.T) {
	move := func(till *terminal.Terminal, direction terminal.Direction, amount string, change ...func(*terminal.Site)) (*event.CashLog, []event.Event, error) {
		return till.MoveCash(terminal.CashMove{Direction: direction, Amount: d(amount)}, site(change...))
	}
	t.Run("in and out", func(t *testing.T) {
		till := opened(t)
		version := till.Version
		log, events, err := move(till, terminal.CashIn, "1000")
		require.NoError(t, err)
		assert.Equal(t, []string{"log:cash 1000", "Terminal.CashMoved"}, kinds(events))
		assert.Equal(t, "入金", log.Description, "a move without a reason gets one in the store's language")
		log, events, err = move(till, terminal.CashOut, "51000", later(time.Minute))
		require.NoError(t, err)
		assert.Equal(t, []string{"log:cash -51000", "Terminal.CashMoved"}, kinds(events))
		assert.True(t, till.Session.Drawer.IsZero())
		assert.EqualValues(t, 3, till.Session.CashMoves)
		assert.Equal(t, log.GenerateDateTime, till.Session.LastCashMove)
		assert.Equal(t, version, till.Version, "no snapshot tells of cash, so there is no new version")
	})
	t.Run("never below zero unless the store allows it", func(t *testing.T) {
		till := opened(t)
		_, _, err := move(till, terminal.CashOut, "50001")
		refused(t, terminal.DrawerLimit, err)
		_, _, err = move(till, terminal.CashOut, "50001", func(s *terminal.Site) { s.Store.Settings.AllowNegativeDrawer = true })
		require.NoError(t, err)
		_, _, err = move(till, terminal.CashIn, "1")
		assert.NoError(t, err, "what mends the drawer is welcome")
	})
	t.Run("within the tenant's limits", func(t *testing.T) {
		limits := func(s *terminal.Site) {
			s.Tenant.Policy.CashMin, s.Tenant.Policy.CashMax = ptr(d("100")), ptr(d("1000"))
		}
		_, _, err := move(opened(t), terminal.CashIn, "99", limits)
		refused(t, terminal.AmountTooSmall, err)
		_, _, err = move(opened(t), terminal.CashIn, "1001", limits)
		refused(t, terminal.AmountTooLarge, err)
		_, _, err = move(opened(t), terminal.CashIn, "1000", limits)
		assert.NoError(t, err)
	})
	t.Run("is refused", func(t *testing.T) {
		for _, amount := range []string{"0", "-1", "0.01", "1000000000"} {
			_, _, err := move(opened(t), terminal.CashIn, amount)
			refused(t, terminal.AmountInvalid, err)
		}
		_, _, err := move(signedIn(t), terminal.CashIn, "1")
		refused(t, terminal.WrongStatus, err)
		_, _, err = move(closing(t, nil), terminal.CashIn, "1")
		refused(t, terminal.WrongStatus, err)
		till := opened(t)
		_, err = till.SignOut("", noon)
		require.NoError(t, err)
		_, _, err = move(till, terminal.CashIn, "1")
		refused(t, terminal.NotSignedIn, err)
	})
	t.Run("a drawer is not counted for ever", func(t *testing.T) {
		till := opened(t)
		for range 99 {
			_, _, err := move(till, terminal.CashIn, "999999999")
			require.NoError(t, err)
		}
		_, _, err := move(till, terminal.CashIn, "999999999")
		refused(t, terminal.DrawerLimit, err)
	})
}

func TestDrawerIsTheSumOfItsMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := site(func(s *terminal.Site) {
			s.Store.Settings.Currency, s.Store.Settings.AllowNegativeDrawer = "EUR", rapid.Bool().Draw(t, "negative")
		})
		till := idle()
		_, err := till.SignIn(sato, noon)
		require.NoError(t, err)
		_, err = till.Open(terminal.Opening{InitialAmount: ptr(d("100.50"))}, at)
		require.NoError(t, err)
		sum, moves := d("100.50"), 1
		for range rapid.IntRange(0, 20).Draw(t, "moves") {
			cents := rapid.Int64Range(0, 30_000).Draw(t, "cents")
			amount, err := money.FromInt(cents).MulDiv(money.FromInt(1), money.FromInt(100), 2, money.Floor)
			require.NoError(t, err)
			direction := rapid.SampledFrom([]terminal.Direction{terminal.CashIn, terminal.CashOut}).Draw(t, "direction")
			log, _, err := till.MoveCash(terminal.CashMove{Direction: direction, Amount: amount}, at)
			if err == nil {
				sum, moves = sum.Add(log.Amount), moves+1
			}
		}
		assert.True(t, sum.Equal(till.Session.Drawer))
		assert.EqualValues(t, moves, till.Session.CashMoves)
		assert.True(t, at.Store.Settings.AllowNegativeDrawer || till.Session.Drawer.Sign() >= 0)
	})
}

func report(till *terminal.Terminal, change ...func(*event.SessionReport)) *event.SessionReport {
	r := &event.SessionReport{
		BusinessDate: till.BusinessDate, OpenCounter: till.OpenCounter, ClosingVersion: till.Version, IsSealed: true,
		TransactionCount: 12, TransactionLastNo: 345, CashAmount: d("8640"),
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func TestClose(t *testing.T) {
	t.Run("first phase says Closing", func(t *testing.T) {
		till := opened(t)
		version := till.Version
		events, err := till.BeginClose(ptr(d("58640")), "", site())
		require.NoError(t, err)
		assert.Equal(t, []string{"Terminal.Closing", "snapshot:Closing"}, kinds(events))
		assert.Equal(t, version+1, till.Closing.Version)
	})
	t.Run("a sealed session closes with exact counts", func(t *testing.T) {
		till := closing(t, ptr(d("58600")))
		r := report(till)
		require.True(t, till.Awaits(r))
		result, events, err := till.Settle(r, site(later(time.Second)))
		require.NoError(t, err)
		assert.Equal(t, []string{"log:close", "Terminal.Closed", "snapshot:Closed"}, kinds(events))
		log := result.Log
		assert.EqualValues(t, 12, *log.CartTransactionCount)
		assert.EqualValues(t, 345, *log.CartTransactionLastNo)
		assert.EqualValues(t, 1, *log.CashInOutCount)
		assert.Equal(t, "2026-03-29T12:00:00.000000+09:00", log.CashInOutLastDatetime)
		assert.Equal(t, "58640", log.ExpectedCash.String())
		assert.Equal(t, "58600", log.CountedCash.String())
		assert.Equal(t, "-40", log.OverShort.String())
		assert.False(t, log.IsProvisional)
		assert.Equal(t, event.StatusClosed, log.TerminalInfo.Status)
		assert.Equal(t, event.StatusClosed, till.Status)
		assert.Nil(t, till.Closing)
		assert.Equal(t, sato.StaffID, till.Staff.ID, "closing signs nobody out")
	})
	t.Run("what was not counted is neither over nor short", func(t *testing.T) {
		till := closing(t, nil)
		result, _, err := till.Settle(report(till), site())
		require.NoError(t, err)
		assert.Nil(t, result.Log.CountedCash)
		assert.Nil(t, result.Log.OverShort)
		assert.NotNil(t, result.Log.ExpectedCash)
	})
	t.Run("carts in progress open the terminal again", func(t *testing.T) {
		till := closing(t, ptr(d("1")))
		inProgress := func(r *event.SessionReport) { r.IsSealed, r.CartsInProgress = false, []string{"c1", "c2"} }
		result, events, err := till.Settle(report(till, inProgress), site())
		require.NoError(t, err)
		assert.Equal(t, []string{"Terminal.CloseAbandoned", "snapshot:Opened"}, kinds(events))
		assert.Equal(t, []string{"c1", "c2"}, result.CartsInProgress)
		assert.Equal(t, event.StatusOpened, till.Status)
		assert.Nil(t, till.Session.Counted)
	})
	t.Run("by force it is provisional and says what is not known", func(t *testing.T) {
		till := closing(t, ptr(d("58600")))
		result, events, err := till.Force(site())
		require.NoError(t, err)
		assert.Equal(t, []string{"log:close", "Terminal.Closed", "snapshot:Closed"}, kinds(events))
		assert.True(t, result.Log.IsProvisional)
		assert.Nil(t, result.Log.CartTransactionCount)
		assert.Nil(t, result.Log.ExpectedCash)
		assert.Equal(t, "58600", result.Log.CountedCash.String())
		assert.EqualValues(t, 1, *result.Log.CashInOutCount)
	})
	t.Run("only answers to this closing count", func(t *testing.T) {
		till := closing(t, nil)
		for name, change := range map[string]func(*event.SessionReport){
			"an older closing":   func(r *event.SessionReport) { r.ClosingVersion-- },
			"a version to come":  func(r *event.SessionReport) { r.ClosingVersion++ },
			"another date":       func(r *event.SessionReport) { r.BusinessDate = "20260328" },
			"another open count": func(r *event.SessionReport) { r.OpenCounter++ },
		} {
			assert.False(t, till.Awaits(report(till, change)), name)
		}
		assert.False(t, opened(t).Awaits(report(till)))
	})
	t.Run("a change while Closing keeps the answer that is on its way good", func(t *testing.T) {
		till := closing(t, nil)
		early := report(till)
		require.NotEmpty(t, till.Change(ptr("other"), nil, noon))
		_, err := till.SignOut("", noon)
		require.NoError(t, err)
		assert.True(t, till.Awaits(early))
		assert.True(t, till.Awaits(report(till)))
		result, _, err := till.Settle(early, site())
		require.NoError(t, err)
		assert.Equal(t, sato.StaffID, result.Log.StaffID, "who closed is who began to")
	})
	t.Run("is refused", func(t *testing.T) {
		_, err := signedIn(t).BeginClose(nil, "", site())
		refused(t, terminal.WrongStatus, err)
		_, err = closing(t, nil).BeginClose(nil, "", site())
		refused(t, terminal.WrongStatus, err)
		_, err = opened(t).BeginClose(ptr(d("-1")), "", site())
		refused(t, terminal.AmountInvalid, err)
		_, _, err = opened(t).Force(site())
		refused(t, terminal.WrongStatus, err)
		till := opened(t)
		_, err = till.SignOut("", noon)
		require.NoError(t, err)
		_, err = till.BeginClose(nil, "", site())
		refused(t, terminal.SignInRequired, err)
		_, err = till.BeginClose(nil, "ann", site())
		assert.NoError(t, err, "an administrator closes a till that nobody stands at")
	})
}

func TestRemind(t *testing.T) {
	till := closing(t, nil)
	version := till.Version
	var said []time.Duration
	for after := time.Duration(0); after < 20*time.Minute; after += time.Second {
		if events := till.Remind(noon.Add(after)); len(events) > 0 {
			said = append(said, after)
			assert.Equal(t, version, find[*event.Snapshot](t, events).Version)
		}
	}
	var seconds []float64
	for _, after := range said {
		seconds = append(seconds, after.Seconds())
	}
	assert.Equal(t, []float64{5, 15, 35, 75, 155, 315, 615, 915}, seconds, "pauses double to five minutes")
	assert.Empty(t, opened(t).Remind(noon.Add(time.Hour)))
}

func TestFunctionModes(t *testing.T) {
	any4 := []bool{true, true, true, true}
	for mode, possible := range map[string][]bool{ // Idle, Opened, Closing, Closed
		"Reports": any4, "Journal": any4, "Maintenance": any4,
		"OpenTerminal": {true, false, false, true},
		"Sales":        {false, true, false, false}, "Returns": {false, true, false, false}, "Void": {false, true, false, false},
		"CloseTerminal": {false, true, false, false}, "CashInOut": {false, true, false, false},
	} {
		closed := closing(t, nil)
		_, _, err := closed.Force(site())
		require.NoError(t, err)
		for i, till := range []*terminal.Terminal{idle(), opened(t), closing(t, nil), closed} {
			events, err := till.SetMode(mode, noon)
			if possible[i] {
				require.NoError(t, err, "%s while %s", mode, till.Status)
				assert.Len(t, events, 1)
				again, err := till.SetMode(mode, noon)
				assert.NoError(t, err)
				assert.Empty(t, again, "nothing changed")
			} else {
				refused(t, terminal.WrongStatus, err)
			}
		}
	}
	_, err := idle().SetMode("Disco", noon)
	refused(t, problem.Invalid, err)
	till := opened(t)
	_, err = till.SetMode("Sales", noon)
	require.NoError(t, err)
	shut(t, till, site())
	assert.Equal(t, terminal.ModeMainMenu, till.FunctionMode, "a mode of open tills does not outlive the close")
}

func TestSignInAndOut(t *testing.T) {
	till := idle()
	events, err := till.SignIn(sato, noon)
	require.NoError(t, err)
	assert.Equal(t, []string{"Terminal.SignedIn", "snapshot:Idle"}, kinds(events))
	_, err = till.SignIn(sato, noon)
	refused(t, terminal.AlreadySignedIn, err)
	events, err = till.SignOut("ann", noon)
	require.NoError(t, err)
	assert.Equal(t, []string{"Terminal.SignedOut", "snapshot:Idle"}, kinds(events))
	assert.Equal(t, "ann", find[*event.Business](t, events).UserID)
	events, err = till.SignOut("", noon)
	require.NoError(t, err)
	assert.Empty(t, events)
}

func TestPINTries(t *testing.T) {
	var p terminal.PINTries
	for n := 1; n <= terminal.MaxPINTries; n++ {
		require.NoError(t, p.Try(noon), "try %d", n)
	}
	refused(t, terminal.PINLocked, p.Wrong())
	err := p.Try(noon.Add(terminal.PINLock - time.Second))
	refused(t, terminal.PINLocked, err)
	assert.Equal(t, time.Second, problem.Of(err).RetryAfter)
	require.NoError(t, p.Try(noon.Add(terminal.PINLock)))
	refused(t, terminal.WrongPIN, p.Wrong())
	assert.Equal(t, 1, p.Count, "after the lock the tries begin again")
}

func TestEveryChangeHasItsOwnVersion(t *testing.T) {
	till := idle()
	seen := map[uint64]string{}
	see := func(events []event.Event, err error) {
		t.Helper()
		require.NoError(t, err)
		for _, e := range events {
			if s, ok := e.(*event.Snapshot); ok {
				assert.Empty(t, seen[s.Version], "version %d twice", s.Version)
				seen[s.Version] = snapshotOf(t, s)
			}
		}
		assert.Equal(t, seen[till.Version], snapshotOf(t, till.Snapshot()), "sent again, a version says what it said at first")
	}
	see([]event.Event{till.Snapshot()}, nil)
	see(till.SignIn(sato, noon))
	see(till.RotateKey("cd", noon), nil)
	see(till.Change(ptr("back"), nil, noon), nil)
	done, err := till.Open(terminal.Opening{}, site())
	see(done.Events, err)
	see(till.SetMode("Sales", noon))
	_, events, err := till.MoveCash(terminal.CashMove{Direction: terminal.CashIn, Amount: d("1")}, site())
	see(events, err)
	see(till.BeginClose(nil, "", site()))
	see(nil, till.Count(ptr(d("5")), site()))
	_, events, err = till.Force(site())
	see(events, err)
	see(till.SignOut("", noon))
	assert.Len(t, seen, int(till.Version), "no version is skipped")
}

func snapshotOf(t testing.TB, s *event.Snapshot) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}

func TestTerminalComesBackFromItsDocument(t *testing.T) {
	till := closing(t, ptr(d("10")))
	raw, err := json.Marshal(till)
	require.NoError(t, err)
	var back terminal.Terminal
	require.NoError(t, json.Unmarshal(raw, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	assert.JSONEq(t, string(raw), string(again))
	assert.True(t, back.Awaits(report(till)))
}

func TestTenantAndStore(t *testing.T) {
	tenant, events, err := terminal.NewTenant("acme", "Acme", nil, terminal.Policy{SignInRequired: true}, noon)
	require.NoError(t, err)
	assert.EqualValues(t, 1, find[*event.Snapshot](t, events).Version)
	events, err = tenant.Change(terminal.TenantChange{Name: ptr("Acme"), IsActive: ptr(true)}, noon)
	require.NoError(t, err)
	assert.Empty(t, events, "the same again is no change")
	events, err = tenant.Change(terminal.TenantChange{IsActive: ptr(false), Policy: &terminal.Policy{CashMax: ptr(d("5"))}}, noon)
	require.NoError(t, err)
	assert.EqualValues(t, 2, find[*event.Snapshot](t, events).Version)
	for _, wrong := range []terminal.Policy{
		{CashMin: ptr(d("-1"))}, {CashMax: ptr(money.Zero)}, {CashMin: ptr(d("2")), CashMax: ptr(d("1"))}, {CashMax: ptr(d("1000000000"))},
	} {
		_, err := tenant.Change(terminal.TenantChange{Policy: &wrong}, noon)
		refused(t, problem.Invalid, err)
	}

	settings := site().Store.Settings
	store, events, err := terminal.NewStore("acme", "tokyo", settings, noon)
	require.NoError(t, err)
	assert.Equal(t, "Asia/Tokyo", find[*event.Snapshot](t, events).Store.TimeZone)
	events, err = store.Change(terminal.StoreChange{CutOver: ptr("03:00"), Tags: &[]string{"east"}}, noon)
	require.NoError(t, err)
	assert.Len(t, events, 1)
	_, err = store.Change(terminal.StoreChange{TimeZone: ptr("Nowhere")}, noon)
	refused(t, problem.Invalid, err)
	assert.Equal(t, "Asia/Tokyo", store.Settings.TimeZone, "a refused change changes nothing")
	_, err = store.Change(terminal.StoreChange{ReceiptWidth: ptr(23)}, noon)
	refused(t, problem.Invalid, err)
	_, err = store.Change(terminal.StoreChange{ReceiptHeaders: &[]string{"全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全角全"}}, noon)
	refused(t, problem.Invalid, err)
	wrong := settings
	wrong.Currency = "XXX"
	_, _, err = terminal.NewStore("acme", "tokyo", wrong, noon)
	refused(t, problem.Invalid, err)
}

func TestALockDoesNotOutlastItsTimeWhenTheClockIsPutBack(t *testing.T) {
	var p terminal.PINTries
	tomorrow := noon.AddDate(0, 0, 1) // the clock is a day ahead, and nobody has noticed
	for range terminal.MaxPINTries {
		require.NoError(t, p.Try(tomorrow))
	}
	refused(t, terminal.PINLocked, p.Try(tomorrow.Add(time.Second)))
	require.NoError(t, p.Try(noon), "put right: the lock would last a day")
	for range terminal.MaxPINTries - 1 {
		require.NoError(t, p.Try(noon))
	}
	refused(t, terminal.PINLocked, p.Try(noon))
}

func TestEveryLockIsLongerThanTheOneBefore(t *testing.T) {
	var p terminal.PINTries
	now, guesses := noon, 0
	weekend := noon.Add(60 * time.Hour)
	for now.Before(weekend) {
		err := p.Try(now)
		if err == nil {
			guesses++
			continue
		}
		wait := problem.Of(err).RetryAfter
		require.LessOrEqual(t, wait, terminal.MaxPINLock)
		now = now.Add(wait)
	}
	assert.LessOrEqual(t, guesses, 75, "of ten thousand PINs")
	assert.GreaterOrEqual(t, guesses, terminal.MaxPINTries*8, "a colleague who forgets is let in again")
}
