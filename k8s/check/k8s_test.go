package check

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var overlays = []string{"dev", "production"}

func render(t *testing.T, overlay string) []Resource {
	t.Helper()
	all, err := Render("../" + overlay)
	require.NoError(t, err)
	return all
}

// copyOf gives resources that a test may spoil.
func copyOf(t *testing.T, all []Resource) (fresh []Resource) {
	t.Helper()
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &fresh))
	return fresh
}

func find(t *testing.T, all []Resource, kind, name string) Resource {
	t.Helper()
	i := slices.IndexFunc(all, func(r Resource) bool { return r.Kind() == kind && r.Name() == name })
	require.GreaterOrEqual(t, i, 0, "%s %s", kind, name)
	return all[i]
}

func TestEveryOverlayFitsTheSchemasAndTheRules(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			all := render(t, overlay)
			assert.Len(t, dapred(all), 3, "terminal, cart, journal")
			for _, r := range all {
				assert.NoError(t, schemas.Check(r))
			}
			for _, f := range Check(all) {
				t.Error(f)
			}
		})
	}
}

// What a cluster would drop without a word is an error here.
func TestSchemasRefuse(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	all := render(t, "production")
	for name, c := range map[string]struct {
		kind, resource string
		spoil          func(r Resource)
		says           string
	}{
		"a misspelt field":            {"Deployment", "cart", func(r Resource) { pod(r)["terminationGracePeriodSecond"] = 1 }, "terminationGracePeriodSecond"},
		"a misspelt field in a probe": {"Deployment", "cart", func(r Resource) { mapping(containers(r)[0], "livenessProbe")["periodSecond"] = 1 }, "periodSecond"},
		"text for a number":           {"Deployment", "cart", func(r Resource) { pod(r)["terminationGracePeriodSeconds"] = "60" }, "got string"},
		"a missing field":             {"PodDisruptionBudget", "cart", func(r Resource) { delete(mapping(r, "metadata"), "name"); r["spec"] = "x" }, "got string"},
		"Dapr: a misspelt field":      {"Component", "pubsub", func(r Resource) { r["scope"] = []any{"cart"} }, "scope"},
		"Dapr: no type":               {"Component", "pubsub", func(r Resource) { delete(mapping(r, "spec"), "type") }, "missing property 'type'"},
		"Dapr: a misspelt policy":     {"Resiliency", "delivery", func(r Resource) { mapping(r, "spec", "policies", "retries", "forever")["maxRetry"] = 3 }, "maxRetry"},
		"Dapr: a subscription":        {"Subscription", "cart-terminal", func(r Resource) { mapping(r, "spec")["deadLetter"] = "x" }, "deadLetter"},
		"KEDA: no triggers":           {"ScaledObject", "journal", func(r Resource) { delete(mapping(r, "spec"), "triggers") }, "triggers"},
		"a kind that nobody knows":    {"Component", "pubsub", func(r Resource) { r["kind"] = "Componnt" }, "there is no schema"},
	} {
		t.Run(name, func(t *testing.T) {
			r := find(t, copyOf(t, all), c.kind, c.resource)
			require.NoError(t, schemas.Check(r))
			c.spoil(r)
			require.ErrorContains(t, schemas.Check(r), c.says)
		})
	}
}

