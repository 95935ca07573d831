package probe_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/dapr/runner/internal/probe"
)

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1.0/healthz":
			w.WriteHeader(http.StatusNoContent)
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{
		"/":             "",
		"/v1.0/healthz": "",
		"/readyz":       "answers 503 Service Unavailable",
	} {
		expect(t, probe.Ask(context.Background(), server.URL+path), want)
	}
}

func TestNothingListens(t *testing.T) {
	free := listener(t, "")
	free.Close()
	for _, scheme := range []string{"http", "nats"} {
		expect(t, probe.Ask(context.Background(), scheme+"://"+free.Addr().String()), "does not answer: ")
	}
}

func TestNATS(t *testing.T) {
	for greeting, want := range map[string]string{
		"INFO {\"server_id\":\"x\"}\r\n": "",
		"SSH-2.0-OpenSSH_9.2\r\n":        "is not a NATS server",
	} {
		expect(t, probe.Ask(context.Background(), "nats://"+listener(t, greeting).Addr().String()), want)
	}
}

func expect(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want ready", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// listener greets everyone who connects.
func listener(t *testing.T, greeting string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(greeting))
			c.Close()
		}
	}()
	return l
}
