package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
)

// serve starts a service that answers as handler does.
func serve(t *testing.T, handler http.HandlerFunc) *Service {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return New(JournalService, server.URL+"/", Bearer("secret"), clockwork.NewRealClock())
}

func TestARequestCarriesCredentialBodyAndKey(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		assert.Equal(t, "k1", r.Header.Get("Idempotency-Key"))
		assert.Equal(t, "/api/v1/tenants/a%2Fb", r.URL.EscapedPath())
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(t, `{"a":1}`, string(body))
		_, _ = w.Write([]byte(`{"b":2}`))
	})
	var out struct{ B int }
	_, err := s.do(context.Background(), call{method: http.MethodPost, path: path("tenants", "a/b"), body: map[string]int{"a": 1}, key: "k1"}, &out)
	require.NoError(t, err)
	assert.Equal(t, 2, out.B)
}

func TestAnotherCredentialLeavesTheFirstAlone(t *testing.T) {
	var seen []string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Header.Get("X-API-Key")) })
	require.NoError(t, s.As(APIKey("a-b-1.key")).get(context.Background(), "/", nil, nil))
	require.NoError(t, s.get(context.Background(), "/", nil, nil))
	assert.Equal(t, []string{"a-b-1.key", ""}, seen)
}

func TestAProblemIsToldInFull(t *testing.T) {
	kind := problem.Invalid.New("limit: must be at most 100").WithFields(
		problem.Field{Name: "limit", Rule: "max", Message: "must be at most 100"},
		problem.Field{Name: "sort", Rule: "oneof", Message: "must be one of: amount"})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", problem.MediaType)
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write(kind.Document("abc"))
	})
	err := s.get(context.Background(), "/", nil, nil)
	assert.EqualError(t, err, "journal: The request breaks a rule (300001)\n"+
		"  limit: must be at most 100\n"+
		"    sort: must be one of: amount\n"+
		"  → Mend the fields named in errors and send it again.")
	var p *Problem
	require.ErrorAs(t, err, &p)
	assert.True(t, p.IsKind(problem.Invalid))
	assert.False(t, p.IsKind(problem.NotFound))
}

func TestATraceIsToldWhereOnlyTheOperatorCanHelp(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", problem.MediaType+"; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(problem.Unexpected.New("").Document("4bf92f"))
	})
	assert.ErrorContains(t, s.get(context.Background(), "/", nil, nil), "traceId 4bf92f")
}

func TestAnAnswerOfSomethingElseIsNotTakenForAService(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>Bad Gateway\nlong page"))
	})
	err := s.get(context.Background(), "/", nil, nil)
	assert.ErrorContains(t, err, "502 Bad Gateway")
	assert.ErrorContains(t, err, "check the address")
	assert.NotContains(t, err.Error(), "long page")

	s = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Hello")) })
	var out struct{}
	assert.ErrorContains(t, s.get(context.Background(), "/", nil, &out), "same version")
}

func TestAServiceThatIsNotThereSaysHowToStartIt(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	err := New(CartService, server.URL, Credential{}, clockwork.NewRealClock()).get(context.Background(), "/", nil, nil)
	assert.ErrorContains(t, err, "the cart service does not answer at "+server.URL)
	assert.ErrorContains(t, err, "make up")
	assert.ErrorContains(t, err, "--cart-url")
}

// unavailable is a service that asks to try again so many times.
func unavailable(t *testing.T, clock clockwork.Clock, times int) (*Service, *int) {
	t.Helper()
	asked := 0
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked <= times {
			w.Header().Set("Content-Type", problem.MediaType)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write(problem.Unavailable.New("no copy of the terminal yet").Document(""))
		}
	})
	s.clock = clock
	return s, &asked
}

