// Package client is how tillctl speaks with the services: where they are, with whose credential, and
// what they answer. It imports no service; the routes and fields here are what it relies on.
//
// Types carry only the fields that tillctl uses. What a service adds is ignored.
package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
)

const (
	// answerWithin is longer than any request of a service may take: closing a terminal waits 3 s for
	// the cart service, a search over years some more.
	answerWithin = 60 * time.Second
	// patience is how long a service may go on asking to try again later, as the cart does with a
	// terminal that it has not heard of yet.
	patience = 30 * time.Second
	// largestAnswer that is read; a page of journals is far below.
	largestAnswer = 64 << 20
)

// Credential proves who is asking.
type Credential struct{ header, value string }

// Bearer is a user's or terminal's token.
func Bearer(token string) Credential { return Credential{"Authorization", "Bearer " + token} }

// APIKey is a terminal's key.
func APIKey(key string) Credential { return Credential{"X-API-Key", key} }

// Service is one service, asked with one credential.
type Service struct {
	name       string
	base       string
	credential Credential
	http       *http.Client
	clock      clockwork.Clock
}

// New talks to the service of that name at base.
func New(name, base string, credential Credential, clock clockwork.Clock) *Service {
	return &Service{name, strings.TrimRight(base, "/"), credential, &http.Client{Timeout: answerWithin, CheckRedirect: stay}, clock}
}

// stay follows no redirect: no service sends one, and a credential goes nowhere but where it was meant to.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// As is the same service with another credential.
func (s *Service) As(credential Credential) *Service {
	other := *s
	other.credential = credential
	return &other
}

// patient is the same service, waited for however long it works.
func (s *Service) patient() *Service {
	other := *s
	patient := *s.http
	patient.Timeout = 0
	other.http = &patient
	return &other
}

// Base is where the service is.
func (s *Service) Base() string { return s.base }

// call is one request.
type call struct {
	method, path string
	query        url.Values
	body         any     // nil: none
	key          string  // Idempotency-Key; "": none
	newToken     *string // set to the token that a till gets with the answer, if there is one
}

// get asks for something and reads it into out.
func (s *Service) get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := s.do(ctx, call{method: http.MethodGet, path: path, query: query}, out)
	return err
}

// do asks until the service does not put us off any more, and reads the answer into out unless that
// is nil. It gives the HTTP status. It fails with *Problem, *Unreachable or an error of ctx.
func (s *Service) do(ctx context.Context, c call, out any) (status int, err error) {
	for start := s.clock.Now(); ; {
		status, err = s.once(ctx, c, out)
		var p *Problem
		if !errors.As(err, &p) || p.RetryAfter == 0 || s.clock.Since(start)+p.RetryAfter > patience {
			return status, err
		}
		select {
		case <-ctx.Done():
			return status, ctx.Err()
		case <-s.clock.After(p.RetryAfter):
		}
	}
}

func (s *Service) once(ctx context.Context, c call, out any) (status int, err error) {
	if s.base == "" {
		return 0, &Unknown{s.name}
	}
	req, err := s.request(ctx, c)
	if err != nil {
		return 0, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, &Unreachable{s.name, s.base, err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if err != nil {
		return 0, &Unreachable{s.name, s.base, err}
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, newProblem(s, resp, raw)
	}
	if token := resp.Header.Get("X-New-Token"); token != "" && c.newToken != nil {
		*c.newToken = token
	}
	if out == nil || len(bytes.TrimSpace(raw)) == 0 {
		return resp.StatusCode, nil
	}
	if text, ok := out.(*[]byte); ok { // lines, and not one JSON value
		*text = raw
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return resp.StatusCode, fmt.Errorf("the %s service at %s answered %s with something that this tillctl cannot read: %w (are both of the same version?)",
			s.name, s.base, c.path, err)
	}
	return resp.StatusCode, nil
}

func (s *Service) request(ctx context.Context, c call) (*http.Request, error) {
	address := s.base + c.path
	if len(c.query) > 0 {
		address += "?" + c.query.Encode()
	}
	var body io.Reader
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tillctl")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	if s.credential.header != "" {
		req.Header.Set(s.credential.header, s.credential.value)
	}
	return req, nil
}

// path joins segments, each escaped, behind the prefix that all services have.
func path(segments ...string) string {
	var p strings.Builder
	p.WriteString("/api/v1")
	for _, segment := range segments {
		p.WriteString("/" + url.PathEscape(segment))
	}
	return p.String()
}

// Unknown is a service of which nobody has said where it is.
type Unknown struct{ Name string }

func (u *Unknown) Error() string {
	return fmt.Sprintf("nobody has said where the %s service is\n  → say it with --%[1]s-url, or give it to the profile", u.Name)
}

// Unreachable is a service that did not answer.
type Unreachable struct {
	Name, Base string
	cause      error
}

func (u *Unreachable) Error() string {
	advice := "see its log, or try again"
	var untrusted x509.UnknownAuthorityError
	var misnamed *net.DNSError
	switch {
	case errors.Is(u.cause, syscall.ECONNREFUSED):
		advice = fmt.Sprintf("start the stack with `make up`, or say where it is with --%s-url, --port-offset or --profile", u.Name)
	case errors.As(u.cause, &untrusted):
		advice = "if you trust who signed its certificate, name that certificate with --ca"
	case errors.As(u.cause, &misnamed):
		advice = fmt.Sprintf("is the name right? It comes from --%s-url, the environment or a profile (`tillctl profile show`)", u.Name)
	}
	return fmt.Sprintf("the %s service does not answer at %s\n  %v\n  → %s", u.Name, u.Base, u.root(), advice)
}

func (u *Unreachable) Unwrap() error { return u.cause }

// root leaves out the address, which the message has already.
func (u *Unreachable) root() error {
	var wrapped *url.Error
	if errors.As(u.cause, &wrapped) {
		return wrapped.Err
	}
	return u.cause
}

// retryAfter reads the header in seconds; services send no dates.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
