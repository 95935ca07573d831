package sqlitestore

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkVerifyFile verifies a tenant in its file: chains, entries, log and checkpoints. EVENTS says how
// many there are (default 5000).
func BenchmarkVerifyFile(b *testing.B) {
	events, err := strconv.Atoi(os.Getenv("EVENTS"))
	if err != nil {
		events = 5000
	}
	s, err := Open(b.Context(), b.TempDir(), clockwork.NewRealClock())
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	_, err = s.Provision(b.Context(), "acme")
	require.NoError(b, err)
	till := tilltest.New("acme", "s1", 1)
	logging := time.Duration(0)
	for done := 0; done < events; done += 1000 {
		var batch []event.Event
		for range 1000 {
			batch = append(batch, till.Sale("108"))
		}
		_, err := s.Commit(b.Context(), "acme", tilltest.Records(b, batch...))
		require.NoError(b, err)
		start := time.Now()
		_, err = logAll(b.Context(), s)
		require.NoError(b, err)
		logging += time.Since(start)
	}
	cpu := cpuTime(b)
	prove := app.New(app.Config{Store: s, Clock: clockwork.NewRealClock(), Log: nop, Metrics: newRegistry()}).Proof
	for b.Loop() {
		v, err := prove.Verify(b.Context(), "acme")
		require.NoError(b, err)
		require.True(b, v.Holds())
	}
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N*events)/(cpuTime(b)-cpu).Seconds(), "events/core-s") // what garbage costs included
	b.ReportMetric(float64(events)/logging.Seconds(), "logged/s")
}

// cpuTime that this process has used on all cores: what a busy machine does beside it does not count.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
