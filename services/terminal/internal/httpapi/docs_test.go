package httpapi

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

const docs = "services/terminal/internal/httpapi/docs.go"

func TestEveryRouteIsDocumented(t *testing.T) {
	s, _ := newServer(t)
	doc := openapi.New(Info, s.api.Endpoints())
	openapitest.Complete(t, doc, s.engine.Routes(), docs)
	openapitest.Operations(t, doc, Operations, docs)
	openapitest.Valid(t, doc)
	openapitest.Catalogue(t, doc, terminal.Catalogue, docs)
}

var checker struct {
	sync.Once
	*openapitest.Checker
}

// checkDocumented holds every exchange of this package's tests against the document.
func (s *server) checkDocumented(r *http.Request, sent string, a answer) {
	s.t.Helper()
	checker.Do(func() {
		var err error
		checker.Checker, err = openapitest.NewChecker(openapi.New(Info, s.api.Endpoints()))
		require.NoError(s.t, err)
	})
	assert.NoError(s.t, checker.Check(openapitest.Exchange{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Sent: []byte(sent), Status: a.status, Header: a.header, Body: []byte(a.raw),
	}), "see "+docs)
}
