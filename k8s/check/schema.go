package check

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

//go:embed schemas
var schemaFiles embed.FS

// Schemas know every kind that k8s/ uses.
type Schemas struct{ kinds map[string]*jsonschema.Schema }

// LoadSchemas reads the folder schemas.
func LoadSchemas() (*Schemas, error) {
	s, compiler := &Schemas{kinds: map[string]*jsonschema.Schema{}}, jsonschema.NewCompiler()
	raw, err := schemaFiles.ReadFile("schemas/kubernetes.json")
	if err != nil {
		return nil, err
	}
	var core struct {
		Kinds      map[string]string `json:"kinds"`
		Components any               `json:"components"`
	}
	if err := json.Unmarshal(raw, &core); err != nil {
		return nil, err
	}
	if err := compiler.AddResource("kubernetes.json", map[string]any{"components": strict(core.Components)}); err != nil {
		return nil, err
	}
	for kind, definition := range core.Kinds {
		if s.kinds[kind], err = compiler.Compile("kubernetes.json#/components/schemas/" + definition); err != nil {
			return nil, err
		}
	}
	return s, s.loadCustom(compiler)
}

func (s *Schemas) loadCustom(compiler *jsonschema.Compiler) error {
	names, err := fs.Glob(schemaFiles, "schemas/crds/*.yaml")
	if err != nil {
		return err
	}
	for _, name := range names {
		raw, err := schemaFiles.ReadFile(name)
		if err != nil {
			return err
		}
		for i, document := range strings.Split(string(raw), "\n---") {
			var crd Resource
			if err := yaml.Unmarshal([]byte(document), &crd); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for _, version := range list(crd, "spec", "versions") {
				url := fmt.Sprintf("%s.%d.%s", name, i, text(version, "name"))
				schema := strict(at(version, "schema", "openAPIV3Schema"))
				if err := compiler.AddResource(url, schema); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				compiled, err := compiler.Compile(url)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				s.kinds[text(crd, "spec", "group")+"/"+text(version, "name")+" "+text(crd, "spec", "names", "kind")] = compiled
			}
		}
	}
	return nil
}

// strict makes an OpenAPI schema refuse fields that it does not name: a cluster ignores or drops them,
// and Dapr does, too, without a word.
func strict(schema any) any {
	switch v := schema.(type) {
	case map[string]any:
		fresh := map[string]any{}
		for key, value := range v {
			fresh[key] = strict(value)
		}
		_, named := v["properties"].(map[string]any)
		_, open := v["additionalProperties"]
		if keep, _ := v["x-kubernetes-preserve-unknown-fields"].(bool); named && !open && !keep {
			fresh["additionalProperties"] = false
		}
		return fresh
	case []any:
		fresh := make([]any, len(v))
		for i := range v {
			fresh[i] = strict(v[i])
		}
		return fresh
	}
	return schema
}

// Check tells what in a resource does not fit its schema.
func (s *Schemas) Check(r Resource) error {
	schema, known := s.kinds[r.Type()]
	if !known {
		return fmt.Errorf("%s: there is no schema for %s: add it to k8s/check/schemas", r, r.Type())
	}
	if err := schema.Validate(map[string]any(r)); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	return nil
}
