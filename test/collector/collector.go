// Package collector is an OpenTelemetry collector for tests: it takes spans over OTLP/HTTP and lets
// a test ask which spans one trace has.
package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is what a test wants to know of a span.
type Span struct{ Service, Name, SpanID, ParentID string }

// Collector listens until Close.
type Collector struct {
	server *httptest.Server
	mu     sync.Mutex
	traces map[string][]Span
	raw    bytes.Buffer
}

// Start listens on a free port of 127.0.0.1.
func Start() *Collector {
	c := &Collector{traces: map[string][]Span{}}
	c.server = httptest.NewServer(http.HandlerFunc(c.take))
	return c
}

// Endpoint is the value for OTEL_EXPORTER_OTLP_ENDPOINT.
func (c *Collector) Endpoint() string { return c.server.URL }

// Close stops listening.
func (c *Collector) Close() { c.server.Close() }

// Trace lists the spans of one trace that have arrived so far.
func (c *Collector) Trace(traceID string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.traces[traceID]...)
}

// Everything that has arrived so far, as it came; names and values of attributes stand in it as they are.
func (c *Collector) Everything() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	request, raw, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	for _, resource := range request.GetResourceSpans() {
		service := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				id := hex.EncodeToString(s.GetTraceId())
				c.traces[id] = append(c.traces[id], Span{service, s.GetName(), hex.EncodeToString(s.GetSpanId()), hex.EncodeToString(s.GetParentSpanId())})
			}
		}
	}
}

func read(r *http.Request) (*coltrace.ExportTraceServiceRequest, []byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, nil, err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err
	}
	request := &coltrace.ExportTraceServiceRequest{}
	return request, raw, proto.Unmarshal(raw, request)
}
