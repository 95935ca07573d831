package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/catalogfile"
	"github.com/tillroll/tillroll/services/cart/internal/httpapi"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

const appToken = "the-sidecar's-token"

var (
	terminal = identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	session  = cart.Session{BusinessDate: "20260329", OpenCounter: 1}
	evening  = time.Date(2026, 3, 29, 9, 8, 0, 0, time.UTC)
)

type sender struct {
	mu   sync.Mutex
	sent []event.Event
}

func (s *sender) Send(_ context.Context, e event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, e)
	return nil
}

// fixture is the whole service behind its HTTP side, on a store in memory.
type fixture struct {
	t      *testing.T
	store  *memstate.Store
	api    *httpapi.API
	app    *app.App
	engine *gin.Engine
	out    *sender
	clock  *clockwork.FakeClock
	users  *auth.Issuer
	tills  *auth.Issuer
	keys   map[string]string // API key by terminal_id
	// signing are the private keys of users and tills.
	signing struct{ users, tills jose.JSONWebKey }
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: clockwork.NewFakeClockAt(evening), out: &sender{}, keys: map[string]string{}}
	userKey, tillKey := signingKey(t), signingKey(t)
	f.signing.users, f.signing.tills = userKey, tillKey
	f.users, f.tills = issuer(t, auth.UserIssuer, userKey), issuer(t, auth.TerminalIssuer, tillKey)
	verifier := auth.NewVerifier(func(name string) (jose.JSONWebKeySet, bool) {
		set, ok := map[string]jose.JSONWebKeySet{auth.UserIssuer: auth.PublicSet(userKey), auth.TerminalIssuer: auth.PublicSet(tillKey)}[name]
		return set, ok
	}, func() time.Time { return evening })
	catalogue, err := catalogfile.Load("")
	require.NoError(t, err)
	f.store = memstate.New(f.clock.Now)
	f.app = app.New(app.Ports{
		Box: outbox.New(f.store, event.ProducerCart, f.clock, outbox.NewID), Store: f.store, Catalogue: catalogue, Sender: f.out,
		Clock: f.clock, NewID: outbox.NewID, Receipts: register.Range{First: 1, Last: 999_999}, Log: zap.NewNop(),
		Tracer: noop.NewTracerProvider().Tracer(""),
	})
	f.api = httpapi.New(f.app, verifier, appToken, zap.NewNop())
	f.engine = web.New("cart", zap.NewNop(), prometheus.NewRegistry())
	f.api.Mount(f.engine)
	return f
}

// newShop has two open terminals with staff at them in a store that sells in yen.
func newShop(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.follow(f.storeSnapshot(1, "JPY"), f.terminalSnapshot(terminal, 1, event.StatusOpened, session),
		f.terminalSnapshot(neighbour, 1, event.StatusOpened, session))
	return f
}

// neighbour is the terminal beside; stranger is one of another tenant.
var (
	neighbour = identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 2}
	stranger  = identity.Terminal{TenantID: "other", StoreCode: "s1", TerminalNo: 1}
)

func signingKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	k, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	return k
}

func issuer(t *testing.T, name string, key jose.JSONWebKey) *auth.Issuer {
	t.Helper()
	i, err := auth.NewIssuer(name, key, func() time.Time { return evening })
	require.NoError(t, err)
	return i
}

func (f *fixture) follow(snapshots ...*event.Snapshot) {
	f.t.Helper()
	for _, s := range snapshots {
		require.NoError(f.t, f.app.Follow(f.t.Context(), s))
	}
}

func envelopeOf(s identity.Stream) event.Envelope {
	return event.Envelope{
		EventID: outbox.NewID(), SchemaVersion: 1, TenantID: s.TenantID, StoreCode: s.StoreCode, TerminalNo: s.TerminalNo,
		Producer: event.ProducerTerminal, OccurredAt: evening,
	}
}

