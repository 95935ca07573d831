package jetstreampull

import (
	"os"
	"os/exec"
	"testing"

	conformance "github.com/dapr/components-contrib/tests/conformance/pubsub"
	"github.com/dapr/kit/logger"
	"github.com/stretchr/testify/require"
)

// TestConformance runs the suite that every pub/sub component of
// components-contrib has to pass, as tests/conformance/pubsub_test.go does there.
//
// The suite's own handlers share maps and counters without a lock, so under the
// race detector it fails whatever the component does. There the test runs itself
// once more, built without the detector.
func TestConformance(t *testing.T) {
	if raceDetector {
		again := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run=^"+t.Name()+"$", ".")
		again.Env = append(os.Environ(), "GOWORK=off")
		out, err := again.CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		return
	}
	b := newBroker(t)
	config, err := conformance.NewTestConfig("jetstream-pull", []string{"bulkpublish", "bulksubscribe"}, map[string]any{
		"pubsubName":            "pubsub",
		"waitDurationToPublish": "500ms",
	})
	require.NoError(t, err)
	// One worker, because the suite expects the messages in order.
	properties := map[string]string{"url": b.url(), "consumerID": "conformance", "workers": "1", "bulkWorkers": "1"}
	conformance.ConformanceTests(t, properties, New(logger.NewLogger("conformance")), config)
}
