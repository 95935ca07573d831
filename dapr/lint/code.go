package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Place is a line of the code.
type Place struct {
	File string
	Line int
}

// Code is what the services say of topics.
type Code struct {
	Topics    map[string]Place            // declared in pkg/event
	Publishes map[string]map[string]Place // by app: the topic of every event that it builds
	Delivers  map[string]map[string]Route // by app: where it takes a topic
}

// Route takes deliveries of a topic.
type Route struct {
	Path string
	Place
}

// readCode looks at declarations alone, so the code need not even compile:
//   - a constant Topic… of pkg/event is a topic; a method `Topic() string` says which one an event has
//   - a service that fills in an event.X{…}, or publishes to event.Topic…, publishes there
//   - a table that pairs a path with a topic, or describes it with openapi.Delivery, takes it there
func readCode(root string) (Code, error) {
	code := Code{Topics: map[string]Place{}, Publishes: map[string]map[string]Place{}, Delivers: map[string]map[string]Route{}}
	constants, topicOf := map[string]string{}, map[string]string{}
	err := eachFile(root, "pkg/event", func(file *ast.File, at func(ast.Node) Place) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) && strings.HasPrefix(name.Name, "Topic") {
						if topic := literal(n.Values[i]); topic != "" {
							constants[name.Name] = topic
							code.Topics[topic] = at(name)
						}
					}
				}
			case *ast.FuncDecl:
				if receiver, constant := topicMethod(n); constant != "" {
					topicOf[receiver] = constant
				}
			}
			return true
		})
	})
	if err != nil {
		return code, err
	}
	for _, app := range apps {
		published, routes := map[string]Place{}, map[string]Route{}
		err := eachFile(root, "services/"+app, func(file *ast.File, at func(ast.Node) Place) {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if topic := constants[topicOf[selected(n.Type)]]; topic != "" && len(n.Elts) > 0 {
						published[topic] = at(n)
					}
					if len(n.Elts) == 2 {
						addRoute(routes, literal(n.Elts[0]), constants[selected(n.Elts[1])], at(n))
					}
				case *ast.CallExpr:
					if called(n) == "Publish" && len(n.Args) > 1 {
						if topic := constants[selected(n.Args[1])]; topic != "" {
							published[topic] = at(n)
						}
					}
				case *ast.KeyValueExpr:
					if call, ok := n.Value.(*ast.CallExpr); ok && called(call) == "Delivery" && len(call.Args) == 1 {
						topic := literal(call.Args[0])
						if topic == "" {
							topic = constants[selected(call.Args[0])]
						}
						addRoute(routes, literal(n.Key), topic, at(n))
					}
				}
				return true
			})
		})
		if err != nil {
			return code, err
		}
		code.Publishes[app], code.Delivers[app] = published, routes
	}
	return code, nil
}

func addRoute(routes map[string]Route, path, topic string, place Place) {
	path = strings.TrimSpace(strings.TrimPrefix(path, "POST"))
	if !strings.HasPrefix(path, "/") || topic == "" {
		return
	}
	if !strings.HasPrefix(path, "/api/v1") {
		path = "/api/v1" + path
	}
	if _, known := routes[topic]; !known {
		routes[topic] = Route{path, place}
	}
}

// eachFile visits the Go files below a folder, without tests.
func eachFile(root, folder string, visit func(*ast.File, func(ast.Node) Place)) error {
	return filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasSuffix(name, "test") {
			return fs.SkipDir // a package of helpers for tests
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		visit(file, func(n ast.Node) Place {
			return Place{filepath.ToSlash(relative), set.Position(n.Pos()).Line}
		})
		return nil
	})
}

// topicMethod recognises `func (*X) Topic() string { return TopicY }`.
func topicMethod(f *ast.FuncDecl) (receiver, constant string) {
	if f.Name.Name != "Topic" || f.Recv == nil || f.Body == nil || len(f.Body.List) != 1 {
		return "", ""
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return "", ""
	}
	name, ok := star.X.(*ast.Ident)
	result, returns := f.Body.List[0].(*ast.ReturnStmt)
	if !ok || !returns || len(result.Results) != 1 {
		return "", ""
	}
	topic, ok := result.Results[0].(*ast.Ident)
	if !ok {
		return "", ""
	}
	return name.Name, topic.Name
}

// literal is the text of a string, or of strings added to names (http.MethodPost + " /path").
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

// selected is X of event.X.
func selected(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if p, ok := s.X.(*ast.Ident); ok && p.Name == "event" {
			return s.Sel.Name
		}
	}
	return ""
}

func called(c *ast.CallExpr) string {
	if s, ok := c.Fun.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
