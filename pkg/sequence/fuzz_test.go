package sequence_test

import (
	"encoding/json"
	"testing"

	"github.com/tillroll/tillroll/pkg/sequence"
)

// FuzzSet reads sets as status messages carry them: what is read is written again as the same, and
// asking it anything ends.
func FuzzSet(f *testing.F) {
	for _, raw := range []string{`[]`, `[[1,3]]`, `[[1,3],[5,9]]`, `[[3,1]]`, `[[0,0]]`, `[[1,9007199254740991]]`, `[[1]]`, `[[1,2,3]]`, `[1]`, `null`, `[[-1,2]]`, `[[1.5,2]]`, `{}`} {
		f.Add([]byte(raw), uint64(4))
	}
	f.Fuzz(func(t *testing.T, raw []byte, n uint64) {
		var set sequence.Set
		if json.Unmarshal(raw, &set) != nil {
			return
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		var again sequence.Set
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("%s was read and written as %s, which cannot be read: %v", raw, text, err)
		}
		_, _, _, _ = set.Contains(n), set.Max(), set.Through(), set.Numbers(10)
	})
}
