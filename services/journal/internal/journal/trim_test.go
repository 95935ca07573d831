package journal

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/money"
)

func TestDetailsAreLeftOutAndNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"line_items":[{"x":"}]\\\"{"}],"z":"\\"}`: `{"a":1,"z":"\\"}`,
		`{"line_items":[],"payments":{},"taxes":null}`:    `{}`,
		`{"a":{"line_items":1},"store":"x"}`:              `{"a":{"line_items":1}}`,
		`{}`:                                              `{}`,
		`[1]`:                                             `[1]`,
		``:                                                ``,
		`{"a"`:                                            `{"a"`,
		`{"a":`:                                           `{"a":`,
		`{"a":1`:                                          `{"a":1`,
		`{"a":1,`:                                         `{"a":1,`,
		`{"a":1}}`:                                        `{"a":1}}`,
		`{"a":"`:                                          `{"a":"`,
		`{"terminal_no":1}`:                               `{"terminal_no":1}`,
		`{"store_code":"terminal","terminal":{"a":[1,2]}}`: `{"store_code":"terminal"}`,
	} {
		assert.Equal(t, want, string(withoutDetails([]byte(text), nil)), text)
	}
}

// Whatever object it is: members that are details are gone, all others are as they were.
func TestWhatIsNoDetailStays(t *testing.T) {
	name := rapid.OneOf(rapid.SampledFrom([]string{"line_items", "payments", "taxes", "store", "sales", "staff"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(name, rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int64Range(-9e9, 9e9), func(n int64) any { return n }),
			rapid.Map(rapid.SliceOf(rapid.String()), func(s []string) any { return map[string]any{"x": s, "line_items": 1} }),
		)).Draw(t, "object")
		raw, err := json.Marshal(object)
		require.NoError(t, err)
		form, err := canonical.JSON(raw)
		require.NoError(t, err)
		for _, d := range details {
			delete(object, string(d))
		}
		raw, err = json.Marshal(object)
		require.NoError(t, err)
		want, err := canonical.JSON(raw)
		require.NoError(t, err)
		if got := withoutDetails(form, nil); string(got) != string(want) {
			t.Fatalf("%s became %s", form, got)
		}
	})
}

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
