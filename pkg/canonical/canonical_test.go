package canonical_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/canonical"
)

func TestForm(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":10.90,"a":[1e2,-0.0,true,null]}`: `{"a":[100,0,true,null],"b":10.9}`,
		`"a\u00e9\n\u001f\/"`:                  "\"aé\\n\\u001f/\"",
		`{"é":1,"e":2,"z":{}}`:                 `{"e":2,"z":{},"é":1}`,
		`0.000123`:                             `0.000123`,
		`123e-5`:                               `0.00123`,
		`1.50E+1`:                              `15`,
		`-12.3400`:                             `-12.34`,
		`9007199254740993`:                     `9007199254740993`,
		` [ ] `:                                `[]`,
	} {
		got, err := canonical.JSON([]byte(in))
		require.NoError(t, err, in)
		assert.Equal(t, want, string(got), in)
	}
}

func TestWhatIsNoSingleValueIsRefused(t *testing.T) {
	for _, in := range []string{``, `{`, `1 2`, `{"a":1,"a":2}`, `{"x":{"a":1,"a":1}}`, "\"\xff\"", `1e999`, `nul`, `{"a":}`, `[1,]`} {
		_, err := canonical.JSON([]byte(in))
		assert.Error(t, err, in)
	}
}

// The hash is part of every chain ever written: this value never changes.
func TestHashIsPinned(t *testing.T) {
	h, err := canonical.Hash([]byte(`{"amount":10.90,"text":"領収証"}`))
	require.NoError(t, err)
	again, err := canonical.Hash([]byte("{ \"text\":\"\\u9818\u53ce\u8a3c\", \"amount\": 1.09e1 }"))
	require.NoError(t, err)
	assert.Equal(t, h, again)
	assert.Equal(t, "f3a2429d4c77d43da2bd8c3e737b84781e83f9d65fc00af374520e716eca6654", h)
}

// Whatever a broker does to the spelling, the canonical form stays: through float64 and back, with
// keys in any order.
func FuzzForm(f *testing.F) {
	f.Add([]byte(`{"b":10.90,"a":[1e2,"\u00e9",{"x":null}]}`))
	f.Add([]byte(`[0.1,1e-7,123456789012345]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		form, err := canonical.JSON(raw)
		if err != nil {
			return
		}
		if !json.Valid(form) {
			t.Fatalf("%q → %q is not JSON", raw, form)
		}
		again, err := canonical.JSON(form)
		if err != nil || string(again) != string(form) {
			t.Fatalf("%q → %q → %q, %v", raw, form, again, err)
		}
	})
}
