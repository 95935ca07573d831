package command_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeliveriesShowEveryStreamOfBothServices(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/deliveries": `{"items":[{"streamId":"acme-main-1","lastSequence":12,
		"publishedThrough":11,"receivedThrough":9,"unconfirmed":3,"parked":1}],"total":1}`}, "deliveries", "--tenant", "acme"), &w.err)
	assert.Equal(t, ""+
		"STREAM       SERVICE   MADE  PUBLISHED  RECEIVED  UNCONFIRMED  PARKED\n"+
		"acme-main-1  cart        12         11         9            3       1\n"+
		"acme-main-1  terminal    12         11         9            3       1\n", w.out.String())
}

func TestDeliveriesOfATerminalAreListedOneByOne(t *testing.T) {
	w := newWorld(t)
	var asked url.Values
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/terminals/acme-main-1/deliveries": func(rw http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		_, _ = io.WriteString(rw, `{"items":[{"sequence":3,"eventId":"e3","topic":"topic-tranlog","status":"parked","reason":"poison",
			"recordedAt":"2026-04-01T09:00:00+09:00"}],"total":1}`)
	}}, "deliveries", "--tenant", "acme", "--terminal", "acme-main-1", "--service", "cart", "--status", "parked", "--from", "2"), &w.err)
	assert.Equal(t, url.Values{"status": {"parked"}, "from": {"2"}, "limit": {"50"}}, asked)
	assert.Equal(t, ""+
		"SERVICE  SEQUENCE  STATUS  RECORDED              TOPIC          EVENT ID  REASON\n"+
		"cart            3  parked  2026-04-01 00:00:00Z  topic-tranlog  e3        poison\n", w.out.String())
}

func TestRedeliverSaysFromWhere(t *testing.T) {
	w := newWorld(t)
	var asked []map[string]any
	handler := func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, body(t, r))
		_, _ = io.WriteString(rw, `{"streams":[{"streamId":"acme-main-1","fromSequence":5}]}`)
	}
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/redeliver": handler},
		"redeliver", "--tenant", "acme", "--since", "2026-04-01T00:00:00Z"), &w.err)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/redeliver": handler},
		"redeliver", "--tenant", "acme", "--from-sequence", "5", "--terminal", "acme-main-1", "--service", "terminal"), &w.err)
	assert.Equal(t, []map[string]any{
		{"since": "2026-04-01T00:00:00Z"}, {"since": "2026-04-01T00:00:00Z"},
		{"fromSequence": 5.0, "terminalId": "acme-main-1"},
	}, asked)
	assert.Contains(t, w.out.String(), "acme-main-1  terminal              5\n")
}

func TestDeliveriesAndRedeliverRefuseHalfARequest(t *testing.T) {
	for _, args := range [][]string{
		{"redeliver", "--tenant", "a"},
		{"redeliver", "--tenant", "a", "--from-sequence", "1", "--since", "2026-04-01T00:00:00Z"},
		{"redeliver", "--tenant", "a", "--since", "yesterday"},
		{"deliveries", "--tenant", "a", "--status", "parked"},
		{"deliveries", "--tenant", "a", "--terminal", "a-b-1", "--status", "lost"},
		{"deliveries", "--tenant", "a", "--limit", "0"},
	} {
		assert.Equal(t, 2, newWorld(t).run(args...), args)
	}
}
