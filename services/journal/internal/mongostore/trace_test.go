package mongostore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Every command of a commit is a span of the caller's trace, and tells nothing of what it carried.
func TestACommitIsPartOfTheTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	cfg := databases()
	cfg.Tracer = provider
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	ctx, span := provider.Tracer("test").Start(t.Context(), "delivery")
	_, err = s.Commit(ctx, "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	span.End()
	names := map[string]int{}
	for _, stub := range spans.GetSpans() {
		if stub.SpanContext.TraceID() != span.SpanContext().TraceID() {
			continue
		}
		names[stub.Name]++
		for _, a := range stub.Attributes {
			assert.NotContains(t, []string{"db.statement", "db.query.text"}, string(a.Key), stub.Name)
		}
	}
	assert.Equal(t, 1, names["commitTransaction"]+names["admin.commitTransaction"], names)
	assert.Positive(t, names["journal.insert"], names)
}
