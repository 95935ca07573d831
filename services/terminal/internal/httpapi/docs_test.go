package httpapi

import (
	"testing"

	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// documented is what the service says of its routes; every exchange of this package's tests is held against it.
var documented = openapitest.Service{
	Info: Info, Operations: Operations, Catalogue: terminal.Catalogue, Where: "services/terminal/internal/httpapi/docs.go",
}

func TestEveryRouteIsDocumented(t *testing.T) {
	s, _ := newServer(t)
	documented.Documented(t, s.api.Endpoints(), s.engine.Routes())
}
