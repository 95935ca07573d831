package stack_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"
)

const repositoryRoot = "../../../.."

// resiliency is as much of a Resiliency resource as decides whether an event is ever given up.
type resiliency struct {
	Kind   string
	Scopes []string
	Spec   struct {
		Policies struct {
			Retries map[string]struct {
				Policy     string
				Duration   string
				MaxRetries *int `yaml:"maxRetries"`
			}
			Timeouts        map[string]string
			CircuitBreakers map[string]any `yaml:"circuitBreakers"`
		}
		Targets struct {
			Components map[string]struct {
				Inbound struct{ Timeout, Retry, CircuitBreaker string }
			}
		}
	}
}

// A sidecar never gives an event up: the policy is constant (Dapr ends an exponential one after 15
// minutes, whatever it says of retries), endless, and that of every app that takes deliveries. What
// a pause of a day does to the journal is shown beside it.
func TestDeliveriesAreTriedWithoutEnd(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repositoryRoot, "components", "*", "resiliency.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no resiliency policies: ", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		covered := map[string]bool{}
		for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var r resiliency
			if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			inbound := r.Spec.Targets.Components["pubsub"].Inbound
			if r.Kind != "Resiliency" || inbound.Retry == "" {
				continue
			}
			policy, known := r.Spec.Policies.Retries[inbound.Retry]
			if !known || policy.Policy != "constant" || policy.Duration == "" || policy.MaxRetries == nil || *policy.MaxRetries != -1 {
				t.Errorf("%s: deliveries are retried by %q = %+v, which is not constant and endless", file, inbound.Retry, policy)
			}
			if inbound.CircuitBreaker != "" {
				t.Errorf("%s: an open circuit breaker on deliveries counts as a failure that retries cannot mend", file)
			}
			if r.Spec.Policies.Timeouts[inbound.Timeout] == "" {
				t.Errorf("%s: a delivery that hangs is never ended", file)
			}
			for _, app := range r.Scopes {
				covered[app] = true
			}
		}
		for _, app := range []string{"terminal", "cart", "journal"} {
			if !covered[app] {
				t.Errorf("%s: no policy for deliveries to %s: its sidecar gives up at the first failure", file, app)
			}
		}
	}
}
