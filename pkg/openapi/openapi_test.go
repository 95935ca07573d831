package openapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/openapi/openapitest"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

type inner struct {
	Note string `json:"note" validate:"max=5,plain"`
}

type thing struct {
	inner
	Code   string         `json:"code" validate:"required,code"`
	Amount *money.Decimal `json:"amount" validate:"omitempty,dmin=1"`
	Tags   []string       `json:"tags,omitempty" validate:"max=2,dive,min=1,max=3"`
	Kind   int            `json:"kind" validate:"omitempty,oneof=1 2"`
	When   time.Time      `json:"when"`
	Hidden string         `json:"-"`
}

type list[T any] struct {
	Items []T `json:"items"`
}

type query struct {
	Limit int    `form:"limit,default=10" validate:"min=1,max=100"`
	State string `form:"state" validate:"oneof=open closed"`
}

var full = &problem.Kind{Code: 999001, Status: http.StatusConflict, Name: "full", Title: "It is full", Hint: "Empty it."}

func document() *openapi.Document {
	return openapi.New(openapi.Info{Title: "Test", Description: "A test."}, openapi.Describe([]openapi.Route{
		{Method: "POST", Path: "/api/v1/tenants/:tenant/things", Roles: []auth.Role{auth.TerminalRole}, Status: http.StatusCreated},
		{Method: "GET", Path: "/api/v1/things", Roles: []auth.Role{auth.Auditor}},
		{Method: "GET", Path: "/api/v1/forgotten", Roles: []auth.Role{auth.Auditor}},
	}, map[string]openapi.Operation{
		"POST /api/v1/tenants/:tenant/things": {Tag: "things", Summary: "Make a thing", Body: thing{}, Answer: thing{}, Problems: []*problem.Kind{full}},
		"GET /api/v1/things":                  {Tag: "things", Summary: "List things", Query: query{}, Answer: list[thing]{}},
	}))
}

// at walks into the document.
func at(t *testing.T, path ...string) any {
	t.Helper()
	var node any
	require.NoError(t, json.Unmarshal(document().JSON, &node))
	for _, p := range path {
		m, ok := node.(map[string]any)
		require.True(t, ok && m[p] != nil, "%v has no %s", path, p)
		node = m[p]
	}
	return node
}

func schema(t *testing.T, name string) string {
	t.Helper()
	raw, err := json.Marshal(at(t, "components", "schemas", name))
	require.NoError(t, err)
	return string(raw)
}

func TestRequestsFollowTheRulesOfTheValidator(t *testing.T) {
	assert.JSONEq(t, `{"type":"object","additionalProperties":false,"required":["code"],"properties":{
		"note":{"type":"string","maxLength":5,"description":"Without control characters."},
		"code":{"type":"string","minLength":1,"pattern":"^[a-z0-9][a-z0-9_]{0,31}$"},
		"amount":{"type":"number","minimum":1},
		"tags":{"type":"array","maxItems":2,"items":{"type":"string","minLength":1,"maxLength":3}},
		"kind":{"type":"integer","enum":[1,2]},
		"when":{"type":"string","format":"date-time"}}}`, schema(t, "ThingRequest"))
}

func TestAnswersFollowTheJSONTags(t *testing.T) {
	assert.JSONEq(t, `{"type":"object","required":["note","code","amount","kind","when"],"properties":{
		"note":{"type":"string"},"code":{"type":"string"},"amount":{"type":["number","null"]},
		"tags":{"type":"array","items":{"type":"string"}},"kind":{"type":"integer"},"when":{"type":"string","format":"date-time"}}}`, schema(t, "Thing"))
	assert.JSONEq(t, `{"type":"object","required":["items"],"properties":{"items":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}}`, schema(t, "ThingList"))
}

func TestAnOperationSaysWhoMayCallAndWhatIsAnswered(t *testing.T) {
	post := []string{"paths", "/api/v1/tenants/{tenant}/things", "post"}
	assert.Equal(t, "postTenantsTenantThings", at(t, append(post, "operationId")...))
	assert.Equal(t, []any{map[string]any{"bearer": []any{}}, map[string]any{"apiKey": []any{}}}, at(t, append(post, "security")...))
	assert.Contains(t, at(t, append(post, "description")...), "For: terminal.")
	var statuses []string
	for status := range at(t, append(post, "responses")...).(map[string]any) {
		statuses = append(statuses, status)
	}
	assert.ElementsMatch(t, []string{"201", "400", "401", "403", "409", "413", "422", "500", "503"}, statuses)
	conflict, err := json.Marshal(at(t, append(post, "responses", "409")...))
	require.NoError(t, err)
	assert.Contains(t, string(conflict), `"enum":[999001]`)
	assert.Contains(t, string(conflict), "/problems#full")
	params, err := json.Marshal(at(t, "paths", "/api/v1/things", "get", "parameters"))
	require.NoError(t, err)
	assert.JSONEq(t, `[{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":100,"default":10}},
		{"name":"state","in":"query","schema":{"type":"string","enum":["open","closed"]}}]`, string(params))
	openapitest.Valid(t, document())
}

