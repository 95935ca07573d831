// Package openapi describes a service's routes in OpenAPI 3.1: the document at /openapi.json, a page to
// read and try it at /docs, and the catalogue of errors at /problems.
//
// A description is made when the service starts, from the table of routes (method, path, who may call)
// and the Go types that the handlers read and answer. What a type cannot say stands in an Operation
// beside it. openapitest holds the document against what is served and answered, so it cannot drift.
package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Access says what a caller must prove.
type Access int

// The kinds of access.
const (
	ByRole  Access = iota // a token or an API key, of one of the route's roles
	Public                // nothing
	ByKey                 // a terminal's API key
	Sidecar               // that it is the service's own sidecar
)

// Route is what the table of routes knows.
type Route struct {
	Method, Path string // Path as gin spells it, /api/v1/carts/:cart
	Access       Access
	Roles        []auth.Role
	Status       int // of a success
}

// Key names the route in a table of operations.
func (r Route) Key() string { return r.Method + " " + r.Path }

// Operation is what the table of routes does not know. Query, Body and Answer are values of the types
// that the handler works with.
type Operation struct {
	Tag      string
	Summary  string // one line, without a full stop
	Details  string // Markdown
	Query    any    // a struct with form tags
	Params   []Param
	Headers  []Param // of the request
	Body     any
	Answer   any
	Media    string      // of Answer; "" is JSON
	Status   int         // of a success, where the table of routes does not tell
	Answers  map[int]any // other successes, by status
	Replies  []Param     // headers of a success
	Problems []*problem.Kind
}

// Param is one parameter in a query, path or header.
type Param struct {
	Name, Doc string
	Required  bool
	Schema    Schema // nil: a string
}

// Endpoint is a route with its description.
type Endpoint struct {
	Route
	Operation
}

// Describe joins a table of routes with their operations, by Key. A route without an operation is
// described by what its table knows; openapitest refuses it.
func Describe(routes []Route, operations map[string]Operation) []Endpoint {
	out := make([]Endpoint, len(routes))
	for i, r := range routes {
		out[i] = Endpoint{r, operations[r.Key()]}
		out[i].Route.Status = cmp.Or(out[i].Operation.Status, r.Status, http.StatusOK)
	}
	return out
}

// Info is about the service as a whole.
type Info struct {
	Title, Description string
	PathParams         map[string]Param // beside CommonPathParams, by name
}

// CommonPathParams are those that mean the same in every service.
var CommonPathParams = map[string]Param{
	"tenant":   {Doc: "The tenant's code.", Schema: Schema{"type": "string", "pattern": identity.CodePattern}},
	"store":    {Doc: "The store's code.", Schema: Schema{"type": "string", "pattern": identity.CodePattern}},
	"no":       {Doc: "The terminal's number in its store.", Schema: Schema{"type": "integer", "minimum": 1}},
	"terminal": {Doc: "The terminal's id, `tenant-store-number`."},
}

// Document is a finished description.
type Document struct {
	Info      Info
	Endpoints []Endpoint
	JSON      []byte // the OpenAPI document
}

// New describes endpoints. It panics when two of them are the same: a programming error.
func New(info Info, endpoints []Endpoint) *Document {
	types := newTypes()
	paths, tags := map[string]Schema{}, []string{}
	for _, e := range endpoints {
		path := Path(e.Path)
		if paths[path] == nil {
			paths[path] = Schema{}
		}
		method := strings.ToLower(e.Method)
		if paths[path][method] != nil {
			panic("openapi: " + e.Key() + " is described twice")
		}
		paths[path][method] = operation(&e, info, types)
		if e.Tag != "" && !slices.Contains(tags, e.Tag) {
			tags = append(tags, e.Tag)
		}
	}
	types.response(problem.Body{})
	raw, err := json.MarshalIndent(Schema{
		"openapi": "3.1.0",
		"info":    Schema{"title": info.Title, "description": info.Description, "version": "1"},
		"paths":   paths,
		"tags":    tagList(tags),
		"components": Schema{
			"schemas": types.definitions,
			"securitySchemes": Schema{
				"bearer":   Schema{"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of a user, or of a terminal (`POST /api/v1/auth/token` of the terminal service)."},
				"apiKey":   Schema{"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The API key of a terminal."},
				"appToken": Schema{"type": "apiKey", "in": "header", "name": "dapr-api-token", "description": "Proves the service's own Dapr sidecar."},
			},
		},
	}, "", " ")
	if err != nil { // maps, strings and numbers only
		panic(err)
	}
	return &Document{Info: info, Endpoints: endpoints, JSON: raw}
}

