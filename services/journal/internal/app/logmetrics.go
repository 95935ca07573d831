package app

import "github.com/prometheus/client_golang/prometheus"

// logMetrics tell of the Merkle logs; names begin with tillroll_journal_.
type logMetrics struct {
	leaves      prometheus.Counter
	checkpoints prometheus.Counter
	sent        *prometheus.CounterVec
	lag         prometheus.Gauge
	behind      prometheus.Gauge
	broken      prometheus.Counter
}

func newLogMetrics(reg prometheus.Registerer) *logMetrics {
	const namespace, subsystem = "tillroll", "journal"
	m := &logMetrics{
		leaves: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "log_leaves_total", Help: "Events that this process added to the tenants' Merkle logs."}),
		checkpoints: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "checkpoints_total", Help: "Checkpoints that this process signed."}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "checkpoints_sent_total", Help: "Checkpoints sent out through the binding, by result: sent, failed."}, []string{"result"}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "log_lag_seconds", Help: "How long the oldest event that failed to join its Merkle log has waited; 0 when none waits."}),
		behind: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "log_behind_events", Help: "Events that lack in Merkle logs which are being made, as those of databases that an older program wrote."}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "log_broken_total", Help: "How often a log was found that does not continue its last checkpoint: somebody changed it, or set it back."}),
	}
	reg.MustRegister(m.leaves, m.checkpoints, m.sent, m.lag, m.behind, m.broken)
	return m
}
