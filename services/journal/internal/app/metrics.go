package app

import "github.com/prometheus/client_golang/prometheus"

// metrics of the service; names begin with tillroll_journal_.
type metrics struct {
	ingested     *prometheus.CounterVec
	lag          *prometheus.HistogramVec
	commits      prometheus.Histogram
	batch        prometheus.Histogram
	splits       prometheus.Counter
	hintAnswers  *prometheus.CounterVec
	hintBreaker  prometheus.Gauge
	marksDropped prometheus.Counter
	statuses     *prometheus.CounterVec
	quarantine   prometheus.Gauge

	discrepancies *prometheus.CounterVec
	openFindings  *prometheus.GaugeVec
	alerts        *prometheus.CounterVec
	alertsFailing prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	const namespace, subsystem = "tillroll", "journal"
	m := &metrics{
		ingested: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "ingested_total", Help: "Deliveries handled, by topic and result: stored, repeat, quarantined, retry."}, []string{"topic", "result"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "ingest_lag_seconds", Help: "From an event's time to its commit.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 600, 3600, 86400}}, []string{"topic"}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "commit_seconds", Help: "Time of one database transaction.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "commit_events", Help: "Events in one database transaction.", Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 250}}),
		splits: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "commit_splits_total", Help: "Batches that were split because one of their events failed."}),
		hintAnswers: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "processed_hints_total", Help: "What the state store of processed ids answered: marked, unmarked, wrong, unavailable."}, []string{"answer"}),
		hintBreaker: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "processed_breaker_state", Help: "Breaker around the state store of processed ids: 0 closed, 1 half open, 2 open."}),
		marksDropped: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "processed_marks_dropped_total", Help: "Marks that were not written; they cost a transaction at a repeat, nothing else."}),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "status_messages_total", Help: "Status messages to publishers, by result: sent, failed."}, []string{"result"}),
		quarantine: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "quarantine_open", Help: "Events in quarantine that wait for somebody."}),
		discrepancies: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "discrepancies_total", Help: "Changes of discrepancies, by kind and the state that they came to: open, closed, accepted."}, []string{"kind", "state"}),
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "alerts_total", Help: "Alerts, by kind and result: sent, suppressed, failed, dropped."}, []string{"kind", "result"}),
		alertsFailing: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "alerts_failing", Help: "1 while the last alert could not be sent."}),
		openFindings: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem,
			Name: "discrepancies_open", Help: "Discrepancies that are open, by kind."}, []string{"kind"}),
	}
	reg.MustRegister(m.ingested, m.lag, m.commits, m.batch, m.splits, m.hintAnswers, m.hintBreaker, m.marksDropped, m.statuses, m.quarantine,
		m.discrepancies, m.openFindings, m.alerts, m.alertsFailing)
	return m
}
