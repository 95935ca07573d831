// Package openapitest holds a service's OpenAPI document against the service: which routes are served, and
// what is really sent and answered.
package openapitest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Complete fails for every route that is served and not described, or described and not served. where is
// the file that holds the service's operations.
func Complete(t *testing.T, doc *openapi.Document, served gin.RoutesInfo, where string) {
	t.Helper()
	for _, gap := range Gaps(doc, served, where) {
		t.Error(gap)
	}
}

// Gaps between what is served and what is described, each with what to do.
func Gaps(doc *openapi.Document, served gin.RoutesInfo, where string) []string {
	known := map[string]openapi.Endpoint{}
	for _, e := range doc.Endpoints {
		known[e.Key()] = e
	}
	var gaps []string
	for _, r := range served {
		key := r.Method + " " + r.Path
		e, described := known[key]
		delete(known, key)
		switch {
		case !described || e.Summary == "" || e.Tag == "":
			gaps = append(gaps, fmt.Sprintf("%s is served and not documented. Add a row to the operations in %s:\n\t%q: {Tag: …, Summary: …, Query/Params/Body/Answer: what the handler reads and answers, Problems: what else it may refuse with}", key, where, key))
		case e.Answer == nil && e.Route.Status != http.StatusNoContent:
			gaps = append(gaps, fmt.Sprintf("%s: the operation in %s has no Answer: give it a value of the type that the handler answers with", key, where))
		case r.Method == http.MethodGet && e.Body != nil:
			gaps = append(gaps, fmt.Sprintf("%s takes no body, and the operation in %s has one", key, where))
		}
	}
	for key := range known {
		gaps = append(gaps, fmt.Sprintf("%s is documented in %s and not served", key, where))
	}
	return gaps
}

// Operations fails for every row of operations that no route has: a path was changed, or misspelt.
func Operations(t *testing.T, doc *openapi.Document, operations map[string]openapi.Operation, where string) {
	t.Helper()
	known := map[string]bool{}
	for _, e := range doc.Endpoints {
		known[e.Key()] = true
	}
	for key := range operations {
		if !known[key] {
			t.Errorf("%s has the operation %q and there is no such route", where, key)
		}
	}
}

// Catalogue fails for every kind of the service's catalogue that no operation names: its page would not say
// when it happens.
func Catalogue(t *testing.T, doc *openapi.Document, catalogue []*problem.Kind, where string) {
	t.Helper()
	listed := openapi.Catalogue(doc.Endpoints)
	for _, k := range catalogue {
		if !slices.ContainsFunc(listed, func(e openapi.Entry) bool { return e.Kind == k }) {
			t.Errorf("%d %s is in the catalogue, and no operation in %s has it among its Problems", k.Code, k.Name, where)
		}
	}
}

//go:embed oas31.json
var specification []byte

// Valid holds the document against the OpenAPI initiative's schema of OpenAPI 3.1, and every schema in it
// against JSON Schema 2020-12. Every reference must lead somewhere.
func Valid(t *testing.T, doc *openapi.Document) {
	t.Helper()
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(specification))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("tillroll:oas31.json", meta); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("tillroll:oas31.json")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc.JSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(parsed); err != nil {
		t.Errorf("the document is not valid OpenAPI 3.1: %v", err)
	}
	c, err := NewChecker(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range places(parsed, "") {
		if _, err := c.schema(resource + "#" + place); err != nil {
			t.Errorf("the schema at %s is not valid: %v", place, err)
		}
	}
}

// places of all schemas in the document.
func places(node any, at string) []string {
	var out []string
	switch n := node.(type) {
	case map[string]any:
		for key, child := range n {
			here := at + "/" + escape(key)
			if key == "schema" || strings.HasSuffix(at, "/components/schemas") {
				out = append(out, here)
				continue
			}
			out = append(out, places(child, here)...)
		}
	case []any:
		for i, child := range n {
			out = append(out, places(child, at+"/"+strconv.Itoa(i))...)
		}
	}
	return out
}

// Checker validates requests and answers against a document. It is stricter than the document: an answer
// may hold nothing that is not described.
type Checker struct {
	endpoints []openapi.Endpoint
	compiler  *jsonschema.Compiler
	mu        sync.Mutex
	compiled  map[string]*jsonschema.Schema
}

const resource = "tillroll:openapi.json"

