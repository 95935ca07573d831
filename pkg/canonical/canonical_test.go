package canonical_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// samples are values of every kind, right and wrong: the corpus of the fuzz target, beside what lies in
// testdata/fuzz.
var samples = []string{
	`{"b":10.90,"a":[1e2,"\u00e9",{"x":null}]}`, `[0.1,1e-7,123456789012345]`, ` { } `, `[[],{},[{}]]`, `null`, `tru`, `truefalse`,
	`-0`, `-0.0`, `0.10`, `10`, `100.0`, `1.50E+1`, `-1e-3`, `1e400`, `1e401`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `0e0`, `-01`, `00`, `1 2`, `-0e5`,
	`"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, `"\u000a\u001F\u007f\/\b\""`, `"\u00"`, `"\x"`, `"\`, `"`, "\"\n\"", "\"\u2028\"", `"\u0000"`,
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"é":1,"e":2}`, `{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}`, `{"a":1,}`, `[1,]`, `{"a"}`, `{1:2}`, `{"a":}`, `[1}`, `{]`, `[`, ``, ` `,
	"\ufeff{}", "\x00", "[1\x00]", `{"":{"":""}}`, `{"a":"\ud800","a":"\ud801"}`, `{"\ud800":1,"\ud801":2}`,
}

// The form never changes: it is byte for byte what the plain implementation writes, and what one of
// them refuses the other refuses.
func FuzzForm(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s))
	}
	golden, err := filepath.Glob("../event/testdata/*.json")
	if err != nil || len(golden) == 0 {
		f.Fatal("no golden events: ", err)
	}
	for _, name := range golden {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, refused := reference(raw)
		form, err := canonical.JSON(raw)
		if (err == nil) != (refused == nil) || string(form) != string(want) {
			t.Fatalf("%q → %q, %v; it must be %q, %v", raw, form, err, want, refused)
		}
		if err != nil {
			return
		}
		if !json.Valid(form) {
			t.Fatalf("%q → %q is not JSON", raw, form)
		}
		// Whatever a broker does to the spelling, the form of the form is the form.
		again, err := canonical.JSON(form)
		if err != nil || string(again) != string(form) {
			t.Fatalf("%q → %q → %q, %v", raw, form, again, err)
		}
	})
}

// value draws any JSON value, written as somebody might.
func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind %= 5
		}
		switch kind {
		case 0:
			return rapid.String().Draw(t, "string")
		case 1:
			return json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,10})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number"))
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return nil
		case 4:
			return rapid.Float64().Draw(t, "float")
		case 5:
			return rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "array")
		}
		return rapid.MapOfN(rapid.String(), value(depth-1), 0, 5).Draw(t, "object")
	})
}

func TestTheFormIsThatOfThePlainImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(value(4).Draw(t, "value"))
		if err != nil {
			t.Skip(err) // NaN has no JSON
		}
		want, refused := reference(raw)
		form, err := canonical.JSON(raw)
		if (err == nil) != (refused == nil) || string(form) != string(want) {
			t.Fatalf("%s → %s, %v; it must be %s, %v", raw, form, err, want, refused)
		}
	})
}

func TestWhatIsNestedWithoutEndIsRefused(t *testing.T) {
	_, err := canonical.JSON(bytes.Repeat([]byte("["), 1<<20))
	assert.ErrorContains(t, err, "nested too deep")
}

func BenchmarkJSON(b *testing.B) {
	raw, err := os.ReadFile("../event/testdata/tranlog.json")
	if err != nil {
		b.Fatal(err)
	}
	for name, form := range map[string]func([]byte) ([]byte, error){"now": canonical.JSON, "plain": reference} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := form(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
