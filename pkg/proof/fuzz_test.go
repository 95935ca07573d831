package proof_test

import (
	"testing"

	"github.com/tillroll/tillroll/pkg/proof"
)

// FuzzCheckpoint reads what somebody presents as a checkpoint or a public key: nothing unsigned is
// opened, and nothing panics.
func FuzzCheckpoint(f *testing.F) {
	for _, text := range []string{
		"", "\n\n", "a\n\nb", "tillroll/acme\n3\nAAAA\n\n— tillroll AAAA\n", "tillroll-journal+00000000+AAAA", "# comment\n\n", "x+1+2",
		"acme\n-1\n\n\n— a b\n", "acme\n99999999999999999999\nAAAA\n\n— a b\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = proof.ReadUnverified(text)
		keys, err := proof.ParseKeys(text)
		if err != nil {
			keys = proof.Keys{}
		}
		if c, err := keys.Open(text); err == nil {
			t.Fatalf("%q was opened as %+v with a key that stands in it", text, c)
		}
	})
}

// FuzzLine reads lines of exports, which come from outside: what is read is written again as the same.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"index":0,"stream":"acme-s1-1","chainSeq":1,"chainVersion":1,"prevHash":"","hash":"","eventId":"x","contentHash":"","entryHash":"","content":null,"entry":null,"inclusion":[]}`))
	f.Add(proof.AppendLine(nil, &proof.Line{Index: 7, Content: []byte(`{"a":1}`), Entry: []byte(`{}`), Inclusion: []proof.Hash{{1}, {2}}}))
	for _, odd := range []string{"", "{}", "null", "[]", `{"index":-1}`, `{"inclusion":["!"]}`, `{"inclusion":["AAAA"]}`, `{"content":"x"}`} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := proof.ParseLine(raw)
		if err != nil {
			return
		}
		written := proof.AppendLine(nil, &line)
		again, err := proof.ParseLine(written)
		if err != nil {
			t.Fatalf("%s was written as %s, which cannot be read: %v", raw, written, err)
		}
		if twice := proof.AppendLine(nil, &again); string(twice) != string(written) {
			t.Fatalf("%s is written as %s, and then as %s", raw, written, twice)
		}
	})
}
