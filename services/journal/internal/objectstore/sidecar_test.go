package objectstore_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/services/journal/internal/objectstore"
)

const component = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: archive%d
spec:
  type: bindings.localstorage
  version: v1
  metadata:
    - name: rootPath
      value: %s
`

// The contract on a real sidecar and the binding of a folder.
func TestARealSidecarKeepsBlobs(t *testing.T) {
	program, err := filepath.Abs("../../../../bin/daprd")
	require.NoError(t, err)
	if _, err := os.Stat(program); err != nil {
		t.Skip("MISSING: bin/daprd is not built (make build); the archive behind a real sidecar's binding was not tried")
	}
	const stores = 30 // one for every test of the suite, and some to spare
	resources, folders := t.TempDir(), t.TempDir()
	for i := range stores {
		file := filepath.Join(resources, fmt.Sprintf("archive%d.yaml", i))
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, component, i, filepath.Join(folders, fmt.Sprint(i))), 0o600))
	}
	client := start(t, program, resources)
	next := 0
	archivetest.Run(t, func(t *testing.T) archive.Blobs {
		require.Less(t, next, stores)
		s := objectstore.New(client, fmt.Sprintf("archive%d", next), objectstore.Options{})
		next++
		return s
	})
	t.Run("a segment that is as large as a message may be", func(t *testing.T) {
		s := objectstore.New(client, fmt.Sprintf("archive%d", next), objectstore.Options{})
		put(t, s, "t/large", 15<<20)
		b, err := s.Open(t.Context(), "t/large")
		require.NoError(t, err)
		require.EqualValues(t, 15<<20, b.Size())
	})
}

// start a sidecar that ends with the test.
func start(t *testing.T, program, resources string) dapr.Client {
	t.Helper()
	ports := make([]string, 4)
	for i := range ports {
		socket, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		_, ports[i], err = net.SplitHostPort(socket.Addr().String())
		require.NoError(t, err)
		require.NoError(t, socket.Close())
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "daprd.log"))
	require.NoError(t, err)
	cmd := exec.Command(program, "--app-id", "journal", "--dapr-http-port", ports[0], "--dapr-grpc-port", ports[1],
		"--dapr-internal-grpc-port", ports[2], "--metrics-port", ports[3], "--dapr-listen-addresses", "127.0.0.1",
		"--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1", "--placement-host-address", "",
		"--scheduler-host-address", " ", "--resources-path", resources, "--dapr-graceful-shutdown-seconds", "1", "--max-body-size", "16Mi")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		res, err := http.Get("http://127.0.0.1:" + ports[0] + "/v1.0/healthz/outbound")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode/100 == 2
	}, 30*time.Second, 50*time.Millisecond, "the sidecar is not ready")
	said, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	if strings.Contains(string(said), "couldn't find output binding") {
		t.Skip("MISSING: bin/daprd is older than its sources (make build) and has no bindings.localstorage; the archive behind a real sidecar's binding was not tried")
	}
	conn, err := grpc.NewClient("127.0.0.1:"+ports[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20), grpc.MaxCallSendMsgSize(256<<20)))
	require.NoError(t, err)
	client := dapr.NewClientWithConnection(conn)
	t.Cleanup(client.Close)
	return client
}
