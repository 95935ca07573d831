package journal

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/money"
)

// The form that is written by hand is the one that the standard library and the canonical encoding make.
func TestTheFormOfAnEntryIsCanonical(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.Just("\u2028<&>\x00\x1f\"\\\n"))
	maybe := rapid.Ptr(text, true)
	number := rapid.Ptr(rapid.Int64(), true)
	count := rapid.Ptr(rapid.Int(), true)
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Amount: money.FromInt(rapid.Int64Range(-999_999_999, 999_999_999).Draw(t, "amount")), BusinessCounter: count.Draw(t, "bc"), BusinessDate: text.Draw(t, "d"),
			GenerateDateTime: text.Draw(t, "g"), JournalText: text.Draw(t, "j"), OpenCounter: count.Draw(t, "oc"), Quantity: number.Draw(t, "q"),
			ReceiptNo: number.Draw(t, "r"), ReceiptText: maybe.Draw(t, "rt"), StaffID: maybe.Draw(t, "s"), StoreCode: text.Draw(t, "sc"), TenantID: text.Draw(t, "t"),
			TerminalNo: rapid.Int().Draw(t, "no"), TransactionNo: maybe.Draw(t, "tn"), TransactionType: Type(rapid.IntRange(-200, 800).Draw(t, "tt")), UserID: maybe.Draw(t, "u"),
		}
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		want, err := canonical.JSON(raw)
		require.NoError(t, err)
		got, err := e.Form()
		require.NoError(t, err)
		if string(got) != string(want) {
			t.Fatalf("%s and not %s", got, want)
		}
	})
	_, err := (&Entry{JournalText: "\xff"}).Form()
	require.Error(t, err)
}
