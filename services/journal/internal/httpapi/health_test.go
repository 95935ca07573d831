package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// health asks as a probe does, without any credential.
func (h *house) health() (int, httpHealth) {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", nil))
	var got httpHealth
	require.NoError(h.t, json.Unmarshal(w.Body.Bytes(), &got))
	return w.Code, got
}

type httpHealth struct {
	Status     string
	Components []struct {
		Name, Status, Hint string
		Code               int
		Facts              map[string]string
	}
}

func (g httpHealth) down() map[string]int {
	out := map[string]int{}
	for _, c := range g.Components {
		if c.Status != "up" {
			out[c.Name] = c.Code
		}
	}
	return out
}

// Each dependency is taken away in turn.
func TestHealthTellsTheTruth(t *testing.T) {
	h := newHouse(t)
	away := errors.New("secret-host:1234 refused")
	for name, c := range map[string]struct {
		take   func()
		status string
		http   int
		down   map[string]int
	}{
		"nothing":         {func() {}, "healthy", 200, map[string]int{}},
		"the database":    {func() { h.store.ping = fmt.Errorf("%w: %w", app.ErrUnavailable, away) }, "unhealthy", 503, map[string]int{"database": 411001}},
		"the sidecar":     {func() { h.sidecar = away }, "unhealthy", 503, map[string]int{"sidecar": 411002}},
		"the state store": {func() { h.hints.away = away }, "degraded", 200, map[string]int{"stateStore": 411003}},
		"the broker":      {func() { h.publisher.away = away }, "degraded", 200, map[string]int{"broker": 411004}},
		"the replica set": {func() {
			h.store.state = app.DatabaseState{Engine: "MongoDB", ReplicaSet: "rs0", Members: []string{"a", "b"}}
		}, "unhealthy", 503, map[string]int{"replicaSet": 411001}},
		"everything but": {func() { h.hints.away, h.publisher.away, h.store.ping, h.sidecar = away, away, away, away }, "unhealthy", 503,
			map[string]int{"database": 411001, "sidecar": 411002, "stateStore": 411003, "broker": 411004}},
	} {
		t.Run(name, func(t *testing.T) {
			h.store.ping, h.store.state, h.sidecar, h.hints.away, h.publisher.away = nil, app.DatabaseState{}, nil, nil, nil
			h.clock.Advance(time.Minute) // the broker is not tried every time
			c.take()
			status, got := h.health()
			assert.Equal(t, c.http, status)
			assert.Equal(t, c.status, got.Status)
			assert.Equal(t, c.down, got.down())
			for _, component := range got.Components {
				assert.Empty(t, component.Facts, "nobody is told what is not for everybody")
				assert.Equal(t, component.Status != "up", component.Hint != "")
			}
		})
	}
}

// deafen has an alert fail for good.
func (h *house) deafen() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	for _, p := range h.service.Parts() {
		if p.Name == "alerts" {
			go func() { _ = p.Run(ctx) }()
		}
	}
	sale := tilltest.New("acme", "s1", 7).Sale("1")
	h.sell(sale)
	sale.JournalText = "forged"
	h.deliver("/tranlog", cloud(h.t, sale))
	require.Eventually(h.t, func() bool {
		h.clock.Advance(10 * time.Second)
		_, got := h.health()
		return got.down()["alerts"] == 411005
	}, time.Minute, 5*time.Millisecond)
}

func TestAlertsThatReachNobodyAreToldByHealth(t *testing.T) {
	h := newHouse(t)
	h.deafen()
	status, got := h.health()
	assert.Equal(t, 200, status)
	assert.Equal(t, "degraded", got.Status)
}

func TestOperatorsSeeMoreOfHealth(t *testing.T) {
	h := newHouse(t)
	h.store.ping = errors.New("refused by db-7")
	a := h.get(h.user(auth.Platform, ""), "/health")
	require.Equal(t, 200, a.status, "an answer, whatever it says")
	assert.Equal(t, "unhealthy", a.body["status"])
	assert.Contains(t, a.raw, "db-7")
	assert.Contains(t, a.raw, `"events":"0"`)
	assert.Equal(t, 403, h.get(h.user(auth.Administrator, "acme"), "/health").status)
	status, open := h.health()
	assert.Equal(t, 503, status)
	assert.NotContains(t, fmt.Sprint(open), "db-7")
}

func TestTheBrokerIsTriedOnceInAWhile(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.health()
	}
	assert.Equal(t, 1, h.publisher.count())
	h.publisher.away = errors.New("away")
	_, got := h.health()
	assert.Empty(t, got.down(), "what was found just now holds for a while")
	h.clock.Advance(10 * time.Second)
	_, got = h.health()
	assert.Contains(t, got.down(), "broker")
}
