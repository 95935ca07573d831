package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestSearchesAreMeasuredByKind(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.deliver(tilltest.New("acme", "s1", 1).Sale("1"))
	find(t, b, app.SearchRequest{Keyword: "tea", Query: journal.Query{StoreCode: "s1"}})
	find(t, b, app.SearchRequest{Query: journal.Query{StoreCode: "s1"}})
	find(t, b, app.SearchRequest{})
	find(t, b, app.SearchRequest{})
	measured := map[string]uint64{}
	families, err := b.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "tillroll_journal_search_seconds" {
			for _, m := range family.GetMetric() {
				measured[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
	}
	assert.Equal(t, map[string]uint64{"keyword": 1, "store": 1, "tenant": 2, "page": 0}, measured)
}
