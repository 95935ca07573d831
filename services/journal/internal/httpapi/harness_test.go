package httpapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

const appToken = "the token of the sidecar"

// house is the whole service behind its real engine.
type house struct {
	t       testing.TB
	engine  *gin.Engine
	api     *httpapi.API
	service *app.App

	clock     *clockwork.FakeClock
	hints     *hints
	publisher *silent
	sidecar   error
	store     *store
	segments  *segments
	users     jose.JSONWebKey
	tills     jose.JSONWebKey
	unknown   jose.JSONWebKey
}

// store is a database that a test can take away.
type store struct {
	app.Store
	commit error
	access error
	ping   error
	state  app.DatabaseState
	entry  error
	signed []proof.Checkpoint // beside those that are stored
	lose   uint64             // index of an event that is gone; 0: none
}

func (s *store) Logged(ctx context.Context, tenant string, begin, end uint64, visit func(uint64, *journal.Stored) error) error {
	return s.Store.Logged(ctx, tenant, begin, end, func(index uint64, stored *journal.Stored) error {
		if s.lose > 0 && index == s.lose {
			return nil
		}
		return visit(index, stored)
	})
}

func (s *store) Checkpoints(ctx context.Context, tenant string, q app.CheckpointQuery) ([]proof.Checkpoint, error) {
	if s.signed != nil {
		return s.signed, nil
	}
	return s.Store.Checkpoints(ctx, tenant, q)
}

func (s *store) Commit(ctx context.Context, tenant string, records []*journal.Record) ([]app.Outcome, error) {
	if s.commit != nil {
		return nil, s.commit
	}
	return s.Store.Commit(ctx, tenant, records)
}

func (s *store) RecordAccess(ctx context.Context, tenant string, a *journal.Access) error {
	if s.access != nil {
		return s.access
	}
	return s.Store.RecordAccess(ctx, tenant, a)
}

func (s *store) Entry(ctx context.Context, tenant, id string) (*journal.Listed, error) {
	if s.entry != nil {
		return nil, s.entry
	}
	return s.Store.Entry(ctx, tenant, id)
}

func (s *store) Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	if q.StaffID == "everybody" {
		return journal.Page{}, app.ErrTooWide
	}
	return s.Store.Search(ctx, tenant, q)
}

func (s *store) Ping(ctx context.Context) error {
	if s.ping != nil {
		return s.ping
	}
	return s.Store.Ping(ctx)
}

func (s *store) Describe(ctx context.Context) (app.DatabaseState, error) {
	if s.state.Engine != "" {
		return s.state, nil
	}
	return s.Store.Describe(ctx)
}

// silent is a broker that takes everything and tells nobody, or is away.
type silent struct {
	away error
	n    atomic.Int64
}

func (p *silent) Publish(_ context.Context, _ string, m []outbox.Message) (int, error) {
	p.n.Add(1)
	if p.away != nil {
		return 0, p.away
	}
	return len(m), nil
}

func (p *silent) count() int { return int(p.n.Load()) }

// hints are a state store that can be away.
type hints struct {
	app.Hints
	away error
}

func (h *hints) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if h.away != nil {
		return nil, h.away
	}
	return h.Hints.Get(ctx, keys...)
}

// deaf is a chat that takes no alerts.
type deaf struct{}

func (deaf) Send(context.Context, *app.Alert) error { return errors.New("no_service") }

// segments is an archive that can be away.
type segments struct {
	archive.Memory
	put func() error // instead of it, unless nil
}

func (s *segments) Put(ctx context.Context, name string, r io.Reader) error {
	if s.put != nil {
		return s.put()
	}
	return s.Memory.Put(ctx, name, r)
}

func newHouse(t testing.TB) *house { return newHouseThat(t, true) }

