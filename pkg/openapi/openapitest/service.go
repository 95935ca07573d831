package openapitest

import (
	"net/http"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Service is what a service says of its routes, to be held against what it does. Where is the file that
// holds the operations. It is safe for concurrent use; the tests of a package share one.
type Service struct {
	Info       openapi.Info
	Operations map[string]openapi.Operation
	Catalogue  []*problem.Kind
	Where      string

	once    sync.Once
	checker *Checker
	broken  error
}

// Documented fails for everything that is served and not described, or described and not served, and for a
// document that is not valid.
func (s *Service) Documented(t *testing.T, endpoints []openapi.Endpoint, served gin.RoutesInfo) {
	t.Helper()
	doc := openapi.New(s.Info, endpoints)
	Complete(t, doc, served, s.Where)
	Operations(t, doc, s.Operations, s.Where)
	Valid(t, doc)
	Catalogue(t, doc, s.Catalogue, s.Where)
}

// Exchanged fails for a request and its answer that are not as documented. The endpoints of the first
// call count: they are the same in every test.
func (s *Service) Exchanged(t testing.TB, endpoints func() []openapi.Endpoint, r *http.Request, sent string, status int, header http.Header, body []byte) {
	t.Helper()
	s.once.Do(func() { s.checker, s.broken = NewChecker(openapi.New(s.Info, endpoints())) })
	if s.broken != nil {
		t.Fatalf("the document cannot be read: %v", s.broken)
	}
	err := s.checker.Check(Exchange{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Sent: []byte(sent), Status: status, Header: header, Body: body})
	if err != nil {
		t.Errorf("%v\nsee %s", err, s.Where)
	}
}
