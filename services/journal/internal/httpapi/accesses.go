package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// serve answers a route. What an auditor reads goes out only after it is on record.
func (a *API) serve(r Route) gin.HandlerFunc {
	plain := web.Handle(r.status, r.handle)
	return func(c *gin.Context) {
		if auth.Of(c).Role != auth.Auditor {
			plain(c)
			return
		}
		a.serveOnRecord(c, r)
	}
}

func (a *API) serveOnRecord(c *gin.Context, r Route) {
	open := c.Writer
	held := &heldWriter{ResponseWriter: open, header: http.Header{}, status: http.StatusOK}
	items := 0
	func() {
		c.Writer = held
		defer func() { c.Writer = open }() // a panic is answered on the open one
		web.Handle(r.status, func(c *gin.Context) (any, error) {
			body, err := r.handle(c)
			items = itemsOf(body)
			return body, err
		})(c)
	}()
	if rows, ok := c.Get(itemsKey); ok {
		items = rows.(int)
	} else if held.status == http.StatusOK && items == 0 { // lines, and no one value
		items = bytes.Count(held.body.Bytes(), []byte("\n"))
	}
	err := a.App.Accesses.Record(c.Request.Context(), auth.Of(c).TenantID, journal.Access{
		Subject: auth.Of(c).Subject, Role: string(auth.Of(c).Role), Method: r.Method, Route: Prefix + r.Path,
		Path: c.Request.URL.Path, Query: clip(c.Request.URL.RawQuery), Status: held.status, Items: items, TraceID: web.TraceID(c),
	})
	// Where there is no journal nothing was read, and the answer says so already.
	if refused := problem.Is(err, app.TenantUnknown) && held.status >= http.StatusBadRequest; err != nil && !refused {
		web.Fail(c, err)
		return
	}
	held.release()
}

// itemsKey is where a route says how many items its lines show, when it is not one a line.
const itemsKey = "tillroll.items"

// clip bounds what is kept of a query; no parameter that is understood is that long.
func clip(query string) string { return query[:min(len(query), 2000)] }

// itemsOf counts what an answer shows.
func itemsOf(body any) int {
	switch b := body.(type) {
	case nil:
		return 0
	case JournalListResponse:
		return len(b.Items)
	case EventListResponse:
		return len(b.Items)
	case TimelineResponse:
		return len(b.Events) + len(b.Journals)
	case ListResponse[DiscrepancyResponse]:
		return len(b.Items)
	case ListResponse[StreamResponse]:
		return len(b.Items)
	case CheckpointsResponse:
		return len(b.Items)
	}
	return 1
}

// heldWriter keeps an answer back.
type heldWriter struct {
	gin.ResponseWriter
	header http.Header
	body   bytes.Buffer
	status int
}

func (w *heldWriter) Header() http.Header               { return w.header }
func (w *heldWriter) WriteHeader(status int)            { w.status = status }
func (w *heldWriter) WriteHeaderNow()                   {}
func (w *heldWriter) Write(b []byte) (int, error)       { return w.body.Write(b) }
func (w *heldWriter) WriteString(s string) (int, error) { return w.body.WriteString(s) }
func (w *heldWriter) Status() int                       { return w.status }
func (w *heldWriter) Size() int                         { return w.body.Len() }
func (w *heldWriter) Written() bool                     { return w.body.Len() > 0 }
func (w *heldWriter) Flush()                            {}

// release lets the answer go.
func (w *heldWriter) release() {
	for name, values := range w.header {
		w.ResponseWriter.Header()[name] = values
	}
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.ResponseWriter.Write(w.body.Bytes()) // who hung up gets nothing
}

// AccessResponse is one read on record.
type AccessResponse struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
	Role    string    `json:"role"`
	Method  string    `json:"method"`
	Route   string    `json:"route"`
	Path    string    `json:"path"`
	Query   string    `json:"query"`
	Status  int       `json:"status"`
	Items   int       `json:"items"`
	TraceID string    `json:"traceId,omitempty"`
}

func (a *API) listAccesses(c *gin.Context) (any, error) {
	p := newParams(c)
	q := app.AccessQuery{
		Subject: p.text("subject"),
		At:      span(p, "timestampTo", journal.Span[time.Time]{From: p.instant("timestampFrom"), To: p.instant("timestampTo")}, time.Time.Compare),
		Skip:    p.bounded("skip", 0, 0, maxSkip), Limit: p.bounded("limit", maxLimit, 1, maxLimit),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	items, total, err := a.App.Accesses.List(c.Request.Context(), c.Param("tenant"), q)
	if err != nil {
		return nil, err
	}
	out := make([]AccessResponse, len(items))
	for i, access := range items {
		out[i] = AccessResponse(*access)
	}
	return ListResponse[AccessResponse]{out, total, q.Skip, q.Limit}, nil
}
