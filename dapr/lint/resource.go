package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Finding is one thing that is wrong, and what to do about it.
type Finding struct {
	File, Rule, What, Do string
	Line                 int
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: [%s] %s. %s", f.File, f.Line, f.Rule, f.What, f.Do)
}

// Resource is one document of a file.
type Resource struct {
	File  string // relative to the root
	First bool   // in its file
	Node  *yaml.Node
}

// readFolder reads every YAML file of a folder, as a sidecar does: not those of folders in it.
func readFolder(root, folder string) ([]Resource, error) {
	files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no *.yaml", folder)
	}
	var all []Resource
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		found, err := readFile(root, name)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func readFile(root, name string) ([]Resource, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	var all []Resource
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
			all = append(all, Resource{File: filepath.ToSlash(name), First: len(all) == 0, Node: doc.Content[0]})
		}
	}
}

// at gives the node at a path of keys, or nil.
func at(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		i := slices.IndexFunc(node.Content, func(n *yaml.Node) bool { return n.Value == key })
		// Keys stand at even places; a value of the same text may stand at an odd one.
		for i >= 0 && i%2 == 1 {
			next := slices.IndexFunc(node.Content[i+1:], func(n *yaml.Node) bool { return n.Value == key })
			if next < 0 {
				return nil
			}
			i += 1 + next
		}
		if i < 0 {
			return nil
		}
		node = node.Content[i+1]
	}
	return node
}

// text at a path of keys; empty when there is none.
func (r Resource) text(path ...string) string {
	if n := at(r.Node, path...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

func (r Resource) kind() string { return r.text("kind") }
func (r Resource) name() string { return r.text("metadata", "name") }

// list at a path of keys.
func (r Resource) list(path ...string) []*yaml.Node {
	if n := at(r.Node, path...); n != nil && n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return nil
}

func (r Resource) scopes() []string {
	var all []string
	for _, n := range r.list("scopes") {
		all = append(all, n.Value)
	}
	return all
}

// line at a path of keys, else of the document.
func (r Resource) line(path ...string) int {
	for end := len(path); end > 0; end-- {
		if n := at(r.Node, path[:end]...); n != nil {
			return n.Line
		}
	}
	return r.Node.Line
}

// setting is an entry of a component's metadata.
func (r Resource) setting(name string) *yaml.Node {
	for _, entry := range r.list("spec", "metadata") {
		if n := at(entry, "name"); n != nil && n.Value == name {
			return entry
		}
	}
	return nil
}

func (r Resource) settingText(name string) string {
	if n := at(r.setting(name), "value"); n != nil {
		return n.Value
	}
	return ""
}

func (r Resource) settingLine(name string) int {
	if n := r.setting(name); n != nil {
		return n.Line
	}
	return r.line("spec", "metadata")
}

// topics reads `topic-a, topic-b`.
func topics(text string) []string {
	var all []string
	for _, topic := range strings.Split(text, ",") {
		if topic = strings.TrimSpace(topic); topic != "" {
			all = append(all, topic)
		}
	}
	return all
}

// byApp reads `cart=topic-a,topic-b;journal=topic-c`.
func byApp(text string) map[string][]string {
	all := map[string][]string{}
	for _, entry := range strings.Split(text, ";") {
		app, list, _ := strings.Cut(entry, "=")
		if app = strings.TrimSpace(app); app != "" {
			all[app] = topics(list)
		}
	}
	return all
}
