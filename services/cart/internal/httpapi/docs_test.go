package httpapi_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/httpapi"
)

const docs = "services/cart/internal/httpapi/docs.go"

func TestEveryRouteIsDocumented(t *testing.T) {
	f := newFixture(t)
	doc := openapi.New(httpapi.Info, f.api.Endpoints())
	openapitest.Complete(t, doc, f.engine.Routes(), docs)
	openapitest.Operations(t, doc, httpapi.Operations, docs)
	openapitest.Valid(t, doc)
	openapitest.Catalogue(t, doc, cart.Catalogue, docs)
}

var checker struct {
	sync.Once
	*openapitest.Checker
}

// checkDocumented holds every exchange of this package's tests against the document.
func checkDocumented(t *testing.T, api *httpapi.API, r *http.Request, sent string, a answer) {
	t.Helper()
	checker.Do(func() {
		var err error
		checker.Checker, err = openapitest.NewChecker(openapi.New(httpapi.Info, api.Endpoints()))
		require.NoError(t, err)
	})
	assert.NoError(t, checker.Check(openapitest.Exchange{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Sent: []byte(sent), Status: a.status, Header: a.header, Body: []byte(a.raw),
	}), "see "+docs)
}
