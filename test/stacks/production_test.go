package stacks_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state/daprstate"
	"github.com/tillroll/tillroll/pkg/state/statetest"
	"github.com/tillroll/tillroll/test/stack"
)

// secretReference is a setting that refers to a secret, with the secret's name and key.
var secretReference = regexp.MustCompile(`(?m)^( *)secretKeyRef:.*\n\s+name: \S+\n\s+key: \S+$`)

// The state store of components/production on a real PostgreSQL: it passes the check that the services
// make at their start, and the contract of the state port. Of the file only the secret is replaced, by
// the address of the test's server.
func TestStateContractOnPostgreSQL(t *testing.T) {
	err := stack.Kind{Redis: &stack.Redis{}}.Missing()
	if err != nil {
		stack.Skip(t, err)
	}
	server, err := stack.StartPostgreSQL()
	if errors.Is(err, stack.ErrNoPostgreSQL) {
		stack.Skip(t, err)
	}
	require.NoError(t, err)
	t.Cleanup(server.Remove)
	root, err := stack.Root()
	require.NoError(t, err)
	file, err := os.ReadFile(filepath.Join(root, "components", "production", "statestore.yaml"))
	require.NoError(t, err)
	require.Len(t, secretReference.FindAllString(string(file), -1), 1, "the connection string is a secret, and nothing else is")
	resources := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(resources, "statestore.yaml"),
		secretReference.ReplaceAll(file, []byte("${1}value: "+server.ConnectionString)), 0o600))

	sidecar := stack.StartSidecar(t, filepath.Join(root, "bin", "dapr-runtime", ".dapr", "bin", "daprd"), "cart", "", resources)
	client, err := dapr.NewClientWithAddressContext(t.Context(), sidecar.GRPC)
	require.NoError(t, err)
	defer client.Close()
	store := daprstate.New(client, "statestore")
	require.NoError(t, store.Check(t.Context()))
	statetest.Run(t, store, time.Sleep)
}

// Of the brokers that no machine of ours has: a real sidecar takes every setting of the file, and the
// configuration of production beside it, and then finds nobody at the address.
func TestProductionBrokersAreTakenByARealSidecar(t *testing.T) {
	if err := (stack.Kind{Redis: &stack.Redis{}}).Missing(); err != nil {
		stack.Skip(t, err)
	}
	root, err := stack.Root()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		secrets map[string]string
		address [2]string // in the file, and where nobody listens
		says    string
	}{
		"kafka": {
			secrets: map[string]string{"brokers": "127.0.0.1:9", "username": "u", "password": "p", "ca.crt": `""`},
			says:    "client has run out of available brokers",
		},
		"jetstream": {
			secrets: map[string]string{"jwt": "any", "seed": "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"},
			address: [2]string{"nats://nats.nats.svc:4222", "nats://127.0.0.1:9"},
			says:    "no servers available for connection",
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(root, "components", "production", name, "pubsub.yaml"))
			require.NoError(t, err)
			text := secretReference.ReplaceAllStringFunc(string(file), func(reference string) string {
				indent, key := reference[:strings.Index(reference, "secretKeyRef")], reference[strings.LastIndex(reference, " ")+1:]
				require.Contains(t, c.secrets, key)
				return indent + "value: " + c.secrets[key]
			})
			text = strings.ReplaceAll(text, "auth:\n  secretStore: secretstore\n", "")
			if c.address[0] != "" {
				text = strings.ReplaceAll(text, c.address[0], c.address[1])
			}
			resources := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(resources, "pubsub.yaml"), []byte(text), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			sidecar := exec.CommandContext(ctx, filepath.Join(root, "bin", "dapr-runtime", ".dapr", "bin", "daprd"), //nolint:gosec // built by make dapr-cli
				"--app-id", "journal", "--dapr-http-port", stack.FreePort(t), "--dapr-grpc-port", stack.FreePort(t),
				"--dapr-internal-grpc-port", stack.FreePort(t), "--metrics-port", stack.FreePort(t), "--scheduler-host-address", " ",
				"--config", filepath.Join(root, "components", "production", "configuration.yaml"), "--resources-path", resources)
			out, err := sidecar.CombinedOutput()
			require.Error(t, err, "nobody is there")
			require.Contains(t, string(out), c.says)
			require.Contains(t, string(out), "[INIT_COMPONENT_FAILURE]")
		})
	}
}
