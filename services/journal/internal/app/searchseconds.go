package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// searchSeconds measures searches by their kind.
type searchSeconds struct{ histogram *prometheus.HistogramVec }

func newSearchSeconds(reg prometheus.Registerer) *searchSeconds {
	s := &searchSeconds{prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "tillroll", Subsystem: "journal",
		Name: "search_seconds", Help: "Time of one search, by kind: keyword, page (by cursor), store, tenant (all stores).",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .15, .25, .5, 1, 3}}, []string{"kind"})}
	for _, kind := range []string{"keyword", "page", "store", "tenant"} {
		s.histogram.WithLabelValues(kind) // there from the start, so that a rate has something to begin with
	}
	reg.MustRegister(s.histogram)
	return s
}

// time measures until what it returns is called.
func (s *searchSeconds) time(r *SearchRequest) (stop func()) {
	if s == nil {
		return func() {}
	}
	begun, kind := time.Now(), searchKind(r)
	return func() { s.histogram.WithLabelValues(kind).Observe(time.Since(begun).Seconds()) }
}

func searchKind(r *SearchRequest) string {
	switch {
	case r.Cursor != "":
		return "page"
	case r.Keyword != "":
		return "keyword"
	case r.Query.StoreCode != "":
		return "store"
	}
	return "tenant"
}
