package paper_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/paper"
)

// One document of 500 receipts.
func BenchmarkDocument(b *testing.B) {
	var slips []paper.Slip
	for len(slips) < 500 {
		slips = append(slips, shop()[:4]...)
	}
	for b.Loop() {
		_, err := paper.Write(io.Discard, head(), slips[:500])
		require.NoError(b, err)
	}
}
