package canonical_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
)

func TestTheEndOfAValueIsFound(t *testing.T) {
	for text, end := range map[string]int{
		`{}`: 2, `[]x`: 2, `"a\\\"}"]`: 8, `1,2`: 1, `true}`: 4, `-0.5]`: 4, `{"a":[{"}":"\\"}]},`: 18, `""`: 2,
		``: -1, `,`: -1, `}`: -1, `{`: -1, `"a`: -1, `"a\"`: -1, `{"a":1`: -1, `[[]`: -1, `12`: -1, `{"`: -1,
	} {
		assert.Equal(t, end, canonical.End([]byte(text)), text)
	}
}

// members reads an object as a program does that wants them all.
func members(form []byte) (names []string, values []string, whole bool) {
	m := canonical.Members(form)
	for m.Next() {
		names, values = append(names, string(m.Name)), append(values, string(m.Value))
	}
	return names, values, m.Whole()
}

// What is canonical is read as encoding/json reads it.
func TestMembersAreThoseOfTheObject(t *testing.T) {
	name := rapid.StringMatching(`[a-zé_{},:\]]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOfN(name, value(3), 0, 6).Draw(t, "object")
		raw, err := json.Marshal(object)
		if err != nil {
			t.Skip(err)
		}
		form, err := canonical.JSON(raw)
		if err != nil {
			t.Skip(err) // an exponent out of range
		}
		names, values, whole := members(form)
		if !whole || len(names) != len(object) || !slices.IsSorted(names) {
			t.Fatalf("%s: %q, whole: %v", form, names, whole)
		}
		for i, name := range names {
			raw, err := json.Marshal(object[name])
			require.NoError(t, err)
			want, err := canonical.JSON(raw)
			require.NoError(t, err)
			if values[i] != string(want) {
				t.Fatalf("%s: %s is %s and not %s", form, name, values[i], want)
			}
		}
	})
}

func TestWhatIsNoCanonicalObjectIsNotReadToItsEnd(t *testing.T) {
	for _, text := range []string{``, `{`, `}`, `[]`, `""`, `1`, ` {}`, `{} `, `{}}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1}}`,
		`{"a":1} `, `{ "a":1}`, `{"a" :1}`, `{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"\u0061":1}`, `{"a":1{"b":2}`, `{"a":"`, `{"a":1]`, `,"a":1}`, `{a:1}`} {
		_, _, whole := members([]byte(text))
		assert.False(t, whole, text)
	}
	_, _, whole := members([]byte(`{"a":1,"b":[{"c":2}]}`))
	assert.True(t, whole)
}

func TestTextsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(rapid.String(), rapid.StringMatching("[\\x00-\\x1f\"\\\\ab]{0,9}")).Draw(t, "text")
		want = strings.ToValidUTF8(want, "?")
		got, ok := canonical.Text(canonical.AppendString(nil, want))
		if !ok || got != want {
			t.Fatalf("%q was read as %q", want, got)
		}
	})
	for _, text := range []string{``, `"`, `a`, `1`, `null`, `"a`, `a"`, `"a"b"`, `"\`, `"\"`, `"\x"`, `"\/"`, `"\u00"`, `"\u00e9"`, `"\u+01f"`, `"\ud83d"`} {
		_, ok := canonical.Text([]byte(text))
		assert.False(t, ok, text)
	}
}

func TestWholeNumbersAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]int64{`0`: 0, `7`: 7, `-12`: -12, `999999999999999999`: 999999999999999999} {
		n, ok := canonical.Whole([]byte(text))
		assert.True(t, ok, text)
		assert.Equal(t, want, n)
	}
	for _, text := range []string{``, `-`, `-0`, `007`, `+1`, `1.5`, `1e3`, `"1"`, `null`, `1 `, `9999999999999999999`} {
		_, ok := canonical.Whole([]byte(text))
		assert.False(t, ok, text)
	}
}
