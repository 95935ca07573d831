package check

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Resource is one rendered resource as plain data.
type Resource map[string]any

// Render gives the resources of a kustomization. Files outside of its folder may be used, because
// subscriptions belong to every stack and lie in components/.
func Render(folder string) ([]Resource, error) {
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	rendered, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	var all []Resource
	for _, r := range rendered.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, err
		}
		var one Resource
		if err := yaml.UnmarshalStrict(text, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// Kind of the resource.
func (r Resource) Kind() string { return text(r, "kind") }

// Name of the resource.
func (r Resource) Name() string { return text(r, "metadata", "name") }

func (r Resource) String() string { return r.Kind() + " " + r.Name() }

// Type is version and kind.
func (r Resource) Type() string { return text(r, "apiVersion") + " " + r.Kind() }

func ofKind(all []Resource, kinds ...string) (found []Resource) {
	for _, r := range all {
		if slices.Contains(kinds, r.Kind()) {
			found = append(found, r)
		}
	}
	return found
}

// at follows keys into plain data; nil when there is nothing.
func at(data any, keys ...string) any {
	for _, key := range keys {
		switch m := data.(type) {
		case Resource:
			data = m[key]
		case map[string]any:
			data = m[key]
		default:
			return nil
		}
	}
	return data
}

// text is at, spelt as text; "" when there is nothing.
func text(data any, keys ...string) string {
	if v := at(data, keys...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func list(data any, keys ...string) []any {
	v, _ := at(data, keys...).([]any)
	return v
}

func mapping(data any, keys ...string) map[string]any {
	v, _ := at(data, keys...).(map[string]any)
	return v
}

// A workload is a resource that makes pods.
func workloads(all []Resource) []Resource {
	found := ofKind(all, "Deployment", "StatefulSet", "DaemonSet", "Job")
	for _, c := range ofKind(all, "CronJob") {
		found = append(found, Resource{"apiVersion": c["apiVersion"], "kind": c["kind"], "metadata": c["metadata"], "spec": mapping(c, "spec", "jobTemplate", "spec")})
	}
	return found
}

// ends tells whether a workload's pods end by themselves: nobody asks them whether they are well.
func ends(w Resource) bool { return w.Kind() == "Job" || w.Kind() == "CronJob" }

func pod(workload Resource) map[string]any { return mapping(workload, "spec", "template", "spec") }

func annotations(workload Resource) map[string]any {
	return mapping(workload, "spec", "template", "metadata", "annotations")
}

func containers(workload Resource) []any {
	return append(slices.Clone(list(pod(workload), "initContainers")), list(pod(workload), "containers")...)
}

// dapred are the workloads that have a sidecar, by app id.
func dapred(all []Resource) map[string]Resource {
	found := map[string]Resource{}
	for _, w := range workloads(all) {
		if text(annotations(w), "dapr.io/enabled") == "true" {
			found[text(annotations(w), "dapr.io/app-id")] = w
		}
	}
	return found
}

// selects tells whether a selector takes the pods of a workload.
func selects(selector map[string]any, workload Resource) bool {
	labels := mapping(workload, "spec", "template", "metadata", "labels")
	for key, value := range mapping(selector, "matchLabels") {
		if text(labels, key) != fmt.Sprint(value) {
			return false
		}
	}
	for _, e := range list(selector, "matchExpressions") {
		in := slices.ContainsFunc(list(e, "values"), func(v any) bool { return fmt.Sprint(v) == text(labels, text(e, "key")) })
		if in != (text(e, "operator") == "In") {
			return false
		}
	}
	return true
}

// secretsOf are the names of the secrets that a pod needs.
func secretsOf(workload Resource) (names []string) {
	for _, c := range containers(workload) {
		for _, e := range list(c, "env") {
			if name := text(e, "valueFrom", "secretKeyRef", "name"); name != "" {
				names = append(names, name)
			}
		}
	}
	for _, v := range list(pod(workload), "volumes") {
		if name := text(v, "secret", "secretName"); name != "" {
			names = append(names, name)
		}
	}
	for key, value := range annotations(workload) {
		if strings.HasPrefix(key, "dapr.io/") && strings.HasSuffix(key, "-token-secret") {
			names = append(names, fmt.Sprint(value))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
