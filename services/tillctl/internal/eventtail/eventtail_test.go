package eventtail_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/eventtail"
)

// golden is an event of the wire contract, as the broker stores it. That it is read from a real broker, and
// that no service misses one, is shown in test/integration.
func golden(t *testing.T, name string) eventtail.Event {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../../../pkg/event/testdata", name+".json"))
	require.NoError(t, err)
	cloud, err := json.Marshal(map[string]any{"specversion": "1.0", "id": "e1", "data": json.RawMessage(raw)})
	require.NoError(t, err)
	return eventtail.Event{Topic: "topic-x", Cloud: cloud}
}

func TestEveryEventSaysWhatItIs(t *testing.T) {
	for name, want := range map[string]struct {
		kind, terminal string
		sequence       uint64
		detail         []string
	}{
		"tranlog":             {"102", "acme-s1-1", 9, []string{"business_date=20260329", "transaction_no=5", "receipt_no=12", "currency=JPY"}},
		"cashlog":             {"", "acme-s1-1", 2, []string{"amount=-10.9"}},
		"opencloselog":        {"close", "acme-s1-1", 4, []string{"over_short=-8"}},
		"sales.product-added": {"Sales.ProductAdded", "acme-s1-1", 3, []string{"correlationId=c1"}},
		"snapshot-terminal":   {"terminal", "acme-s1-1", 5, []string{"version=8"}},
		"journal-status":      {"", "acme-s1-1", 0, []string{"received_through=9"}},
		"snapshot-wanted":     {"", "acme-s1-1", 0, []string{"asked_by=cart"}},
	} {
		f := golden(t, name).Facts()
		assert.Equal(t, want.kind, f.Type, name)
		assert.Equal(t, want.terminal, f.TerminalID(), name)
		assert.Equal(t, want.sequence, f.Sequence, name)
		assert.Subset(t, f.Detail, want.detail, name)
	}
}

func TestWhatIsNoEventIsShownAllTheSame(t *testing.T) {
	for _, raw := range []string{`null`, `[]`, `{"data":"text"}`, `{"data":{"terminal_no":"x"}}`} {
		f := eventtail.Event{Cloud: json.RawMessage(raw)}.Facts()
		assert.Empty(t, f.TerminalID(), raw)
		assert.Empty(t, f.Detail, raw)
	}
}