// NewChecker reads a document.
func NewChecker(doc *openapi.Document) (*Checker, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc.JSON))
	if err != nil {
		return nil, err
	}
	closeObjects(parsed)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(resource, parsed); err != nil {
		return nil, err
	}
	return &Checker{endpoints: doc.Endpoints, compiler: compiler, compiled: map[string]*jsonschema.Schema{}}, nil
}

// closeObjects refuses what the components do not describe.
func closeObjects(doc any) {
	components, _ := doc.(map[string]any)["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for _, s := range schemas {
		schema, _ := s.(map[string]any)
		if _, given := schema["additionalProperties"]; !given && schema["properties"] != nil {
			schema["additionalProperties"] = false
		}
	}
}

// Exchange is one request and its answer.
type Exchange struct {
	Method, Path, Query string
	Sent                []byte
	Status              int
	Header              http.Header
	Body                []byte
}

// Check says what of an exchange the document does not allow. Requests that were refused may be anything; a
// path that is not described is not judged here.
func (c *Checker) Check(x Exchange) error {
	e := c.find(x.Method, x.Path)
	if e == nil {
		return nil
	}
	if err := c.answer(e, &x); err != nil {
		return fmt.Errorf("%s: the answer %d is not as documented: %w\n%.600s", e.Key(), x.Status, err, x.Body)
	}
	if x.Status >= 300 || e.Access == openapi.Sidecar { // a delivery may be garbage, and is answered 200 all the same
		return nil
	}
	if err := c.request(e, &x); err != nil {
		return fmt.Errorf("%s: the request was accepted and is not as documented: %w\n%.600s", e.Key(), err, x.Sent)
	}
	return nil
}

// find the endpoint of a path; a fixed part goes before a parameter.
func (c *Checker) find(method, path string) *openapi.Endpoint {
	var best *openapi.Endpoint
	for i := range c.endpoints {
		e := &c.endpoints[i]
		if e.Method == method && matches(e.Path, path) && (best == nil || strings.Count(e.Path, ":") < strings.Count(best.Path, ":")) {
			best = e
		}
	}
	return best
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && (!strings.HasPrefix(want[i], ":") || got[i] == "") {
			return false
		}
	}
	return true
}

func (c *Checker) answer(e *openapi.Endpoint, x *Exchange) error {
	media, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type"))
	if media == problem.MediaType {
		var body problem.Body
		if err := json.Unmarshal(x.Body, &body); err != nil {
			return err
		}
		named := slices.ContainsFunc(e.Kinds(), func(k *problem.Kind) bool { return k.Code == body.Code && k.Status == x.Status })
		if !named {
			return fmt.Errorf("the problem %d is not among its Problems", body.Code)
		}
	}
	if len(x.Body) == 0 && e.Answer == nil && x.Status == e.Route.Status {
		return nil
	}
	if media != "application/json" && media != problem.MediaType {
		if media == e.Media && x.Status == e.Route.Status {
			return nil
		}
		return fmt.Errorf("the media type %q is not documented", media)
	}
	return c.validate(x.Body, operationAt(e), "responses", strconv.Itoa(x.Status), "content", media, "schema")
}

func (c *Checker) request(e *openapi.Endpoint, x *Exchange) error {
	values, err := url.ParseQuery(x.Query)
	if err != nil {
		return err
	}
	allowed := openapi.QueryNames(e)
	for name := range values {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("the query parameter %s is not documented", name)
		}
	}
	if e.Body == nil {
		if sent := bytes.TrimSpace(x.Sent); len(sent) > 0 && string(sent) != "{}" {
			return fmt.Errorf("no body is documented")
		}
		return nil
	}
	if len(bytes.TrimSpace(x.Sent)) == 0 {
		if openapi.BodyRequired(e) {
			return fmt.Errorf("the body is documented as required and none was sent")
		}
		return nil
	}
	return c.validate(x.Sent, operationAt(e), "requestBody", "content", "application/json", "schema")
}

func operationAt(e *openapi.Endpoint) string {
	return "paths/" + escape(openapi.Path(e.Path)) + "/" + strings.ToLower(e.Method)
}

func escape(s string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
}

func (c *Checker) validate(raw []byte, operation string, at ...string) error {
	place := resource + "#/" + operation
	for _, part := range at {
		place += "/" + escape(part)
	}
	schema, err := c.schema(place)
	if err != nil {
		return fmt.Errorf("it has no schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (c *Checker) schema(place string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.compiled[place]; ok {
		return s, nil
	}
	s, err := c.compiler.Compile(place)
	if err == nil {
		c.compiled[place] = s
	}
	return s, err
}
