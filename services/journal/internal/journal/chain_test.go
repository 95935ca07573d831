package journal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// The hashes of version 1 never change: whoever kept one must find it again.
func TestTheEncodingOfVersion1IsPinned(t *testing.T) {
	link := journal.Link{
		Version: 1, Prev: journal.HashOf([]byte(`"before"`)), Seq: 12, Stream: "acme-s1-1", EventID: "01890a5d-ac96-774b-bcce-b302099a8057",
		ContentHash: journal.HashOf([]byte(`{"a":1}`)), EntryHash: journal.HashOf([]byte(`{"b":2}`)),
	}
	text := strings.Join([]string{"tillroll-chain", "1", link.Prev.String(), "12", "acme-s1-1", "01890a5d-ac96-774b-bcce-b302099a8057",
		link.ContentHash.String(), link.EntryHash.String()}, "\n") + "\n"
	sum := sha256.Sum256([]byte(text))
	assert.Equal(t, hex.EncodeToString(sum[:]), link.Hash().String(), "anybody can recompute it from the documented lines")
	assert.Equal(t, "ed731b01eda64954", link.Hash().String()[:16])

	entry := journal.EntryOf(tilltest.New("acme", "s1", 1).Sale("10.90"))
	hash, err := entry.Hash()
	require.NoError(t, err)
	canonical := `{"amount":10.9,"business_counter":7,"business_date":"20260329","generate_date_time":"2026-03-29T09:00:01+09:00",` +
		`"journal_text":"Shop\nおにぎり 10.90\nNo. 1\n","open_counter":1,"quantity":1,"receipt_no":101,"receipt_text":"Shop\nおにぎり 10.90\n",` +
		`"staff_id":"s01","store_code":"s1","tenant_id":"acme","terminal_no":1,"transaction_no":"1","transaction_type":101,"user_id":null}`
	assert.Equal(t, journal.HashOf([]byte(canonical)), hash)
}

func TestHashesAreWrittenInHexAndReadAgain(t *testing.T) {
	h := journal.HashOf([]byte("1"))
	raw, err := json.Marshal(h)
	require.NoError(t, err)
	var back journal.Hash
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, h, back)
	for _, bad := range []string{"", "xyz", h.String() + "00"} {
		assert.Error(t, back.UnmarshalText([]byte(bad)))
	}
}

// stored is a chain as a store would give it back.
func stored(t tilltest.T, events ...event.Event) (journal.StreamState, []*journal.Stored) {
	head := journal.Head{Stream: events[0].Head().Stream()}
	var out []*journal.Stored
	for _, e := range events {
		r := tilltest.Record(t, e)
		link, hash := head.Append(r)
		s := &journal.Stored{Link: link, Hash: hash, Topic: e.Topic(), Producer: e.Head().Producer, Sequence: e.Head().Sequence, Content: r.Content}
		if r.Entry != nil {
			entry := *r.Entry
			s.Entry, s.Generated, s.Number = &entry, r.Entry.GeneratedAt(e.Head().OccurredAt), r.Entry.TransactionNumber()
		}
		out = append(out, s)
	}
	return journal.StreamState{Head: head}, out
}

func check(state journal.StreamState, links []*journal.Stored) journal.StreamReport {
	c := journal.CheckStream(state)
	for _, l := range links {
		c.Add(l)
	}
	return c.Report()
}

func day(t tilltest.T) (journal.StreamState, []*journal.Stored) {
	till := tilltest.New("acme", "s1", 1)
	return stored(t, till.Open(), till.Cash("100"), till.Sale("10"), till.Business("c", event.OrderSubtotalled{}), till.Sale("20"), till.Close(2, 2, 1, "", "130"))
}

func TestAChainHolds(t *testing.T) {
	state, links := day(t)
	r := check(state, links)
	assert.Nil(t, r.Bad)
	assert.Equal(t, uint64(6), r.Count)
	assert.Equal(t, []journal.SequenceReport{
		{Producer: "cart", Received: sequence.Set{{First: 1, Last: 3}}}, {Producer: "terminal", Received: sequence.Set{{First: 1, Last: 3}}},
	}, r.Sequences)
}

