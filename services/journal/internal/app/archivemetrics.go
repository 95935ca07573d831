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
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tillroll", Subsystem: "journal_archive", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	return &archiveMetrics{
		segments: counter("segments_total", "Segments that this process registered."),
		events:   counter("events_total", "Events in segments that this process registered."),
		bytes:    counter("bytes_total", "Bytes of segments that this process registered."),
		removed:  counter("removed_total", "Events that this process removed from the live journal."),
		purged:   counter("purged_total", "Segments that this process gave up because their retention had ended."),
		failures: counter("failures_total", "Runs that failed, days that cannot be archived, and segments that are not what was registered."),
	}
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
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tillroll", Subsystem: "journal_archive", Name: name, Help: help})
		c.Metrics.MustRegister(g)
		return g
	}
	return &archiveWatch{
		store: c.Store, clock: c.Clock,
		late: gauge("late_seconds", "How long ago the archiver last finished, for the tenant that has waited longest of those that archive; 0 when none does."),
		held: gauge("held_days", "Days of stores that are past their time and stay in the live journal, by the last run of each tenant."),
	}
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
