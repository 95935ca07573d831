package shopdays_test

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

func digest(t *testing.T, p shopdays.Plan) (sum [32]byte, entries int, types map[int]int, text string) {
	h := sha256.New()
	types = map[int]int{}
	ids, sequences := map[string]bool{}, map[string]uint64{}
	var all strings.Builder
	p.Days(func(day []event.Event) bool {
		for _, e := range day {
			raw, err := json.Marshal(e)
			require.NoError(t, err)
			h.Write(raw)
			head := e.Head()
			require.NoError(t, head.Validate())
			require.False(t, ids[head.EventID], "an id twice")
			ids[head.EventID] = true
			lane := head.Stream().ID() + head.Producer
			require.Equal(t, sequences[lane]+1, head.Sequence, "in order within each till")
			sequences[lane] = head.Sequence
			if e.Topic() != event.TopicEvents {
				entries++
			}
			if l, ok := e.(*event.TranLog); ok {
				kind := l.TransactionType
				if l.Sales.IsCancelled {
					kind = -kind
				}
				types[kind]++
				all.WriteString(l.JournalText)
			}
		}
		return true
	})
	return [32]byte(h.Sum(nil)), entries, types, all.String()
}

func TestTheSamePlanGivesTheSameDays(t *testing.T) {
	p := shopdays.Plan{Tenant: "acme", Seed: 1, Entries: 2000}
	first, n, types, text := digest(t, p)
	again, _, _, _ := digest(t, p)
	assert.Equal(t, first, again)
	p.Seed = 2
	other, _, _, _ := digest(t, p)
	assert.NotEqual(t, first, other)
	assert.GreaterOrEqual(t, n, 2000)
	assert.Less(t, n, 2000+20*120)
	for _, kind := range []int{event.TypeSale, -event.TypeSale, event.TypeReturn, event.TypeVoidSale} {
		assert.Positive(t, types[kind], kind)
	}
	assert.Greater(t, types[event.TypeSale], n*8/10)
	assert.Contains(t, text, "おにぎり")
	assert.Contains(t, text, "Café Crème")
}

// Two plans in one tenant make sequences of their own: they never meet at a till.
func TestPlansOfOtherSeedsHaveOtherTills(t *testing.T) {
	tills := map[string]uint64{}
	for _, seed := range []uint64{0, 1, 2, 1<<64 - 1} {
		shopdays.Plan{Tenant: "acme", Seed: seed, Entries: 1}.Days(func(day []event.Event) bool {
			for _, e := range day {
				if of, ok := tills[e.Head().Stream().ID()]; ok && max(of, 1) != max(seed, 1) {
					t.Fatalf("seeds %d and %d meet at %s", of, seed, e.Head().Stream().ID())
				}
				require.NoError(t, e.Head().Validate())
				tills[e.Head().Stream().ID()] = seed
			}
			return true
		})
	}
	assert.Len(t, tills, 3*20)
}