func (f *fixture) storeSnapshot(version uint64, currency money.Currency) *event.Snapshot {
	return &event.Snapshot{Envelope: envelopeOf(identity.TenantStream("acme")), Kind: event.KindStore, Version: version, Store: &event.StoreState{
		StoreCode: "s1", StoreName: "テスト店舗", TimeZone: "Asia/Tokyo", Language: "ja", Currency: currency, IsActive: true}}
}

// terminalSnapshot makes the terminal's API key with its first snapshot.
func (f *fixture) terminalSnapshot(t identity.Terminal, version uint64, status string, s cart.Session) *event.Snapshot {
	if f.keys[t.ID()] == "" {
		key, _, err := auth.NewAPIKey(rand.Reader, t.ID())
		require.NoError(f.t, err)
		f.keys[t.ID()] = key
	}
	return &event.Snapshot{Envelope: envelopeOf(identity.TerminalStream(t)), Kind: event.KindTerminal, Version: version, Terminal: &event.TerminalState{
		TerminalID: t.ID(), Status: status, BusinessDate: s.BusinessDate, OpenCounter: s.OpenCounter, BusinessCounter: 7,
		Staff: &event.Person{ID: "S001", Name: "Ann"}, APIKeySHA256: auth.Fingerprint(f.keys[t.ID()]), IsActive: true,
	}}
}

// credential is what a request is sent with.
type credential func(r *http.Request)

func none(*http.Request) {}

func bearer(token string) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func apiKey(key string) credential { return func(r *http.Request) { r.Header.Set("X-API-Key", key) } }

func (f *fixture) user(role auth.Role, tenant string) credential {
	token, err := f.users.Issue(auth.Principal{Subject: "ann", Role: role, TenantID: tenant}, time.Hour)
	require.NoError(f.t, err)
	return bearer(token)
}

func (f *fixture) tokenOf(t identity.Terminal, version uint64, status string) credential {
	token, err := f.tills.Issue(auth.Principal{
		Subject: "terminal:" + t.ID(), Role: auth.TerminalRole, TenantID: t.TenantID, Terminal: &auth.TerminalClaims{
			StoreCode: t.StoreCode, TerminalNo: t.TerminalNo, Version: version, Status: status,
			BusinessDate: session.BusinessDate, OpenCounter: session.OpenCounter, StaffID: "S001"},
	}, time.Hour)
	require.NoError(f.t, err)
	return bearer(token)
}

// key of the terminal under test.
func (f *fixture) key() credential { return apiKey(f.keys[terminal.ID()]) }

type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a answer) code() int {
	n, _ := a.body["code"].(float64)
	return int(n)
}

func (f *fixture) send(method, path string, who credential, body string, headers ...string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	who(r)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	require.NoError(f.t, err)
	a := answer{status: w.Code, header: w.Header(), raw: string(raw)}
	documented.Exchanged(f.t, f.api.Endpoints, r, body, a.status, a.header, []byte(a.raw))
	if len(raw) > 0 {
		require.NoError(f.t, json.Unmarshal(raw, &a.body), a.raw)
	}
	return a
}

// ok sends a request of the terminal that must succeed.
func (f *fixture) ok(method, path, body string) map[string]any {
	f.t.Helper()
	a := f.send(method, path, f.key(), body)
	require.Less(f.t, a.status, 300, a.raw)
	return a.body
}

// cart makes a cart and gives its path.
func (f *fixture) cart() string {
	f.t.Helper()
	return "/api/v1/carts/" + f.ok(http.MethodPost, "/api/v1/carts", `{}`)["cartId"].(string)
}

// paid is a cart that only has to be billed.
func (f *fixture) paid() string {
	f.t.Helper()
	c := f.cart()
	f.ok(http.MethodPost, c+"/lineItems", `[{"itemCode":"1001","quantity":1}]`)
	f.ok(http.MethodPost, c+"/subtotal", ``)
	f.ok(http.MethodPost, c+"/payments", `[{"paymentCode":"01","amount":200}]`)
	return c
}