func TestWhoAsksToTryAgainIsAskedAgain(t *testing.T) {
	clock := clockwork.NewFakeClock()
	s, asked := unavailable(t, clock, 3)
	go func() {
		for range 3 {
			_ = clock.BlockUntilContext(context.Background(), 1)
			clock.Advance(time.Second)
		}
	}()
	require.NoError(t, s.get(context.Background(), "/", nil, nil))
	assert.Equal(t, 4, *asked)
}

func TestPatienceEnds(t *testing.T) {
	clock := clockwork.NewFakeClock()
	s, _ := unavailable(t, clock, 1000)
	go func() {
		for range int(patience / time.Second) {
			_ = clock.BlockUntilContext(context.Background(), 1)
			clock.Advance(time.Second)
		}
	}()
	assert.ErrorContains(t, s.get(context.Background(), "/", nil, nil), "no copy of the terminal yet")
}

func TestAnInterruptEndsTheWaiting(t *testing.T) {
	clock := clockwork.NewFakeClock()
	s, _ := unavailable(t, clock, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_ = clock.BlockUntilContext(ctx, 1)
		cancel()
	}()
	assert.ErrorIs(t, s.get(ctx, "/", nil, nil), context.Canceled)
}

func TestAnAnswerIsPrintedAsItCame(t *testing.T) {
	var list List[struct{ A int }]
	const raw = `{"items":[{"a":1,"new":10.90}],"total":1,"skip":0,"limit":100}`
	require.NoError(t, json.Unmarshal([]byte(raw), &list))
	assert.Equal(t, 1, list.Values()[0].A)
	again, err := json.Marshal(list)
	require.NoError(t, err)
	assert.Equal(t, raw, string(again))
}

func TestWhereTheServicesAre(t *testing.T) {
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "run.json"), []byte(`{"version":1,"processes":[
		{"name":"cart","kind":"app","app":"cart","url":"http://127.0.0.1:8103"},
		{"name":"cart.daprd","kind":"sidecar","app":"cart","url":"http://127.0.0.1:3603"},
		{"name":"broker","kind":"broker","url":"nats://127.0.0.1:4222"}]}`), 0o600))
	offset := 200
	for name, test := range map[string]struct {
		where Where
		want  Endpoints
	}{
		"the usual ports": {
			Where{Data: t.TempDir()},
			Endpoints{TerminalService: "http://127.0.0.1:8001", CartService: "http://127.0.0.1:8003", JournalService: "http://127.0.0.1:8005"}},
		"what the runner wrote down": {
			Where{Data: data},
			Endpoints{TerminalService: "http://127.0.0.1:8001", CartService: "http://127.0.0.1:8103", JournalService: "http://127.0.0.1:8005"}},
		"an offset before what the runner wrote down": {
			Where{Data: data, PortOffset: &offset},
			Endpoints{TerminalService: "http://127.0.0.1:8201", CartService: "http://127.0.0.1:8203", JournalService: "http://127.0.0.1:8205"}},
		"an address before everything": {
			Where{Data: data, Given: map[string]string{CartService: "https://pos.example/v1.0/invoke/cart/method/", JournalService: ""}},
			Endpoints{TerminalService: "http://127.0.0.1:8001", CartService: "https://pos.example/v1.0/invoke/cart/method", JournalService: "http://127.0.0.1:8005"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.where.Endpoints()
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestAnAddressThatCannotBeUsedIsRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1:8003", "ftp://x", "http://", "http://x?a=b", ":"} {
		_, err := Where{Given: map[string]string{CartService: address}}.Endpoints()
		assert.ErrorContains(t, err, "cart", address)
	}
}

func TestARunFileThatCannotBeUsedNamesTheWayOut(t *testing.T) {
	for _, content := range []string{"{", `{"version":2}`} {
		data := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(data, "run.json"), []byte(content), 0o600))
		_, err := Where{Data: data}.Endpoints()
		assert.ErrorContains(t, err, "--port-offset")
	}
}

func TestLongForeignAnswersAreCutBetweenCharacters(t *testing.T) {
	assert.Equal(t, 199, len(firstLine("x"+strings.Repeat("漢", 100))))
}
