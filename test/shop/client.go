// Package shop plays the people of a shop for black-box tests: an operator who makes the tenant, an
// administrator, and tills that sell without ever losing patience: whatever breaks in between, a
// till repeats its request with the same Idempotency-Key until it is answered, as a real one does.
package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Problem is a problem+json answer.
type Problem struct {
	Status int    `json:"status"`
	Code   int    `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	Errors []struct {
		Name    string `json:"name"`
		Rule    string `json:"rule"`
		Message string `json:"message"`
	} `json:"errors"`
	TraceID string `json:"traceId"`
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%d/%d %s: %s", p.Status, p.Code, p.Title, p.Detail)
}

// Client calls one service, directly or through a sidecar.
type Client struct {
	Base   string
	Header http.Header
	// Took hears how long each request took, when it is set.
	Took func(method, path string, took time.Duration)
	http *http.Client
}

// NewClient sends header with every request.
func NewClient(base string, header ...string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() // a till keeps its own connection
	c := &Client{Base: base, Header: http.Header{}, http: &http.Client{Timeout: 15 * time.Second, Transport: transport}}
	for i := 0; i+1 < len(header); i += 2 {
		c.Header.Set(header[i], header[i+1])
	}
	return c
}

// Response is one answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends one request once. It fails with a *Problem for an answer that is not 2xx.
func (c *Client) Do(ctx context.Context, method, path string, body any, header ...string) (*Response, error) {
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = bytes.NewReader([]byte(b))
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header = c.Header.Clone()
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if c.Took != nil {
		c.Took(method, path, time.Since(began))
	}
	out := &Response{res.StatusCode, res.Header, raw}
	if res.StatusCode/100 == 2 {
		return out, nil
	}
	p := &Problem{Status: res.StatusCode, Detail: string(raw)}
	_ = json.Unmarshal(raw, p)
	return out, p
}

// Call is Do with the answer decoded into out (nil: thrown away).
func (c *Client) Call(ctx context.Context, method, path string, body, out any, header ...string) error {
	res, err := c.Do(ctx, method, path, body, header...)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(res.Body, out)
}

// Insist repeats a request under one Idempotency-Key until it is answered with something that is not
// a passing fault.
func (c *Client) Insist(ctx context.Context, method, path string, body, out any) error {
	key := uuid.NewString()
	for {
		err := c.Call(ctx, method, path, body, out, "Idempotency-Key", key)
		if err == nil || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w (last: %w)", method, path, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// passing tells whether the same request may work later: no answer at all, or a server-side fault.
func passing(err error) bool {
	p, ok := err.(*Problem) //nolint:errorlint // Do returns it bare
	return !ok || p.Status >= 500 || p.Status == http.StatusConflict || p.Status == http.StatusTooManyRequests
}