func TestEveryChangeIsFoundAtTheEntryThatWasChanged(t *testing.T) {
	rehash := func(links []*journal.Stored, from int) { // what somebody would do who knows the encoding
		for i := from; i < len(links); i++ {
			if i > 0 {
				links[i].Prev = links[i-1].Hash
			}
			links[i].Hash = links[i].Link.Hash()
		}
	}
	for what, c := range map[string]struct {
		change func(links []*journal.Stored) []*journal.Stored
		at     uint64
		says   string
	}{
		"content edited":            {func(l []*journal.Stored) []*journal.Stored { l[2].Content[len(l[2].Content)-3]++; return l }, 3, "content was changed"},
		"amount edited":             {func(l []*journal.Stored) []*journal.Stored { l[2].Entry.Amount = money.MustParse("9"); return l }, 3, "entry was changed"},
		"text edited":               {func(l []*journal.Stored) []*journal.Stored { l[2].Entry.JournalText += "!"; return l }, 3, "entry was changed"},
		"back-dated":                {func(l []*journal.Stored) []*journal.Stored { l[2].Entry.BusinessDate = "20260328"; return l }, 3, "entry was changed"},
		"moved to another tenant":   {func(l []*journal.Stored) []*journal.Stored { l[2].Entry.TenantID = "bolt"; return l }, 3, "entry was changed"},
		"found by another number":   {func(l []*journal.Stored) []*journal.Stored { n := int64(9); l[2].Number = &n; return l }, 3, "by which the journal entry is found"},
		"found by another time":     {func(l []*journal.Stored) []*journal.Stored { l[2].Generated = tilltest.Start; return l }, 3, "by which the journal entry is found"},
		"deleted":                   {func(l []*journal.Stored) []*journal.Stored { return append(l[:2], l[3:]...) }, 4, "missing"},
		"the first deleted":         {func(l []*journal.Stored) []*journal.Stored { return l[1:] }, 2, "missing"},
		"truncated":                 {func(l []*journal.Stored) []*journal.Stored { return l[:5] }, 6, "its head is at 6"},
		"all gone":                  {func(l []*journal.Stored) []*journal.Stored { return nil }, 1, "its head is at 6"},
		"entry removed":             {func(l []*journal.Stored) []*journal.Stored { l[2].Entry = nil; return l }, 3, "missing"},
		"entry where none belongs":  {func(l []*journal.Stored) []*journal.Stored { l[3].Entry = l[2].Entry; return l }, 4, "none belongs"},
		"swapped":                   {func(l []*journal.Stored) []*journal.Stored { l[2], l[4] = l[4], l[2]; return l }, 5, "missing"},
		"duplicated":                {func(l []*journal.Stored) []*journal.Stored { return append(l[:3:3], l[2:]...) }, 3, "came before"},
		"filed under another id":    {func(l []*journal.Stored) []*journal.Stored { l[2].EventID = l[4].EventID; return l }, 3, "hash does not hold"},
		"filed under another topic": {func(l []*journal.Stored) []*journal.Stored { l[2].Topic = event.TopicSession; return l }, 3, "topic"},
		"another sequence":          {func(l []*journal.Stored) []*journal.Stored { l[2].Sequence = 77; return l }, 3, "another id, stream or sequence"},
		"a newer chain version":     {func(l []*journal.Stored) []*journal.Stored { l[2].Version = 2; return l }, 3, "newer than this program"},
		"rebuilt up to the head": {func(l []*journal.Stored) []*journal.Stored {
			l[2].Entry.JournalText = "forged"
			l[2].EntryHash, _ = l[2].Entry.Hash()
			rehash(l, 2)
			return l
		}, 3, "does not follow from its event"},
		"forked": {func(l []*journal.Stored) []*journal.Stored {
			_, other := stored(t, tilltest.New("acme", "s1", 1).Named("forger").Open())
			l[0] = other[0]
			return l
		}, 2, "does not follow"},
	} {
		t.Run(what, func(t *testing.T) {
			state, links := day(t)
			r := check(state, c.change(links))
			require.NotNil(t, r.Bad)
			assert.Equal(t, c.at, r.Bad.Seq, r.Bad.Problem)
			assert.Contains(t, r.Bad.Problem, c.says)
		})
	}
}

func TestAChainRebuiltFromItsEventsEndsAtAnotherHead(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	events := []event.Event{till.Sale("10"), till.Sale("20"), till.Sale("30")}
	state, _ := stored(t, events...)
	_, rebuilt := stored(t, events[0], events[2])
	assert.NotNil(t, check(state, rebuilt).Bad)
}

func TestASequenceThatTwoEventsCarryIsSeen(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, b := till.Sale("1"), till.Sale("2")
	b.Sequence = a.Sequence
	r := check(stored(t, a, b))
	assert.Nil(t, r.Bad)
	assert.Equal(t, sequence.Of(1), r.Sequences[0].Twice)
}

// Whatever single byte of whatever is stored changes, the chain says so.
func TestAnyByteThatChangesIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		till := tilltest.New("acme", "s1", 1)
		events := make([]event.Event, rapid.IntRange(1, 5).Draw(t, "events"))
		for i := range events {
			events[i] = till.Sale(fmt.Sprint(rapid.IntRange(0, 1_000_000).Draw(t, "amount")))
		}
		state, links := stored(t, events...)
		victim := rapid.SampledFrom(links).Draw(t, "victim")
		target := rapid.SampledFrom([][]byte{victim.Content, victim.Prev[:], victim.Hash[:], victim.ContentHash[:], victim.EntryHash[:]}).Draw(t, "target")
		target[rapid.IntRange(0, len(target)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if check(state, links).Bad == nil {
			t.Fatal("the change was not found")
		}
	})
}