// newHouseThat archives by itself, or leaves it to another program.
func newHouseThat(t testing.TB, archives bool) *house {
	t.Helper()
	clock := clockwork.NewFakeClockAt(time.Now())
	db, err := sqlitestore.Open(t.Context(), t.TempDir(), clock)
	require.NoError(t, err)
	h := &house{t: t, store: &store{Store: db}, clock: clock, hints: &hints{Hints: memstate.New(time.Now)}, publisher: &silent{}}
	for _, key := range []*jose.JSONWebKey{&h.users, &h.tills, &h.unknown} {
		*key, err = auth.NewSigningKey(rand.Reader)
		require.NoError(t, err)
	}
	verifier := auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) {
		set, ok := map[string]jose.JSONWebKeySet{auth.UserIssuer: auth.PublicSet(h.users), auth.TerminalIssuer: auth.PublicSet(h.tills)}[issuer]
		return set, ok
	}, time.Now)
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, public, err := proof.NewSigner(private)
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	h.engine = web.New("journal", zap.NewNop(), registry)
	archiver := sqlitestore.NewArchiver(db)
	h.segments = &segments{}
	archiving, err := app.NewArchiving(app.ArchivingConfig{
		Archiver: archiver, Blobs: h.segments, PublicKey: public, Clock: clock, NewID: outbox.NewID, Log: zap.NewNop(), Metrics: registry,
	})
	require.NoError(t, err)
	if !archives {
		archiving = nil
	}
	service := app.New(app.Config{
		Store: h.store, Hints: h.hints, Publisher: h.publisher, Clock: clock, Alerts: deaf{}, Sidecar: func(context.Context) error { return h.sidecar }, NewID: outbox.NewID,
		Log: zap.NewNop(), Metrics: registry, Tracer: noop.NewTracerProvider().Tracer(""),
		Signer: signer, PublicKey: public, Blobs: h.segments, Archiving: archiving,
	})
	h.service = service
	h.api = &httpapi.API{App: service, Gate: auth.NewGate(verifier, service.Terminals.CheckKey), AppToken: appToken, Log: zap.NewNop()}
	h.api.Mount(h.engine)
	t.Cleanup(func() {
		require.NoError(t, service.Drain())
		require.NoError(t, archiver.Close())
		require.NoError(t, db.Close())
	})
	for _, tenant := range []string{"acme", "bolt"} {
		_, err := h.store.Provision(t.Context(), tenant)
		require.NoError(t, err)
	}
	return h
}

// credential puts proof of a caller on a request.
type credential func(r *http.Request)

func nobody(*http.Request) {}

func bearer(token string) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func (h *house) token(issuer string, key jose.JSONWebKey, p auth.Principal, life time.Duration) credential {
	i, err := auth.NewIssuer(issuer, key, time.Now)
	require.NoError(h.t, err)
	token, err := i.Issue(p, life)
	require.NoError(h.t, err)
	return bearer(token)
}

func (h *house) user(role auth.Role, tenant string) credential {
	return h.token(auth.UserIssuer, h.users, auth.Principal{Subject: "ann", Role: role, TenantID: tenant}, time.Minute)
}

func (h *house) till(tenant, store string, no int) credential {
	return h.token(auth.TerminalIssuer, h.tills, auth.Principal{Subject: "till", Role: auth.TerminalRole, TenantID: tenant,
		Terminal: &auth.TerminalClaims{StoreCode: store, TerminalNo: no}}, time.Minute)
}

func apiKey(key string) credential {
	return func(r *http.Request) { r.Header.Set("X-API-Key", key) }
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (h *house) do(who credential, method, path, body string) answer {
	h.t.Helper()
	r := httptest.NewRequest(method, httpapi.Prefix+path, strings.NewReader(body))
	who(r)
	w := httptest.NewRecorder()
	h.engine.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.body)
	documented.Exchanged(h.t, h.api.Endpoints, r, body, a.status, a.header, []byte(a.raw))
	return a
}

func (h *house) get(who credential, path string) answer {
	h.t.Helper()
	return h.do(who, http.MethodGet, path, "")
}

// deliver posts as the sidecar does.
func (h *house) deliver(path string, body any) answer {
	h.t.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(h.t, err)
	}
	return h.do(func(r *http.Request) { r.Header.Set("Dapr-Api-Token", appToken) }, http.MethodPost, path, string(raw))
}

// cloud wraps an event as the sidecar does.
func cloud(t testing.TB, e event.Event) map[string]any {
	return map[string]any{
		"id": e.Head().EventID, "source": "tillroll/cart", "specversion": "1.0", "type": "x", "topic": e.Topic(),
		"data": json.RawMessage(tilltest.Data(t, e)), "datacontenttype": "application/json", "generation": 0,
	}
}

func bulk(events ...map[string]any) map[string]any {
	entries := []any{}
	for i, e := range events {
		entries = append(entries, map[string]any{"entryId": string(rune('a' + i)), "event": e})
	}
	return map[string]any{"id": "bulk", "entries": entries}
}

// sell stores events by the front door.
func (h *house) sell(events ...event.Event) {
	h.t.Helper()
	paths := map[string]string{}
	for _, s := range httpapi.Subscriptions {
		paths[s.Topic] = s.Path
	}
	for _, e := range events {
		a := h.deliver(paths[e.Topic()], cloud(h.t, e))
		require.Equal(h.t, "SUCCESS", a.body["status"], a.raw)
	}
}

func items(a answer) []map[string]any {
	var out []map[string]any
	list, _ := a.body["items"].([]any)
	for _, item := range list {
		out = append(out, item.(map[string]any))
	}
	return out
}

func indent(t *testing.T, raw string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, []byte(raw), "", "  "))
	return b.String()
}
