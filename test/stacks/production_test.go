package stacks_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
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