// A rule that cannot fail is no rule: each is broken in every way that it knows.
func TestRulesCanFail(t *testing.T) {
	all := render(t, "production")
	require.Empty(t, Check(all))
	container := func(r Resource) map[string]any { return containers(r)[0].(map[string]any) }
	broken := map[string]bool{}
	for name, c := range map[string]struct {
		rule, kind, resource string
		spoil                func(r Resource)
		says                 string
	}{
		"root":              {"pods run as nobody", "Deployment", "cart", func(r Resource) { delete(pod(r), "securityContext") }, "runAsNonRoot"},
		"token":             {"pods run as nobody", "ServiceAccount", "cart", func(r Resource) { delete(r, "automountServiceAccountToken") }, "automount"},
		"no account":        {"pods run as nobody", "Deployment", "cart", func(r Resource) { pod(r)["serviceAccountName"] = "other" }, "no ServiceAccount other"},
		"writable":          {"containers can change nothing", "Deployment", "cart", func(r Resource) { mapping(container(r), "securityContext")["readOnlyRootFilesystem"] = false }, "readOnlyRoot"},
		"capabilities":      {"containers can change nothing", "Deployment", "cart", func(r Resource) { delete(mapping(container(r), "securityContext"), "capabilities") }, "capabilities"},
		"no limit":          {"containers have limits and probes", "Deployment", "cart", func(r Resource) { delete(mapping(container(r), "resources"), "limits") }, "limits.memory"},
		"no probe":          {"containers have limits and probes", "Deployment", "cart", func(r Resource) { delete(container(r), "readinessProbe") }, "readinessProbe"},
		"latest":            {"images are pinned", "Deployment", "cart", func(r Resource) { container(r)["image"] = "tillroll/cart:latest" }, "latest"},
		"no tag":            {"images are pinned", "Deployment", "cart", func(r Resource) { container(r)["image"] = "host:5000/tillroll/cart" }, "host:5000"},
		"selects nothing":   {"services lead to pods", "Service", "cart", func(r Resource) { mapping(r, "spec")["selector"] = map[string]any{"app": "cart"} }, "selects no pod"},
		"no such port":      {"services lead to pods", "Service", "cart", func(r Resource) { list(r, "spec", "ports")[0].(map[string]any)["targetPort"] = 80 }, "has no port 80"},
		"budget of nothing": {"disruptions are limited", "PodDisruptionBudget", "cart", func(r Resource) { mapping(r, "spec", "selector")["matchLabels"] = map[string]any{"a": "b"} }, "of 0 workloads"},
		"no budget":         {"disruptions are limited", "PodDisruptionBudget", "cart", func(r Resource) { r["kind"] = "None" }, "no PodDisruptionBudget"},
		"no target":         {"scalers scale one workload each", "HorizontalPodAutoscaler", "cart", func(r Resource) { mapping(r, "spec", "scaleTargetRef")["name"] = "kart" }, "not there"},
		"two for one":       {"scalers scale one workload each", "HorizontalPodAutoscaler", "cart", func(r Resource) { mapping(r, "spec", "scaleTargetRef")["name"] = "journal" }, "both scale journal"},
		"replicas":          {"scalers scale one workload each", "Deployment", "journal", func(r Resource) { mapping(r, "spec")["replicas"] = 3 }, "set back"},
		"no container":      {"scalers scale one workload each", "Deployment", "cart", func(r Resource) { container(r)["name"] = "cart" }, "the container \"service\""},
		"no broker access":  {"scalers scale one workload each", "TriggerAuthentication", "broker-lag", func(r Resource) { mapping(r, "metadata")["name"] = "x" }, "no TriggerAuthentication"},
		"annotation":        {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { annotations(r)["dapr.io/app-ports"] = "1" }, "knows no annotation"},
		"no health check":   {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { delete(annotations(r), "dapr.io/enable-app-health-check") }, "enable-app-health-check"},
		"open sidecar":      {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { annotations(r)["dapr.io/sidecar-listen-addresses"] = "0.0.0.0" }, "127.0.0.1"},
		"unbounded sidecar": {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { delete(annotations(r), "dapr.io/sidecar-memory-limit") }, "takes what it likes"},
		"wrong port":        {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { annotations(r)["dapr.io/app-port"] = "8001" }, "no container listens"},
		"two tokens":        {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { annotations(r)["dapr.io/app-token-secret"] = "x" }, "need the same"},
		"no configuration":  {"sidecars are told what they need", "Configuration", "tillroll", func(r Resource) { mapping(r, "metadata")["name"] = "x" }, "no Configuration tillroll"},
		"no volume":         {"sidecars are told what they need", "Deployment", "cart", func(r Resource) { delete(pod(r), "volumes") }, "which the pod has not"},
		"unscoped":          {"scopes name apps", "Component", "pubsub", func(r Resource) { delete(r, "scopes") }, "has no scopes"},
		"scope of nobody":   {"scopes name apps", "Component", "pubsub", func(r Resource) { r["scopes"] = []any{"kart"} }, "no app here"},
		"no pubsub":         {"scopes name apps", "Component", "pubsub", func(r Resource) { mapping(r, "metadata")["name"] = "x" }, "no Component pubsub"},
		"no secret store":   {"scopes name apps", "Component", "secretstore", func(r Resource) { mapping(r, "metadata")["name"] = "x" }, "no secret store"},
		"killed too soon":   {"the app ends before its sidecar, and both before the pod", "Deployment", "cart", func(r Resource) { pod(r)["terminationGracePeriodSeconds"] = 35 }, "killed after 35 s"},
		"sidecar first":     {"the app ends before its sidecar, and both before the pod", "Deployment", "cart", func(r Resource) { delete(annotations(r), "dapr.io/enable-native-sidecar") }, "together with its app"},
		"sidecar leaves":    {"the app ends before its sidecar, and both before the pod", "Deployment", "cart", func(r Resource) { annotations(r)["dapr.io/block-shutdown-duration"] = "5s" }, "may leave after 5s"},
		"no pause":          {"the app ends before its sidecar, and both before the pod", "Deployment", "cart", func(r Resource) { delete(container(r), "lifecycle") }, "say how long"},
		"a secret":          {"no secret in plain text", "Service", "cart", func(r Resource) { r["kind"] = "Secret" }, "in the repository"},
		"plain variable":    {"no secret in plain text", "Deployment", "cart", func(r Resource) { setVariable(r, "APP_API_TOKEN", "t0ken") }, "APP_API_TOKEN stands there"},
		"plain component":   {"no secret in plain text", "Component", "pubsub", func(r Resource) { setMetadata(r, "saslPassword", "x") }, "saslPassword stands there"},
		"open network":      {"nothing talks unless told", "NetworkPolicy", "default-deny", func(r Resource) { mapping(r, "spec")["policyTypes"] = []any{"Ingress"} }, "forbids everything else"},
		"open to all":       {"nothing talks unless told", "NetworkPolicy", "callers", func(r Resource) { delete(list(r, "spec", "ingress")[0].(map[string]any), "from") }, "open to everybody"},
		"about nobody": {"nothing talks unless told", "NetworkPolicy", "to-redis", func(r Resource) {
			mapping(r, "spec")["podSelector"] = map[string]any{"matchLabels": map[string]any{"a": "b"}}
		}, "about no pod"},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := copyOf(t, all)
			c.spoil(find(t, fresh, c.kind, c.resource))
			found := fmt.Sprint(Check(fresh))
			require.Contains(t, found, c.rule+": ")
			require.Contains(t, found, c.says)
			broken[c.rule] = true
		})
	}
	for _, r := range rules {
		assert.True(t, broken[r.name], "no example breaks %q", r.name)
	}
}

