package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A rule looks at everything that one overlay renders to, and says what is wrong and what to do.
type rule struct {
	name  string
	check func(all []Resource) []string
}

// Rules that schemas cannot express. Each has an example in the tests that breaks it.
var rules = []rule{
	{"pods run as nobody", podsRunAsNobody},
	{"containers can change nothing", containersAreLocked},
	{"containers have limits and probes", containersAreBounded},
	{"images are pinned", imagesArePinned},
	{"services lead to pods", servicesLead},
	{"disruptions are limited", disruptionsAreLimited},
	{"scalers scale one workload each", scalersHaveTargets},
	{"sidecars are told what they need", sidecarsAreTold},
	{"scopes name apps", scopesNameApps},
	{"the app ends before its sidecar, and both before the pod", stopsAreOrdered},
	{"no secret in plain text", secretsAreReferred},
	{"nothing talks unless told", networkIsClosed},
}

// Finding is one rule that is broken.
type Finding struct{ Rule, Text string }

func (f Finding) String() string { return f.Rule + ": " + f.Text }

// Check holds resources against the rules.
func Check(all []Resource) (found []Finding) {
	for _, r := range rules {
		for _, text := range r.check(all) {
			found = append(found, Finding{r.name, text})
		}
	}
	return found
}

// wanted compares settings with what they must be.
func wanted(where string, data any, settings map[string]string) (wrong []string) {
	for path, want := range settings {
		if got := text(data, strings.Split(path, ".")...); got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %s is %q: set it to %s", where, path, got, want))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func podsRunAsNobody(all []Resource) (wrong []string) {
	for _, w := range workloads(all) {
		wrong = append(wrong, wanted(w.String(), pod(w), map[string]string{
			"securityContext.runAsNonRoot": "true", "securityContext.seccompProfile.type": "RuntimeDefault",
			"automountServiceAccountToken": "false",
		})...)
		name := text(pod(w), "serviceAccountName")
		for _, account := range ofKind(all, "ServiceAccount") {
			if account.Name() == name {
				name = ""
				wrong = append(wrong, wanted(account.String(), account, map[string]string{"automountServiceAccountToken": "false"})...)
			}
		}
		if name != "" {
			wrong = append(wrong, fmt.Sprintf("%s: there is no ServiceAccount %s", w, name))
		}
	}
	return wrong
}

func containersAreLocked(all []Resource) (wrong []string) {
	for _, w := range workloads(all) {
		for _, c := range containers(w) {
			wrong = append(wrong, wanted(w.String()+"/"+text(c, "name"), at(c, "securityContext"), map[string]string{
				"allowPrivilegeEscalation": "false", "readOnlyRootFilesystem": "true", "capabilities.drop": "[ALL]",
			})...)
		}
	}
	return wrong
}

func containersAreBounded(all []Resource) (wrong []string) {
	for _, w := range workloads(all) {
		for _, c := range containers(w) {
			paths := []string{"resources.requests.cpu", "resources.requests.memory", "resources.limits.memory"}
			if !ends(w) {
				paths = append(paths, "startupProbe", "livenessProbe", "readinessProbe")
			}
			for _, path := range paths {
				if at(c, strings.Split(path, ".")...) == nil {
					wrong = append(wrong, fmt.Sprintf("%s/%s has no %s", w, text(c, "name"), path))
				}
			}
		}
	}
	return wrong
}

var pinned = regexp.MustCompile(`(:v?[0-9]+\.[0-9]+[^:]*|@sha256:[0-9a-f]{64})$`)

func imagesArePinned(all []Resource) (wrong []string) {
	for _, w := range workloads(all) {
		for _, c := range containers(w) {
			if image := text(c, "image"); !pinned.MatchString(image) {
				wrong = append(wrong, fmt.Sprintf("%s: the image %s may be another one tomorrow: name a version or a digest", w, image))
			}
		}
	}
	return wrong
}

func servicesLead(all []Resource) (wrong []string) {
	for _, s := range ofKind(all, "Service") {
		found := false
		for _, w := range workloads(all) {
			if !selects(map[string]any{"matchLabels": at(s, "spec", "selector")}, w) {
				continue
			}
			found = true
			for _, port := range list(s, "spec", "ports") {
				if _, ok := portOf(w, text(port, "targetPort")); !ok {
					wrong = append(wrong, fmt.Sprintf("%s: %s has no port %s", s, w, text(port, "targetPort")))
				}
			}
		}
		if !found {
			wrong = append(wrong, fmt.Sprintf("%s selects no pod", s))
		}
	}
	return wrong
}

// portOf finds a port of a pod by name or number.
func portOf(w Resource, port string) (number string, found bool) {
	for _, c := range containers(w) {
		for _, p := range list(c, "ports") {
			if number = text(p, "containerPort"); port == number || port == text(p, "name") {
				return number, true
			}
		}
	}
	return "", false
}

func disruptionsAreLimited(all []Resource) (wrong []string) {
	covered := map[string]int{}
	for _, budget := range ofKind(all, "PodDisruptionBudget") {
		found := 0
		for _, w := range workloads(all) {
			if selects(mapping(budget, "spec", "selector"), w) {
				found++
				covered[w.Name()]++
			}
		}
		if found != 1 {
			wrong = append(wrong, fmt.Sprintf("%s selects the pods of %d workloads, not of one", budget, found))
		}
	}
	for id, w := range dapred(all) {
		if covered[w.Name()] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s has no PodDisruptionBudget: draining nodes could stop all of it at once", id))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func scalersHaveTargets(all []Resource) (wrong []string) {
	by := map[string]string{}
	for _, scaler := range ofKind(all, "HorizontalPodAutoscaler", "ScaledObject") {
		kind, name := text(scaler, "spec", "scaleTargetRef", "kind"), text(scaler, "spec", "scaleTargetRef", "name")
		target := slices.IndexFunc(all, func(r Resource) bool { return r.Kind() == kind && r.Name() == name })
		if target < 0 {
			wrong = append(wrong, fmt.Sprintf("%s scales %s %s, which is not there", scaler, kind, name))
			continue
		}
		if other := by[name]; other != "" {
			wrong = append(wrong, fmt.Sprintf("%s and %s both scale %s: they would undo each other's work", other, scaler, name))
		}
		by[name] = scaler.String()
		if at(all[target], "spec", "replicas") != nil {
			wrong = append(wrong, fmt.Sprintf("%s has replicas, which every apply would set back: %s decides", all[target], scaler))
		}
		for _, metric := range list(scaler, "spec", "metrics") {
			container := text(metric, "containerResource", "container")
			if !slices.ContainsFunc(containers(all[target]), func(c any) bool { return text(c, "name") == container }) {
				wrong = append(wrong, fmt.Sprintf("%s measures the container %q, which %s has not", scaler, container, name))
			}
		}
		for _, trigger := range list(scaler, "spec", "triggers") {
			auth := text(trigger, "authenticationRef", "name")
			if auth != "" && !slices.ContainsFunc(ofKind(all, "TriggerAuthentication"), func(r Resource) bool { return r.Name() == auth }) {
				wrong = append(wrong, fmt.Sprintf("%s: there is no TriggerAuthentication %s", scaler, auth))
			}
		}
	}
	return wrong
}

func sidecarsAreTold(all []Resource) (wrong []string) {
	known := daprAnnotations()
	for id, w := range dapred(all) {
		a := annotations(w)
		for key := range a {
			if strings.HasPrefix(key, "dapr.io/") && !known[key] {
				wrong = append(wrong, fmt.Sprintf("%s: Dapr knows no annotation %s and would ignore it", id, key))
			}
		}
		for key, want := range map[string]string{
			"dapr.io/enable-app-health-check": "true", "dapr.io/app-health-check-path": "/readyz", "dapr.io/log-as-json": "true",
			"dapr.io/sidecar-listen-addresses": "127.0.0.1", "dapr.io/sidecar-seccomp-profile-type": "RuntimeDefault",
			"dapr.io/disable-builtin-k8s-secret-store": "true",
		} {
			if text(a, key) != want {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %q: set it to %s", id, key, text(a, key), want))
			}
		}
		for _, key := range []string{"dapr.io/sidecar-memory-limit", "dapr.io/sidecar-memory-request", "dapr.io/sidecar-cpu-request"} {
			if text(a, key) == "" {
				wrong = append(wrong, fmt.Sprintf("%s: %s is missing: a sidecar without it takes what it likes", id, key))
			}
		}
		port := text(a, "dapr.io/app-port")
		if number, ok := portOf(w, port); !ok || number != port {
			wrong = append(wrong, fmt.Sprintf("%s: the sidecar calls port %s, where no container listens", id, port))
		}
		if listen := variable(w, "APP_PORT"); text(listen, "value") != port {
			wrong = append(wrong, fmt.Sprintf("%s: APP_PORT is %q, the sidecar calls %s", id, text(listen, "value"), port))
		}
		for key, name := range map[string]string{"dapr.io/app-token-secret": "APP_API_TOKEN", "dapr.io/api-token-secret": "DAPR_API_TOKEN"} {
			mine := text(variable(w, name), "valueFrom", "secretKeyRef", "name")
			if mine == "" || mine != text(a, key) {
				wrong = append(wrong, fmt.Sprintf("%s: %s comes from the secret %q, %s from %q: app and sidecar need the same", id, name, mine, key, text(a, key)))
			}
		}
		config := text(a, "dapr.io/config")
		if !slices.ContainsFunc(ofKind(all, "Configuration"), func(r Resource) bool { return r.Name() == config }) {
			wrong = append(wrong, fmt.Sprintf("%s: there is no Configuration %s", id, config))
		}
		for _, mount := range strings.Split(text(a, "dapr.io/volume-mounts"), ",") {
			volume, _, _ := strings.Cut(mount, ":")
			if !slices.ContainsFunc(list(pod(w), "volumes"), func(v any) bool { return text(v, "name") == volume }) {
				wrong = append(wrong, fmt.Sprintf("%s: the sidecar mounts the volume %q, which the pod has not", id, volume))
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

func daprAnnotations() map[string]bool {
	raw, err := schemaFiles.ReadFile("schemas/dapr-annotations.txt")
	if err != nil {
		panic(err) // it is part of the program
	}
	known := map[string]bool{}
	for _, line := range strings.Fields(string(raw)) {
		known[line] = true
	}
	return known
}

// variable is an entry of a pod's environment.
func variable(w Resource, name string) any {
	for _, c := range containers(w) {
		for _, e := range list(c, "env") {
			if text(e, "name") == name {
				return e
			}
		}
	}
	return nil
}

func scopesNameApps(all []Resource) (wrong []string) {
	apps := dapred(all)
	for _, r := range ofKind(all, "Component", "Subscription", "Resiliency", "HTTPEndpoint") {
		scopes := list(r, "scopes")
		if len(scopes) == 0 {
			wrong = append(wrong, fmt.Sprintf("%s has no scopes: every app in the namespace would get it", r))
		}
		for _, scope := range scopes {
			if _, found := apps[fmt.Sprint(scope)]; !found {
				wrong = append(wrong, fmt.Sprintf("%s is for %v, which is no app here", r, scope))
			}
		}
		if pubsub := text(r, "spec", "pubsubname"); pubsub != "" &&
			!slices.ContainsFunc(ofKind(all, "Component"), func(c Resource) bool { return c.Name() == pubsub }) {
			wrong = append(wrong, fmt.Sprintf("%s: there is no Component %s", r, pubsub))
		}
		if store := text(r, "auth", "secretStore"); store != "" &&
			!slices.ContainsFunc(ofKind(all, "Component"), func(c Resource) bool { return c.Name() == store }) {
			wrong = append(wrong, fmt.Sprintf("%s: there is no secret store %s", r, store))
		}
	}
	return wrong
}

// stopsAreOrdered adds up what a stop may take: the pause before the app is told, the app's grace, then
// the sidecar's. block-shutdown-duration runs beside the app's grace and must not be shorter.
func stopsAreOrdered(all []Resource) (wrong []string) {
	for id, w := range dapred(all) {
		a := annotations(w)
		pause := 0
		for _, c := range containers(w) {
			n, _ := strconv.Atoi(text(c, "lifecycle", "preStop", "sleep", "seconds"))
			pause = max(pause, n)
		}
		grace, err := time.ParseDuration(text(variable(w, "TILLROLL_STOP_GRACE"), "value"))
		block, blockErr := time.ParseDuration(text(a, "dapr.io/block-shutdown-duration"))
		sidecar, _ := strconv.Atoi(text(a, "dapr.io/graceful-shutdown-seconds"))
		total, _ := strconv.Atoi(text(pod(w), "terminationGracePeriodSeconds"))
		switch needed := time.Duration(pause+sidecar)*time.Second + max(grace, block); {
		case err != nil || blockErr != nil || sidecar == 0 || pause == 0:
			wrong = append(wrong, fmt.Sprintf("%s: say how long a stop may take: preStop.sleep, TILLROLL_STOP_GRACE, dapr.io/block-shutdown-duration, dapr.io/graceful-shutdown-seconds", id))
		case text(a, "dapr.io/enable-native-sidecar") != "true":
			wrong = append(wrong, fmt.Sprintf("%s: without dapr.io/enable-native-sidecar the sidecar is stopped together with its app", id))
		case block < grace:
			wrong = append(wrong, fmt.Sprintf("%s: the sidecar may leave after %s (block-shutdown-duration), the app after %s (TILLROLL_STOP_GRACE)", id, block, grace))
		case time.Duration(total)*time.Second <= needed:
			wrong = append(wrong, fmt.Sprintf("%s: a stop may take %s, and the pod is killed after %d s: raise terminationGracePeriodSeconds", id, needed, total))
		}
	}
	slices.Sort(wrong)
	return wrong
}

var secretive = regexp.MustCompile(`(?i)(password|passwd|token|secret(key)?|credential|connectionstring|_uri|_key|username)$`)

func secretsAreReferred(all []Resource) (wrong []string) {
	for _, s := range ofKind(all, "Secret") {
		wrong = append(wrong, fmt.Sprintf("%s: its content would be in the repository: refer to one that is made in the cluster", s))
	}
	for _, w := range workloads(all) {
		for _, c := range containers(w) {
			for _, e := range list(c, "env") {
				if secretive.MatchString(text(e, "name")) && text(e, "value") != "" {
					wrong = append(wrong, fmt.Sprintf("%s: %s stands there in plain text: use secretKeyRef", w, text(e, "name")))
				}
			}
		}
	}
	for _, r := range ofKind(all, "Component") {
		for _, m := range list(r, "spec", "metadata") {
			if secretive.MatchString(text(m, "name")) && text(m, "value") != "" {
				wrong = append(wrong, fmt.Sprintf("%s: %s stands there in plain text: use secretKeyRef", r, text(m, "name")))
			}
		}
	}
	return wrong
}

func networkIsClosed(all []Resource) (wrong []string) {
	closed := false
	for _, p := range ofKind(all, "NetworkPolicy") {
		spec := mapping(p, "spec")
		types := fmt.Sprint(at(spec, "policyTypes"))
		if selector, is := spec["podSelector"].(map[string]any); is && len(selector) == 0 && spec["ingress"] == nil && spec["egress"] == nil && types == "[Ingress Egress]" {
			closed = true
			continue
		}
		taken := slices.ContainsFunc(workloads(all), func(w Resource) bool { return selects(mapping(spec, "podSelector"), w) })
		if !taken {
			wrong = append(wrong, fmt.Sprintf("%s is about no pod", p))
		}
		for _, side := range []string{"ingress", "egress"} {
			for _, r := range list(spec, side) {
				peers := append(slices.Clone(list(r, "from")), list(r, "to")...)
				if len(peers) == 0 || len(list(r, "ports")) == 0 {
					wrong = append(wrong, fmt.Sprintf("%s: a rule of %s is open to everybody, or on every port: name both", p, side))
				}
			}
		}
	}
	if !closed {
		wrong = append(wrong, "there is no policy that forbids everything else: what no policy is about is open")
	}
	return wrong
}
