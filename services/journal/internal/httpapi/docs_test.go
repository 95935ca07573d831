package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
)

// documented is what the service says of its routes; every exchange of this package's tests is held against it.
var documented = openapitest.Service{
	Info: httpapi.Info, Operations: httpapi.Operations, Catalogue: app.Catalogue, Where: "services/journal/internal/httpapi/docs.go",
}

func TestEveryRouteIsDocumented(t *testing.T) {
	h := newHouse(t)
	documented.Documented(t, h.api.Endpoints(), h.engine.Routes())
}

// The handlers refuse parameters that they don't know and name those that they know. So every list of
// parameters can be held against its documentation.
func TestTheDocumentedParametersAreThoseThatAreRead(t *testing.T) {
	h := newHouse(t)
	fill := strings.NewReplacer(":tenant", "acme", ":store", "s1", ":no", "1", ":journal", "x", ":order", "x", ":item", "x", ":discrepancy", "x")
	for _, e := range h.api.Endpoints() {
		if e.Method != http.MethodGet || len(e.Params) == 0 {
			continue
		}
		who := h.user(auth.Administrator, "acme")
		if !slices.Contains(e.Roles, auth.Administrator) {
			who = h.user(auth.Platform, "")
		}
		path := fill.Replace(strings.TrimPrefix(e.Path, httpapi.Prefix))
		a := h.get(who, path+"?nobody_reads_this=1&businessDate=20260329&openCounter=1")
		fields, _ := a.body["errors"].([]any)
		told := ""
		for _, f := range fields {
			field, _ := f.(map[string]any)
			if field["name"] == "nobody_reads_this" {
				_, told, _ = strings.Cut(fmt.Sprint(field["message"]), "there are ")
			}
		}
		if assert.NotEmpty(t, told, "%s: %s", e.Key(), a.raw) {
			assert.ElementsMatch(t, strings.Split(told, ", "), openapi.QueryNames(&e), "%s: what the handler reads, and what %s documents", e.Key(), documented.Where)
		}
	}
}

// The README has every route, and none that is not there.
func TestTheReadmeListsTheRoutes(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var said []string
	for _, m := range regexp.MustCompile("`((?:GET|POST|PUT) /[^ ?`]*)").FindAllStringSubmatch(string(raw), -1) {
		said = append(said, m[1])
	}
	slices.Sort(said)
	served := []string{http.MethodPost + " " + httpapi.DeadLetters}
	for _, s := range httpapi.Subscriptions {
		served = append(served, http.MethodPost+" "+s.Path)
	}
	for _, r := range newHouse(t).api.Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	slices.Sort(served)
	assert.Equal(t, served, slices.Compact(said))
}