func setVariable(r Resource, name, value string) {
	v := variable(r, name).(map[string]any)
	delete(v, "valueFrom")
	v["value"] = value
}

func setMetadata(r Resource, name, value string) {
	for _, m := range list(r, "spec", "metadata") {
		if text(m, "name") == name {
			delete(m.(map[string]any), "secretKeyRef")
			m.(map[string]any)["value"] = value
		}
	}
}

// The README lists every secret that an overlay needs, and no other.
func TestTheReadmeListsTheSecrets(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	table, _, _ := strings.Cut(string(readme), "`secrets.json` is one object")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ").FindAllStringSubmatch(table, -1) {
		listed[row[1]] = true
	}
	needed := map[string]bool{}
	for _, overlay := range overlays {
		all := render(t, overlay)
		for _, w := range workloads(all) {
			for _, name := range secretsOf(w) {
				needed[name] = true
			}
		}
		for _, a := range ofKind(all, "TriggerAuthentication") {
			for _, ref := range list(a, "spec", "secretTargetRef") {
				needed[text(ref, "name")] = true
			}
		}
	}
	assert.Equal(t, needed, listed)
}

// Every key of the secret store that a component asks for is in the README, too.
func TestTheReadmeListsTheKeysOfTheSecretStore(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for _, overlay := range overlays {
		all := render(t, overlay)
		for _, c := range ofKind(all, "Component") {
			for _, m := range list(c, "spec", "metadata") {
				if name := text(m, "secretKeyRef", "name"); name != "" {
					assert.Contains(t, string(readme), "| `"+name+"` |", c.String())
					if key := text(m, "secretKeyRef", "key"); key != name {
						assert.Contains(t, string(readme), `"`+key+`"`, c.String())
					}
				}
			}
		}
		for _, scope := range list(find(t, all, "Configuration", "tillroll"), "spec", "secrets", "scopes") {
			for _, key := range list(scope, "allowedSecrets") {
				assert.Contains(t, string(readme), fmt.Sprintf("`%v`", key))
			}
		}
	}
}
