package httpapi_test

import (
	"testing"

	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/httpapi"
)

// documented is what the service says of its routes; every exchange of this package's tests is held against it.
var documented = openapitest.Service{
	Info: httpapi.Info, Operations: httpapi.Operations, Catalogue: cart.Catalogue, Where: "services/cart/internal/httpapi/docs.go",
}

func TestEveryRouteIsDocumented(t *testing.T) {
	f := newFixture(t)
	documented.Documented(t, f.api.Endpoints(), f.engine.Routes())
}
