package app

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
)

// archiveMetrics are those of the process that archives; names begin with tillroll_journal_archive_.
type archiveMetrics struct {
	segments, events, bytes, removed, purged, failures prometheus.Counter
}

func newArchiveMetrics(reg prometheus.Registerer) *archiveMetrics {
	const namespace, subsystem = "tillroll", "journal_archive"
	m := &archiveMetrics{
		segments: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "segments_total", Help: "Segments that this process registered."}),
		events: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "events_total", Help: "Events in segments that this process registered."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "bytes_total", Help: "Bytes of segments that this process registered."}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "removed_total", Help: "Events that this process removed from the live journal."}),
		purged: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "purged_total", Help: "Segments that this process gave up because their retention had ended."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "failures_total", Help: "Runs that failed, days that cannot be archived, and segments that are not what was registered."}),
	}
	reg.MustRegister(m.segments, m.events, m.bytes, m.removed, m.purged, m.failures)
	return m
}

// archiveWatch tells how late the archive is, whichever process fills it: it looks at what that has put on
// record.
type archiveWatch struct {
	store Store
	clock clockwork.Clock
	late  prometheus.Gauge
	held  prometheus.Gauge
}

// archiveWatchEvery is how often the record is looked at.
const archiveWatchEvery = time.Minute

func newArchiveWatch(c Config) *archiveWatch {
	const namespace, subsystem = "tillroll", "journal_archive"
	w := &archiveWatch{
		store: c.Store, clock: c.Clock,
		late: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "late_seconds", Help: "How long ago the archiver last finished, for the tenant that has waited longest of those that archive; 0 when none does."}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "held_days", Help: "Days of stores that are past their time and stay in the live journal, by the last run of each tenant."}),
	}
	c.Metrics.MustRegister(w.late, w.held)
	return w
}

func (w *archiveWatch) run(ctx context.Context) error {
	look := w.clock.NewTicker(archiveWatchEvery)
	defer look.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-look.Chan():
		}
	}
}

// look reads the record of every tenant. When it cannot, the last figures stand.
func (w *archiveWatch) look(ctx context.Context) {
	tenants, err := w.store.Tenants(ctx)
	if err != nil {
		return
	}
	var late time.Duration
	held := 0
	for _, tenant := range tenants {
		policy, err := policyOf(ctx, w.store, tenant)
		if err != nil {
			return
		}
		if policy.LiveDays == 0 {
			continue
		}
		runs, err := w.store.ArchiveRuns(ctx, tenant, 1)
		if err != nil {
			return
		}
		since := policy.SetAt
		if len(runs) > 0 {
			if runs[0].Finished.After(since) {
				since = runs[0].Finished
			}
			held += len(runs[0].Held) + runs[0].More
		}
		late = max(late, w.clock.Since(since))
	}
	w.late.Set(late.Seconds())
	w.held.Set(float64(held))
}
