package openapi

import (
	"encoding"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Schema is a JSON Schema (2020-12), or a part of one.
type Schema map[string]any

const prefix = "#/components/schemas/"

// direction in which a value travels. What must be in a request says its validate tags; what is always in
// an answer says its lack of omitempty. So a type that travels both ways has two schemas.
type direction int

const (
	answered direction = iota
	requested
)

// types collects the schemas of structs by name. encoding/json and validator/v10 decide what is
// accepted and written; this says the same in JSON Schema.
type types struct {
	definitions map[string]Schema
	names       map[reflect.Type]string
}

func newTypes() *types {
	return &types{definitions: map[string]Schema{}, names: map[reflect.Type]string{}}
}

func (t *types) request(v any) Schema  { return t.value(v, requested) }
func (t *types) response(v any) Schema { return t.value(v, answered) }

// value of a type; what is a Schema already stands for itself.
func (t *types) value(v any, way direction) Schema {
	if s, ok := v.(Schema); ok {
		return s
	}
	return t.of(reflect.TypeOf(v), way)
}

// known are types that write their JSON themselves.
var known = map[reflect.Type]func() Schema{
	reflect.TypeFor[money.Decimal]():   func() Schema { return Schema{"type": "number"} },
	reflect.TypeFor[money.Currency]():  func() Schema { return Schema{"type": "string", "pattern": "^[A-Z]{3}$"} },
	reflect.TypeFor[time.Time]():       func() Schema { return Schema{"type": "string", "format": "date-time"} },
	reflect.TypeFor[json.RawMessage](): func() Schema { return Schema{} },
	reflect.TypeFor[sequence.Range](): func() Schema {
		return Schema{"type": "array", "items": Schema{"type": "integer"}, "minItems": 2, "maxItems": 2, "description": "A range, first and last."}
	},
}

func (t *types) of(typ reflect.Type, way direction) Schema {
	if schema, ok := known[typ]; ok {
		return schema()
	}
	if typ.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return Schema{"type": "string"}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return t.of(typ.Elem(), way)
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Schema{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Schema{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice, reflect.Array:
		if typ.Elem().Kind() == reflect.Uint8 {
			return Schema{"type": "string", "contentEncoding": "base64"}
		}
		return Schema{"type": "array", "items": t.of(typ.Elem(), way)}
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": t.of(typ.Elem(), way)}
	case reflect.Struct:
		return t.object(typ, way)
	default: // an interface: anything
		return Schema{}
	}
}

// object defines a struct once and refers to it.
func (t *types) object(typ reflect.Type, way direction) Schema {
	name := nameOf(typ)
	if name == "" {
		return t.fields(typ, way)
	}
	if way == requested && !strings.HasSuffix(name, "Request") && !strings.HasSuffix(name, "Patch") {
		name += "Request"
	}
	if _, defined := t.definitions[name]; !defined {
		t.definitions[name] = nil // a type may hold itself
		t.definitions[name] = t.fields(typ, way)
	}
	return Schema{"$ref": prefix + name}
}

var packagePath = regexp.MustCompile(`[\w./-]*/`)

// nameOf a type for readers: ListResponse[httpapi.StreamResponse] is StreamList.
func nameOf(typ reflect.Type) string {
	if typ == reflect.TypeFor[problem.Body]() {
		return "Problem"
	}
	if typ == reflect.TypeFor[problem.Field]() {
		return "ProblemField"
	}
	outer, inner, generic := strings.Cut(strings.TrimSuffix(packagePath.ReplaceAllString(typ.Name(), ""), "]"), "[")
	if generic {
		_, inner, _ = strings.Cut(inner, ".")
		return title(strings.TrimSuffix(shorten(inner), "Body")) + title(shorten(outer))
	}
	return title(shorten(outer))
}

func shorten(name string) string {
	for _, suffix := range []string{"Response", "Answer", "Body"} {
		if short := strings.TrimSuffix(name, suffix); short != "" && short != name {
			return short
		}
	}
	return name
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (t *types) fields(typ reflect.Type, way direction) Schema {
	properties, required := Schema{}, []string{}
	for _, f := range reflect.VisibleFields(typ) {
		name, omit, ok := jsonName(f)
		if !ok || hidden(typ, f) {
			continue
		}
		schema := t.of(f.Type, way)
		rules := strings.Split(f.Tag.Get("validate"), ",")
		switch {
		case way == requested:
			schema = apply(schema, f.Type, rules)
			if rules[0] == "required" {
				required = append(required, name)
			}
		case !omit:
			required = append(required, name)
			if f.Type.Kind() == reflect.Pointer {
				schema = nullable(schema)
			}
		}
		properties[name] = schema
	}
	out := Schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if way == requested {
		out["additionalProperties"] = false
	}
	return out
}

// jsonName of a field; not ok: it is not written, or its own fields stand for it.
func jsonName(f reflect.StructField) (name string, omit, ok bool) {
	tag, tagged := f.Tag.Lookup("json")
	name, options, _ := strings.Cut(tag, ",")
	if tag == "-" || f.Anonymous && !tagged || !f.IsExported() {
		return "", false, false
	}
	if name == "" {
		name = f.Name
	}
	return name, strings.Contains(options, "omit"), true
}

// hidden tells whether f lies inside a named field, which VisibleFields never goes into, or inside an
// embedded one that has a name of its own in JSON.
func hidden(typ reflect.Type, f reflect.StructField) bool {
	for depth := 1; depth < len(f.Index); depth++ {
		outer := typ.FieldByIndex(f.Index[:depth])
		if _, tagged := outer.Tag.Lookup("json"); tagged || !outer.Anonymous {
			return true
		}
	}
	return false
}

func nullable(s Schema) Schema {
	if kind, ok := s["type"].(string); ok {
		s["type"] = []string{kind, "null"}
		return s
	}
	return Schema{"anyOf": []Schema{s, {"type": "null"}}}
}

// apply puts validator's rules into a schema. Rules behind dive are those of the entries.
func apply(s Schema, typ reflect.Type, rules []string) Schema {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	for i, rule := range rules {
		name, value, _ := strings.Cut(rule, "=")
		if name == "dive" {
			if items, ok := s["items"].(Schema); ok {
				s["items"] = apply(items, typ.Elem(), rules[i+1:])
			}
			return s
		}
		if put, ok := keywords[name]; ok {
			put(s, value, typ)
		}
	}
	return s
}

// keywords of JSON Schema for rules of pkg/web's validator. Those that are missing here cannot be said
// in one, such as timezone.
var keywords = map[string]func(s Schema, value string, typ reflect.Type){
	"min":      bound("minLength", "minItems", "minimum"),
	"max":      bound("maxLength", "maxItems", "maximum"),
	"dmin":     func(s Schema, v string, _ reflect.Type) { s["minimum"] = json.Number(v) },
	"dmax":     func(s Schema, v string, _ reflect.Type) { s["maximum"] = json.Number(v) },
	"dabove":   func(s Schema, v string, _ reflect.Type) { s["exclusiveMinimum"] = json.Number(v) },
	"code":     pattern(identity.CodePattern),
	"number":   pattern(`^[0-9]+$`),
	"plain":    func(s Schema, _ string, _ reflect.Type) { s["description"] = "Without control characters." },
	"datetime": func(s Schema, v string, _ reflect.Type) { s["examples"] = []string{v} },
	"uuid":     func(s Schema, _ string, _ reflect.Type) { s["format"] = "uuid" },
	"oneof": func(s Schema, v string, typ reflect.Type) {
		var values []any
		for _, one := range strings.Fields(v) {
			if typ.Kind() == reflect.String {
				values = append(values, one)
			} else {
				values = append(values, json.Number(one))
			}
		}
		s["enum"] = values
	},
	"required": func(s Schema, _ string, typ reflect.Type) {
		if typ.Kind() == reflect.String && s["minLength"] == nil {
			s["minLength"] = 1
		}
	},
}

func pattern(p string) func(Schema, string, reflect.Type) {
	return func(s Schema, _ string, _ reflect.Type) { s["pattern"] = p }
}

func bound(text, list, number string) func(Schema, string, reflect.Type) {
	return func(s Schema, v string, typ reflect.Type) {
		n, err := strconv.Atoi(v)
		if err != nil {
			return
		}
		switch typ.Kind() {
		case reflect.String:
			s[text] = n
		case reflect.Slice, reflect.Map:
			s[list] = n
		default:
			s[number] = n
		}
	}
}

// query describes a struct with form tags, field by field.
func (t *types) query(v any) []Param {
	if v == nil {
		return nil
	}
	var out []Param
	typ := reflect.TypeOf(v)
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("form"), ",")
		if name == "" {
			continue
		}
		rules := strings.Split(f.Tag.Get("validate"), ",")
		schema := apply(t.of(f.Type, requested), f.Type, rules)
		value := reflect.ValueOf(v).FieldByIndex(f.Index)
		if fallback, given := strings.CutPrefix(options, "default="); given {
			schema["default"] = json.RawMessage(fallback)
		} else if !value.IsZero() {
			schema["default"] = value.Interface()
		}
		out = append(out, Param{Name: name, Doc: f.Tag.Get("doc"), Required: rules[0] == "required", Schema: schema})
	}
	return out
}

// mustSend tells whether an empty body is refused: a list needs entries, a struct its required fields.
func mustSend(body any) bool {
	typ := reflect.TypeOf(body)
	if typ.Kind() != reflect.Struct {
		return true
	}
	for _, f := range reflect.VisibleFields(typ) {
		if strings.HasPrefix(f.Tag.Get("validate"), "required") {
			return true
		}
	}
	return false
}
