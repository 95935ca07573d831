package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// produced is how every kind of the catalogue comes about.
var produced = []struct {
	kind *problem.Kind
	do   func(s *server) answer
}{
	{terminal.TerminalNotFound, func(s *server) answer { return s.call("GET", "/terminals/acme-tokyo-77", s.admin(), nil) }},
	{terminal.TerminalExists, func(s *server) answer {
		return s.call("POST", storePath+"/terminals", s.admin(), `{"terminalNo":1}`)
	}},
	{terminal.WrongStatus, func(s *server) answer { s.atTill(); return s.call("POST", tillPath+"/open", s.till(), `{}`) }},
	{terminal.UnknownStaff, func(s *server) answer {
		return s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S999","pin":"2468"}`)
	}},
	{terminal.SignInRequired, func(s *server) answer { return s.call("POST", tillPath+"/open", s.till(), `{}`) }},
	{terminal.WrongPIN, func(s *server) answer {
		return s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"0000"}`)
	}},
	{terminal.CartsInProgress, func(s *server) answer {
		s.atTill()
		who := withKey(s.till(), "the-close")
		s.call("POST", tillPath+"/close", who, `{}`).ok(202)
		report := s.Report(apptest.Till, func(r *event.SessionReport) { r.IsSealed, r.CartsInProgress = false, []string{"cart-1"} })
		require.NoError(s.t, s.App.SettleClose(s.t.Context(), report))
		return s.call("POST", tillPath+"/close", who, `{}`)
	}},
	{terminal.NotSignedIn, func(s *server) answer {
		s.atTill()
		s.call("POST", tillPath+"/sign-out", s.till(), nil).ok(200)
		return s.call("POST", tillPath+"/cash-in", s.till(), `{"amount":1}`)
	}},
	{terminal.AlreadySignedIn, func(s *server) answer {
		s.atTill()
		return s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"2468"}`)
	}},
	{terminal.Disabled, func(s *server) answer {
		s.call("PATCH", tillPath, s.admin(), `{"isActive":false}`).ok(200)
		return s.call("GET", tillPath, s.till(), nil)
	}},
	{terminal.PINLocked, func(s *server) answer {
		for range terminal.MaxPINTries {
			s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"0000"}`)
		}
		return s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"2468"}`)
	}},
	{terminal.DrawerLimit, func(s *server) answer {
		s.atTill()
		return s.call("POST", tillPath+"/cash-out", s.till(), `{"amount":10001}`)
	}},
	{terminal.AmountInvalid, func(s *server) answer {
		s.atTill()
		return s.call("POST", tillPath+"/cash-in", s.till(), `{"amount":0.5}`)
	}},
	{terminal.AmountTooLarge, func(s *server) answer {
		s.atTill()
		s.call("PATCH", "/tenants/acme", s.admin(), `{"policy":{"cashInOutMax":500}}`).ok(200)
		return s.call("POST", tillPath+"/cash-in", s.till(), `{"amount":501}`)
	}},
	{terminal.AmountTooSmall, func(s *server) answer {
		s.atTill()
		s.call("PATCH", "/tenants/acme", s.admin(), `{"policy":{"cashInOutMin":100}}`).ok(200)
		return s.call("POST", tillPath+"/cash-in", s.till(), `{"amount":99}`)
	}},
	{terminal.StaffNotFound, func(s *server) answer { return s.call("GET", storePath+"/staff/S999", s.admin(), nil) }},
	{terminal.StaffExists, func(s *server) answer {
		return s.call("POST", storePath+"/staff", s.admin(), `{"staffId":"S001","name":"x","pin":"1234"}`)
	}},
	{terminal.TenantNotFound, func(s *server) answer { return s.call("GET", "/tenants/nobody", s.user("platform", ""), nil) }},
	{terminal.TenantExists, func(s *server) answer {
		return s.call("POST", "/tenants", s.user("platform", ""), `{"tenantId":"acme","tenantName":"x"}`)
	}},
	{terminal.StoreNotFound, func(s *server) answer { return s.call("GET", "/tenants/acme/stores/nowhere", s.admin(), nil) }},
	{terminal.StoreExists, func(s *server) answer {
		return s.call("POST", "/tenants/acme/stores", s.admin(), `{"storeCode":"tokyo","storeName":"x"}`)
	}},
	{terminal.BusinessDateWrong, func(s *server) answer {
		s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"2468"}`).ok(200)
		return s.call("POST", tillPath+"/open", s.till(), `{"businessDate":"20990101"}`)
	}},

	{problem.BadRequest, func(s *server) answer { return s.call("POST", "/tenants", s.user("platform", ""), `{`) }},
	{problem.BadRequest, func(s *server) answer { // unknown fields are mistakes
		return s.call("POST", tillPath+"/cash-in", s.till(), `{"amount":1,"ammount":2}`)
	}},
	{problem.BadRequest, func(s *server) answer { // money is moved with a key only
		return s.call("POST", tillPath+"/cash-in", withKey(s.till(), ""), `{"amount":1}`)
	}},
	{problem.NotFound, func(s *server) answer { return s.call("GET", "/nowhere", s.admin(), nil) }},
	{problem.NotFound, func(s *server) answer {
		return s.call("POST", "/tenants/acme/redeliver", s.admin(), `{"terminalId":"acme-tokyo-77","fromSequence":1}`)
	}},
	{problem.MethodNotAllowed, func(s *server) answer { return s.call("DELETE", tillPath, s.admin(), nil) }},
	{problem.TooLarge, func(s *server) answer {
		return s.call("POST", "/tenants", s.user("platform", ""), fmt.Sprintf(`{"tenantName":%q}`, make([]byte, 2<<20)))
	}},
	{problem.Unauthenticated, func(s *server) answer { return s.call("GET", tillPath, nobody, nil) }},
	{problem.Forbidden, func(s *server) answer { return s.call("POST", "/tenants", s.admin(), `{}`) }},
	{problem.Invalid, func(s *server) answer {
		return s.call("POST", "/tenants", s.user("platform", ""), `{"tenantId":"A-1"}`)
	}},
	{problem.Invalid, func(s *server) answer { return s.call("POST", tillPath+"/cash-in", s.till(), `{}`) }},
	{problem.Invalid, func(s *server) answer {
		return s.call("PATCH", tillPath+"/function_mode", s.till(), `{"functionMode":"x"}`)
	}},
	{problem.Invalid, func(s *server) answer {
		return s.call("POST", storePath+"/staff", s.admin(), `{"staffId":"a b","name":"x","pin":"1234"}`)
	}},
	{problem.Invalid, func(s *server) answer { return s.call("GET", tillPath+"/deliveries?status=lost", s.admin(), nil) }},
	{problem.Invalid, func(s *server) answer { return s.call("GET", storePath+"/staff?limit=101", s.admin(), nil) }},
	{problem.Invalid, func(s *server) answer { return s.call("POST", "/tenants/acme/redeliver", s.admin(), `{}`) }},
	{problem.Invalid, func(s *server) answer {
		return s.call("PATCH", storePath, s.admin(), `{"timeZone":"Mars/Olympus"}`)
	}},
	{problem.IdempotencyReuse, func(s *server) answer {
		s.atTill()
		who := withKey(s.till(), "k")
		s.call("POST", tillPath+"/cash-in", who, `{"amount":1}`).ok(200)
		return s.call("POST", tillPath+"/cash-in", who, `{"amount":2}`)
	}},
	{problem.Conflict, func(s *server) answer {
		s.Store.BeforeWrite = func([]state.Op) error { return state.ErrConflict }
		return s.call("PATCH", tillPath, s.admin(), `{"description":"x"}`)
	}},
	{problem.Unavailable, func(s *server) answer {
		s.Store.BeforeGet = func([]string) error { return state.ErrUnavailable }
		return s.call("GET", tillPath, s.admin(), nil)
	}},
	{problem.Unexpected, func(s *server) answer {
		s.Store.BeforeGet = func([]string) error { return errors.New("password=hunter2") }
		return s.call("GET", tillPath, s.admin(), nil)
	}},
}

func TestEveryProblemOfTheCatalogueIsProduced(t *testing.T) {
	seen := map[*problem.Kind]bool{}
	for i, p := range produced {
		seen[p.kind] = true
		t.Run(fmt.Sprintf("%s %d", p.kind.Name, i), func(t *testing.T) {
			s := serve(t, apptest.New(t, clockwork.NewRealClock(), 0))
			got := p.do(s)
			assert.Equal(t, p.kind.Code, got.code(), got.raw)
			assert.Equal(t, p.kind.Status, got.status)
			assert.Equal(t, p.kind.Type(), got.text("type"))
			assert.Equal(t, p.kind.Title, got.text("title"))
			assert.NotEmpty(t, got.text("hint"))
			assert.NotContains(t, got.raw, "hunter2")
		})
	}
	for _, kind := range terminal.Catalogue {
		assert.True(t, seen[kind], "%s is in the catalogue and never produced", kind.Name)
	}
}

func TestTheCatalogueIsInOrder(t *testing.T) {
	codes, names := map[int]string{}, map[string]bool{}
	for _, kind := range slices.Concat(terminal.Catalogue, problem.Common) {
		assert.Empty(t, codes[kind.Code], "%d twice", kind.Code)
		assert.False(t, names[kind.Name], "%s twice", kind.Name)
		codes[kind.Code], names[kind.Name] = kind.Name, true
		assert.NotEmpty(t, kind.Title)
		assert.NotEmpty(t, kind.Hint)
	}
	for _, kind := range terminal.Catalogue {
		assert.True(t, kind.Code/1000 == 406 || kind.Code/1000 == 407, "%d is not of this service's range", kind.Code)
		assert.Less(t, kind.Status, 500, kind.Name)
		assert.NotEqual(t, http.StatusNotAcceptable, kind.Status, kind.Name)
	}
}

func TestEveryCommandThatMovesMoneyOrCountersNeedsAKey(t *testing.T) {
	s, _ := newServer(t)
	for command, body := range map[string]string{"open": "", "close": "", "cash-in": `{"amount":1}`, "cash-out": `{"amount":1}`} {
		got := s.call("POST", tillPath+"/"+command, withKey(s.till(), ""), body)
		assert.Equal(t, problem.BadRequest.Code, got.code(), command)
		assert.Contains(t, got.text("detail"), idempotency.Header)
	}
}