// Path in OpenAPI's spelling: /api/v1/carts/{cart}.
func Path(gin string) string {
	parts := strings.Split(gin, "/")
	for i, p := range parts {
		if name, isParam := strings.CutPrefix(p, ":"); isParam {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// tagList is in the order of the endpoints, which is the order of the page.
func tagList(tags []string) []Schema {
	out := make([]Schema, len(tags))
	for i, name := range tags {
		out[i] = Schema{"name": name}
	}
	return out
}

func operation(e *Endpoint, info Info, types *types) Schema {
	op := Schema{"operationId": operationID(e), "summary": e.Summary, "responses": responses(e, types)}
	if e.Tag != "" {
		op["tags"] = []string{e.Tag}
	}
	details := e.Details
	switch e.Access {
	case Public:
		op["security"] = []Schema{}
	case ByKey:
		op["security"] = []Schema{{"apiKey": []string{}}}
	case Sidecar:
		op["security"] = []Schema{{"appToken": []string{}}}
	default:
		op["security"] = security(e.Roles)
		op["x-roles"] = e.Roles
		details = strings.TrimSpace(details + "\n\nFor: " + joined(e.Roles) + ".")
	}
	if details != "" {
		op["description"] = details
	}
	if params := parameters(e, info, types); len(params) > 0 {
		op["parameters"] = params
	}
	if e.Body != nil {
		op["requestBody"] = Schema{"content": Schema{"application/json": Schema{"schema": types.request(e.Body)}}, "required": mustSend(e.Body)}
	}
	return op
}

// operationID is the path in words, unique as the path is.
func operationID(e *Endpoint) string {
	words := strings.FieldsFunc(strings.ToLower(e.Method)+" "+strings.TrimPrefix(e.Path, "/api/v1"), func(r rune) bool { return strings.ContainsRune(" /:-_.", r) })
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func security(roles []auth.Role) []Schema {
	out := []Schema{{"bearer": []string{}}}
	if slices.Contains(roles, auth.TerminalRole) {
		out = append(out, Schema{"apiKey": []string{}})
	}
	return out
}

func joined(roles []auth.Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

func parameters(e *Endpoint, info Info, types *types) []Schema {
	var out []Schema
	add := func(in string, p Param) {
		schema := p.Schema
		if schema == nil {
			schema = Schema{"type": "string"}
		}
		one := Schema{"name": p.Name, "in": in, "schema": schema}
		if p.Doc != "" {
			one["description"] = p.Doc
		}
		if p.Required {
			one["required"] = true
		}
		out = append(out, one)
	}
	for _, name := range PathNames(e.Path) {
		p, ok := info.PathParams[name]
		if !ok {
			p = CommonPathParams[name]
		}
		p.Name, p.Required = name, true
		add("path", p)
	}
	for _, p := range slices.Concat(types.query(e.Query), e.Params) {
		add("query", p)
	}
	for _, p := range e.Headers {
		add("header", p)
	}
	return out
}

// PathNames of the parameters in a path.
func PathNames(path string) []string {
	var names []string
	for _, part := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			names = append(names, name)
		}
	}
	return names
}

func responses(e *Endpoint, types *types) Schema {
	out := Schema{}
	success := maps.Clone(e.Answers)
	if success == nil {
		success = map[int]any{}
	}
	if e.Route.Status != 0 {
		success[e.Route.Status] = e.Answer
	}
	for status, answer := range success {
		r := Schema{"description": http.StatusText(status)}
		if answer != nil {
			media := e.Media
			if media == "" {
				media = "application/json"
			}
			r["content"] = Schema{media: Schema{"schema": types.response(answer)}}
		}
		if len(e.Replies) > 0 {
			headers := Schema{}
			for _, h := range e.Replies {
				headers[h.Name] = Schema{"description": h.Doc, "schema": Schema{"type": "string"}}
			}
			r["headers"] = headers
		}
		out[strconv.Itoa(status)] = r
	}
	for status, kinds := range byStatus(e.Kinds()) {
		if out[strconv.Itoa(status)] == nil {
			out[strconv.Itoa(status)] = problemResponse(kinds)
		}
	}
	return out
}

// Kinds are all problems that the endpoint may answer, the common ones included.
func (e *Endpoint) Kinds() []*problem.Kind {
	kinds := slices.Clone(e.Problems)
	if e.Access != Public {
		kinds = append(kinds, problem.Unauthenticated, problem.Forbidden)
	}
	if e.Body != nil {
		kinds = append(kinds, problem.BadRequest, problem.TooLarge, problem.Invalid)
	}
	if e.Query != nil || slices.Contains(PathNames(e.Path), "tenant") {
		kinds = append(kinds, problem.Invalid)
	}
	if e.Access == ByRole || e.Access == ByKey {
		kinds = append(kinds, problem.Unavailable)
	}
	if strings.HasPrefix(e.Path, "/api/") {
		kinds = append(kinds, problem.Unexpected)
	}
	slices.SortFunc(kinds, func(a, b *problem.Kind) int { return a.Code - b.Code })
	return slices.Compact(kinds)
}

func byStatus(kinds []*problem.Kind) map[int][]*problem.Kind {
	out := map[int][]*problem.Kind{}
	for _, k := range kinds {
		out[k.Status] = append(out[k.Status], k)
	}
	return out
}

func problemResponse(kinds []*problem.Kind) Schema {
	text, codes := "", []int{}
	for _, k := range kinds {
		text += fmt.Sprintf("- **%d** [%s](/problems#%s). %s\n", k.Code, k.Title, k.Name, k.Hint)
		codes = append(codes, k.Code)
	}
	return Schema{"description": text, "content": Schema{problem.MediaType: Schema{"schema": Schema{
		"allOf": []Schema{{"$ref": prefix + "Problem"}, {"properties": Schema{"code": Schema{"enum": codes}}}},
	}}}}
}

// QueryNames are the query parameters of an endpoint.
func QueryNames(e *Endpoint) []string {
	var names []string
	for _, p := range slices.Concat(newTypes().query(e.Query), e.Params) {
		names = append(names, p.Name)
	}
	return names
}

// BodyRequired tells whether an endpoint refuses an empty body.
func BodyRequired(e *Endpoint) bool { return e.Body != nil && mustSend(e.Body) }
