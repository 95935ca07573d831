package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

const (
	terminalTopic = "/api/v1/subscriptions/terminal"
	statusTopic   = "/api/v1/subscriptions/journal-status"
)

func (f *fixture) deliver(path string, events ...any) []map[string]any {
	f.t.Helper()
	var entries []string
	for i, e := range events {
		data, err := json.Marshal(e)
		require.NoError(f.t, err)
		entries = append(entries, fmt.Sprintf(`{"entryId":"%d","event":{"id":"ce-%d","specversion":"1.0","data":%s}}`, i, i, data))
	}
	a := f.send(http.MethodPost, path, sidecar, `{"entries":[`+strings.Join(entries, ",")+`]}`)
	require.Equal(f.t, http.StatusOK, a.status)
	var out []map[string]any
	for i, s := range a.body["statuses"].([]any) {
		status := s.(map[string]any)
		require.Equal(f.t, fmt.Sprint(i), status["entryId"])
		out = append(out, status)
	}
	require.Len(f.t, out, len(events))
	return out
}

func TestSnapshotsOfADeliveryAreTakenInTheOrderOfTheirVersions(t *testing.T) {
	f := newShop(t)
	answers := f.deliver(terminalTopic,
		f.terminalSnapshot(terminal, 4, event.StatusOpened, cart.Session{BusinessDate: "20260329", OpenCounter: 2}),
		f.terminalSnapshot(neighbour, 2, event.StatusClosing, session),
		f.terminalSnapshot(terminal, 3, event.StatusClosed, session),
		map[string]any{"kind": "nonsense"},
		f.terminalSnapshot(terminal, 2, event.StatusClosing, session),
		f.storeSnapshot(2, "EUR"))
	for i, want := range []string{"SUCCESS", "SUCCESS", "SUCCESS", "DROP", "SUCCESS", "SUCCESS"} {
		assert.Equal(t, want, answers[i]["status"], i)
	}
	var sealed []string
	for _, e := range f.out.sent {
		r := e.(*event.SessionReport)
		assert.True(t, r.IsSealed)
		assert.EqualValues(t, 2, r.ClosingVersion)
		sealed = append(sealed, r.Stream().ID())
	}
	assert.ElementsMatch(t, []string{terminal.ID(), neighbour.ID()}, sealed)
	made := f.ok(http.MethodPost, "/api/v1/carts", ``)
	assert.EqualValues(t, 2, made["openCounter"])
	assert.Equal(t, "EUR", made["currency"])
}

func TestASingleDeliveryIsAnsweredOnItsOwn(t *testing.T) {
	f := newFixture(t)
	data, err := json.Marshal(f.terminalSnapshot(terminal, 1, event.StatusOpened, session))
	require.NoError(t, err)
	a := f.send(http.MethodPost, terminalTopic, sidecar, `{"id":"x","data":`+string(data)+`}`)
	assert.Equal(t, "SUCCESS", a.body["status"])
	for name, body := range map[string]string{"no JSON": `{`, "no data": `{"id":"x"}`, "no snapshot": `{"id":"x","data":[1]}`} {
		a = f.send(http.MethodPost, terminalTopic, sidecar, body)
		assert.Equal(t, http.StatusOK, a.status, name)
		assert.Equal(t, "DROP", a.body["status"], name)
		assert.NotEmpty(t, a.body["message"], name)
	}
}

func TestWhatFailsForAWhileComesAgain(t *testing.T) {
	f := newShop(t)
	snapshot := f.terminalSnapshot(terminal, 2, event.StatusClosed, session)
	for name, fail := range map[string]func([]string) error{
		"store away": func([]string) error { return state.ErrUnavailable },
		"surprise":   func([]string) error { return errors.New("what?") },
		"panic":      func([]string) error { panic("what?") },
	} {
		f.store.BeforeGet = fail
		assert.Equal(t, "RETRY", f.deliver(terminalTopic, snapshot)[0]["status"], name)
		assert.Equal(t, "RETRY", f.deliver(statusTopic, f.status(1))[0]["status"], name)
	}
	f.store.BeforeGet = nil
	assert.Equal(t, "SUCCESS", f.deliver(terminalTopic, snapshot)[0]["status"])
}

func (f *fixture) status(through uint64, failed ...event.FailedEvent) *event.JournalStatus {
	return &event.JournalStatus{
		Envelope: event.Envelope{
			EventID: outbox.NewID(), SchemaVersion: 1, TenantID: "acme", StoreCode: "s1", TerminalNo: 1,
			Producer: event.ProducerCart, OccurredAt: evening},
		ReceivedThrough: through, Failed: failed,
	}
}

func TestTheJournalsWordMovesTheOutbox(t *testing.T) {
	f := newShop(t)
	f.ok(http.MethodPost, f.paid()+"/bill", ``)
	bad := f.status(1)
	bad.EventID = "x"
	foreign := f.status(6)
	foreign.Producer = event.ProducerTerminal
	answers := f.deliver(statusTopic, f.status(3), bad, foreign, f.status(4, event.FailedEvent{EventID: "e", Sequence: 5, Reason: "no such staff"}))
	for i, want := range []string{"SUCCESS", "DROP", "SUCCESS", "SUCCESS"} {
		assert.Equal(t, want, answers[i]["status"], i)
	}
	admin := f.user("administrator", "acme")
	all := f.send(http.MethodGet, "/api/v1/tenants/acme/deliveries", admin, ``)
	summary := all.body["items"].([]any)[0].(map[string]any)
	assert.EqualValues(t, 4, summary["receivedThrough"])
	assert.EqualValues(t, 1, summary["parked"])
	parked := f.ok(http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries?status=parked", ``)
	assert.EqualValues(t, 1, parked["total"])
	one := parked["items"].([]any)[0].(map[string]any)
	assert.EqualValues(t, 5, one["sequence"])
	assert.Equal(t, "no such staff", one["reason"])

	for body, want := range map[string]int{
		`{"fromSequence":1}`: http.StatusAccepted, `{"since":"2026-03-29T00:00:00Z","terminalId":"acme-s1-1"}`: http.StatusAccepted,
		`{}`: http.StatusUnprocessableEntity, `{"fromSequence":1,"since":"2026-03-29T00:00:00Z"}`: http.StatusUnprocessableEntity,
		`{"fromSequence":1,"terminalId":"acme-s1-9"}`: http.StatusNotFound,
	} {
		a := f.send(http.MethodPost, "/api/v1/tenants/acme/redeliver", admin, body)
		assert.Equal(t, want, a.status, a.raw)
		if want == http.StatusAccepted {
			assert.Equal(t, []any{map[string]any{"streamId": "acme-s1-1", "fromSequence": 1.0}}, a.body["streams"])
		}
	}
	all = f.send(http.MethodGet, "/api/v1/tenants/acme/deliveries", admin, ``)
	assert.EqualValues(t, 0, all.body["items"].([]any)[0].(map[string]any)["receivedThrough"])
}

func TestATerminalWithoutSalesHasNoDeliveries(t *testing.T) {
	f := newShop(t)
	a := f.ok(http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries", ``)
	assert.EqualValues(t, 0, a["total"])
	assert.Empty(t, a["items"])
	f.paid()
	first := f.ok(http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries?limit=2", ``)
	assert.EqualValues(t, 4, first["total"])
	assert.EqualValues(t, 3, first["next"])
	rest := f.ok(http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries?limit=2&from=3", ``)
	assert.Len(t, rest["items"], 2)
	assert.NotContains(t, rest, "next")
}