// What Complete and Check find is tested here; that services have none of it, in their httpapi.
func TestTheCheckerFindsWhatIsNotDocumented(t *testing.T) {
	c, err := openapitest.NewChecker(document())
	require.NoError(t, err)
	good := `{"note":"","code":"a","amount":null,"kind":1,"when":"2026-03-29T18:03:00Z"}`
	header := func(media string) http.Header { return http.Header{"Content-Type": {media}} }
	post := func(sent string, status int, media, body string) openapitest.Exchange {
		return openapitest.Exchange{Method: "POST", Path: "/api/v1/tenants/acme/things", Sent: []byte(sent), Status: status, Header: header(media), Body: []byte(body)}
	}
	get := func(query, body string) openapitest.Exchange {
		return openapitest.Exchange{Method: "GET", Path: "/api/v1/things", Query: query, Status: 200, Header: header("application/json; charset=utf-8"), Body: []byte(body)}
	}
	for name, x := range map[string]struct {
		exchange openapitest.Exchange
		wrong    string
	}{
		"as documented":           {post(`{"code":"a"}`, 201, "application/json", good), ""},
		"a documented problem":    {post(`{`, 409, problem.MediaType, string(full.New("").Document(""))), ""},
		"another problem":         {post(`{`, 404, problem.MediaType, string(problem.NotFound.New("").Document(""))), "100001 is not among its Problems"},
		"another field":           {post(`{"code":"a"}`, 201, "application/json", `{"extra":1,`+good[1:]), "extra"},
		"a field is missing":      {post(`{"code":"a"}`, 201, "application/json", `{"note":"","code":"a","kind":1,"when":"2026-03-29T18:03:00Z"}`), "amount"},
		"another status":          {post(`{"code":"a"}`, 200, "application/json", good), "no schema"},
		"another media type":      {post(`{"code":"a"}`, 201, "text/plain", good), "media type"},
		"a request field":         {post(`{"code":"a","more":1}`, 201, "application/json", good), "more"},
		"a request breaks a rule": {post(`{"code":"A"}`, 201, "application/json", good), "code"},
		"no body":                 {post(``, 201, "application/json", good), "required"},
		"a list":                  {get("limit=1", `{"items":[`+good+`]}`), ""},
		"null for a list":         {get("", `{"items":null}`), "items"},
		"another parameter":       {get("page=1", `{"items":[]}`), "page is not documented"},
		"a path of nobody":        {openapitest.Exchange{Method: "GET", Path: "/nowhere", Status: 404}, ""},
	} {
		err := c.Check(x.exchange)
		if x.wrong == "" {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorContains(t, err, x.wrong, name)
	}
}

func TestARouteWithoutDocumentationIsFound(t *testing.T) {
	served := gin.RoutesInfo{{Method: "GET", Path: "/api/v1/things"}, {Method: "GET", Path: "/api/v1/forgotten"}, {Method: "DELETE", Path: "/api/v1/new"}}
	gaps := openapitest.Gaps(document(), served, "docs.go")
	require.Len(t, gaps, 3)
	assert.Contains(t, gaps[0], "GET /api/v1/forgotten is served and not documented. Add a row to the operations in docs.go")
	assert.Contains(t, gaps[1], "DELETE /api/v1/new is served and not documented")
	assert.Contains(t, gaps[2], "POST /api/v1/tenants/:tenant/things is documented in docs.go and not served")
}

func serve(t *testing.T) *gin.Engine {
	t.Helper()
	e := web.New("test", zap.NewNop(), prometheus.NewRegistry())
	document().Mount(e)
	return e
}

func fetch(e *gin.Engine, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	e := serve(t)
	docs := fetch(e, "/docs")
	assert.Equal(t, 200, docs.Code)
	assert.Contains(t, docs.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	assert.NotContains(t, docs.Body.String(), "http://")
	assert.NotContains(t, docs.Body.String(), "https://")
	assert.NotRegexp(t, `<script>|onload=|style=`, docs.Body.String(), "the policy would stop it")
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "docs.js", "favicon-32x32.png"} {
		plain := fetch(e, "/docs/"+name)
		require.Equal(t, 200, plain.Code, name)
		assert.Empty(t, plain.Header().Get("Content-Encoding"), name)
		packed := fetch(e, "/docs/"+name, "Accept-Encoding", "br, gzip")
		if packed.Header().Get("Content-Encoding") == "gzip" {
			r, err := gzip.NewReader(packed.Body)
			require.NoError(t, err)
			raw, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(plain.Body.Bytes(), raw), name)
		}
	}
	assert.Equal(t, 404, fetch(e, "/docs/..%2fgo.mod").Code)
	assert.JSONEq(t, string(document().JSON), fetch(e, "/openapi.json").Body.String())
}

func TestTheCatalogueOfProblemsSaysWhenAndWhatToDo(t *testing.T) {
	body := fetch(serve(t), "/problems").Body.String()
	assert.Contains(t, body, `<section id="full">`)
	assert.Contains(t, body, "Empty it.")
	assert.Contains(t, body, "<code>POST /api/v1/tenants/:tenant/things</code>")
	for _, k := range problem.Common {
		assert.Contains(t, body, fmt.Sprintf(`<span class="code">%d</span>`, k.Code))
	}
}
