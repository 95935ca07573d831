package outbox

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillroll/tillroll/pkg/identity"
)

// Metrics of a relay.
type Metrics struct {
	published *prometheus.CounterVec
	resent    prometheus.Counter
	failures  prometheus.Counter
	streams   prometheus.Gauge
	depth     *prometheus.GaugeVec
	parked    *prometheus.GaugeVec
	ages      *ages
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tillroll_outbox_published_total", Help: "Events that the broker took, repeats included."}, []string{"topic"}),
		resent:    prometheus.NewCounter(prometheus.CounterOpts{Name: "tillroll_outbox_resent_total", Help: "Events published again because the journal had not confirmed them."}),
		failures:  prometheus.NewCounter(prometheus.CounterOpts{Name: "tillroll_outbox_publish_failures_total", Help: "Rounds that could not publish: broker or state store away."}),
		streams:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "tillroll_outbox_streams", Help: "Terminals (and tenants) with events that may be unconfirmed."}),
		depth:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tillroll_outbox_unconfirmed", Help: "Events not yet confirmed by the journal."}, []string{"tenant", "stream"}),
		parked:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tillroll_outbox_parked", Help: "Events that the journal put in quarantine."}, []string{"tenant", "stream"}),
		ages:      newAges(),
	}
	reg.MustRegister(m.published, m.resent, m.failures, m.streams, m.depth, m.parked,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tillroll_outbox_age_seconds", Help: "How long the oldest unconfirmed event has waited; 0 when none waits."}, m.ages.oldest))
	return m
}

// observe one stream. A stream with nothing open loses its series, so that ten thousand quiet tills
// don't fill the metrics.
func (m *Metrics) observe(stream identity.Stream, unconfirmed uint64, parked int) {
	set(m.depth, stream, float64(unconfirmed))
	set(m.parked, stream, float64(parked))
}

func set(g *prometheus.GaugeVec, stream identity.Stream, v float64) {
	if v == 0 {
		g.DeleteLabelValues(stream.TenantID, stream.ID())
		return
	}
	g.WithLabelValues(stream.TenantID, stream.ID()).Set(v)
}
