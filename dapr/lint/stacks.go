package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Stack is what one sidecar loads: the resources of some folders.
type Stack struct {
	Name      string
	Resources []Resource
}

// apps that may be named in scopes.
var apps = []string{"terminal", "cart", "journal"}

// Check reads everything below root and applies every rule.
func Check(root string) ([]Finding, error) {
	var c checker
	folders, err := c.runFiles(root)
	if err != nil {
		return nil, err
	}
	production, err := productionFolders(root)
	if err != nil {
		return nil, err
	}
	for name, list := range production {
		folders[name] = list
	}
	code, err := readCode(root)
	if err != nil {
		return nil, err
	}
	overlays, err := overlayStacks(root)
	if err != nil {
		return nil, err
	}
	for _, stack := range overlays {
		c.stack(stack, code)
	}
	for _, name := range sorted(folders) {
		stack := Stack{Name: name}
		for _, folder := range folders[name] {
			found, err := readFolder(root, folder)
			if err != nil {
				return nil, fmt.Errorf("stack %s: %w", name, err)
			}
			stack.Resources = append(stack.Resources, found...)
		}
		c.stack(stack, code)
	}
	return c.sorted(), nil
}

// runFiles checks the run files of dapr/ and gives the folders that each of them names.
func (c *checker) runFiles(root string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "dapr", "*.yaml"))
	if err != nil {
		return nil, err
	}
	folders := map[string][]string{}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		docs, err := readFile(root, name)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if doc.kind() != "" {
				c.document(doc) // a Configuration
				continue
			}
			c.runFile(doc)
			for _, n := range doc.list("common", "resourcesPaths") {
				folders[path.Base(doc.File)] = append(folders[path.Base(doc.File)], path.Join("dapr", n.Value))
			}
		}
	}
	return folders, nil
}

// productionFolders are the stacks of components/production: each folder in it is a choice of a broker.
func productionFolders(root string) (map[string][]string, error) {
	const base = "components/production"
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(base)))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, entry := range entries {
		if entry.IsDir() {
			all["production/"+entry.Name()] = []string{base, path.Join(base, entry.Name()), "components/subscriptions"}
		}
	}
	return all, nil
}

// overlayStacks are those of Kubernetes: each folder of k8s whose kustomization has a pub/sub component.
func overlayStacks(root string) ([]Stack, error) {
	files, err := filepath.Glob(filepath.Join(root, "k8s", "*", "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	var stacks []Stack
	for _, file := range files {
		name := path.Join("k8s", filepath.Base(filepath.Dir(file)))
		resources, err := kustomized(root, name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(resources, func(r Resource) bool { return strings.HasPrefix(r.text("spec", "type"), "pubsub.") }) {
			stacks = append(stacks, Stack{Name: name, Resources: resources})
		}
	}
	return stacks, nil
}

// kustomized reads what the kustomization of a folder names, and of that the resources of Dapr. Patches
// are not applied: no Dapr resource of ours has any.
func kustomized(root, folder string) ([]Resource, error) {
	docs, err := readFile(root, path.Join(folder, "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	var all []Resource
	for _, doc := range docs {
		for _, n := range doc.list("resources") {
			name := path.Join(folder, n.Value)
			read := readFile
			if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err == nil && info.IsDir() {
				read = kustomized
			}
			found, err := read(root, name)
			if err != nil {
				return nil, err
			}
			for _, r := range found {
				if strings.HasPrefix(r.text("apiVersion"), "dapr.io/") {
					all = append(all, r)
				}
			}
		}
	}
	return all, nil
}

// checker collects findings. The same file may belong to several stacks: each finding counts once.
type checker struct{ findings []Finding }

func (c *checker) add(file string, line int, rule, what, do string) {
	f := Finding{File: file, Line: line, Rule: rule, What: what, Do: do}
	if !slices.Contains(c.findings, f) {
		c.findings = append(c.findings, f)
	}
}

func (c *checker) sorted() []Finding {
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		if by := strings.Compare(a.File, b.File); by != 0 {
			return by
		}
		return a.Line - b.Line
	})
	return c.findings
}
