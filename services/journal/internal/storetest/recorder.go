package storetest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

var recorderCases = map[string]func(t *testing.T, s app.Store){
	"an event is stored once and completely": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale := till.Sale("10.90")
		assert.Equal(t, []app.Outcome{app.Stored}, commit(t, s, "acme", sale))

		l, err := s.Entry(t.Context(), "acme", sale.EventID)
		require.NoError(t, err)
		assert.Equal(t, *journal.EntryOf(sale), l.Entry)
		assert.Equal(t, uint64(1), l.ChainSeq)
		assert.NotZero(t, l.Hash)

		session, err := s.Session(t.Context(), "acme", journal.SessionKey{Terminal: till.Terminal, BusinessDate: till.BusinessDate, OpenCounter: 1})
		require.NoError(t, err)
		require.Len(t, session.Transactions, 1)
		assert.Equal(t, sale.CartID, session.Transactions[0].CartID)

		known, err := s.Known(t.Context(), "acme", []string{sale.EventID, "other"})
		require.NoError(t, err)
		assert.Equal(t, map[string]journal.Hash{sale.EventID: tilltest.Record(t, sale).ContentHash}, known)
		assert.Equal(t, map[string]uint64{"acme-s1-1": 1}, verify(t, s, "acme"))
	},
	"every topic is stored in one batch, and only logs make entries": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		tenant := tilltest.NewTenant("acme")
		events := []event.Event{
			till.Open(), till.Cash("100"), till.Business("c1", event.OrderCompleted{OrderID: "c1"}), till.Sale("108"),
			till.TerminalSnapshot(1, "key"), till.Close(1, 1, 1, "", "208"), tenant.Snapshot(1), tenant.StoreSnapshot("s1", "Asia/Tokyo", 2),
		}
		for _, o := range commit(t, s, "acme", events...) {
			assert.Equal(t, app.Stored, o)
		}
		assert.Len(t, all(t, s, "acme", journal.Query{}), 4)
		assert.Equal(t, map[string]uint64{"acme-s1-1": 6, "acme": 2}, verify(t, s, "acme"))
	},
	"a repeat is recognised, also when it was written differently": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		sale := tilltest.New("acme", "s1", 1).Sale("10.90")
		commit(t, s, "acme", sale)
		before, err := s.Streams(t.Context(), "acme")
		require.NoError(t, err)

		again := bytes.ReplaceAll(tilltest.Data(t, sale), []byte("10.9,"), []byte("1.090e1,"))
		r, err := journal.Decode(sale.Topic(), again)
		require.NoError(t, err)
		outcomes, err := s.Commit(t.Context(), "acme", []*journal.Record{r})
		require.NoError(t, err)
		assert.Equal(t, []app.Outcome{app.Repeat}, outcomes)
		after, err := s.Streams(t.Context(), "acme")
		require.NoError(t, err)
		assert.Equal(t, before, after)
	},
	"the same id with other content is told, and the first stays": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale, other := till.Sale("100"), till.Sale("999")
		commit(t, s, "acme", sale)
		other.EventID = sale.EventID
		assert.Equal(t, []app.Outcome{app.Changed}, commit(t, s, "acme", other))
		l, err := s.Entry(t.Context(), "acme", sale.EventID)
		require.NoError(t, err)
		assert.Equal(t, "100", l.Amount.String())
		p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Equal(t, sequence.Of(1), p.Received)
		verify(t, s, "acme")
	},
	"a batch may hold an event twice, and a changed one": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		a, b := till.Sale("100"), till.Sale("200")
		changed := *a
		changed.JournalText = "something else"
		assert.Equal(t, []app.Outcome{app.Stored, app.Repeat, app.Stored, app.Changed, app.Repeat}, commit(t, s, "acme", a, a, b, &changed, b))
		assert.Equal(t, map[string]uint64{"acme-s1-1": 2}, verify(t, s, "acme"))
	},
	"an empty batch is nothing": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		assert.Empty(t, commit(t, s, "acme"))
	},
	"commits at the same time store each event once, and every chain is gapless": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		var events []event.Event
		for no := 1; no <= 3; no++ {
			till := tilltest.New("acme", "s1", no)
			for range 20 {
				events = append(events, till.Sale("108"))
			}
		}
		records := tilltest.Records(t, events...)
		stored := make([]int, 4)
		var deliveries sync.WaitGroup
		for d := range stored {
			deliveries.Go(func() {
				mine := append([]*journal.Record(nil), records...)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				for len(mine) > 0 {
					n := min(len(mine), 1+rand.IntN(7))
					outcomes, err := s.Commit(context.Background(), "acme", mine[:n])
					if !assert.NoError(t, err) {
						return
					}
					for _, o := range outcomes {
						if o == app.Stored {
							stored[d]++
						}
					}
					mine = mine[n:]
				}
			})
		}
		deliveries.Wait()
		assert.Equal(t, len(events), stored[0]+stored[1]+stored[2]+stored[3])
		assert.Equal(t, map[string]uint64{"acme-s1-1": 20, "acme-s1-2": 20, "acme-s1-3": 20}, verify(t, s, "acme"))
	},
	"a commit that is cancelled stores everything or nothing": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Commit(cancelled, "acme", tilltest.Records(t, till.Sale("1")))
		require.ErrorIs(t, err, app.ErrUnavailable)
		assert.Empty(t, all(t, s, "acme", journal.Query{}))

		stored := 0
		for i := range 20 {
			batch := tilltest.Records(t, till.Sale("1"), till.Cash("2"), till.Sale("3"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
			_, err := s.Commit(ctx, "acme", batch)
			cancel()
			now := len(all(t, s, "acme", journal.Query{}))
			if err == nil {
				require.Equal(t, stored+3, now)
			}
			require.Contains(t, []int{stored, stored + 3}, now)
			outcomes, err := s.Commit(t.Context(), "acme", batch)
			require.NoError(t, err)
			require.Equal(t, outcomes[0] == app.Repeat, now == stored+3)
			stored += 3
		}
		assert.Equal(t, uint64(60), verify(t, s, "acme")["acme-s1-1"])
	},
	"the same id lives in two tenants without knowing of itself": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		a, b := tilltest.New("acme", "s1", 1).Sale("100"), tilltest.New("bolt", "s1", 1).Sale("200")
		b.EventID = a.EventID
		assert.Equal(t, []app.Outcome{app.Stored}, commit(t, s, "acme", a))
		assert.Equal(t, []app.Outcome{app.Stored}, commit(t, s, "bolt", b))
		for tenant, amount := range map[string]string{"acme": "100", "bolt": "200"} {
			l, err := s.Entry(t.Context(), tenant, a.EventID)
			require.NoError(t, err)
			assert.Equal(t, amount, l.Amount.String())
			assert.Equal(t, tenant, l.TenantID)
			assert.Len(t, all(t, s, tenant, journal.Query{}), 1)
			verify(t, s, tenant)
		}
	},
	"an unknown tenant is told at every call": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		for _, tenant := range []string{"bolt", "", "../acme", "$where", "acme.db", "'; DROP TABLE tenants; --", "_platform", "ACME", "acme\x00"} {
			for call, err := range everyCall(t.Context(), s, tenant) {
				assert.ErrorIs(t, err, app.ErrUnknownTenant, "%s of %q", call, tenant)
			}
		}
	},
	"provisioning twice is provisioning once": func(t *testing.T, s app.Store) {
		created, err := s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		assert.True(t, created)
		commit(t, s, "acme", tilltest.New("acme", "s1", 1).Sale("100"))
		created, err = s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		assert.False(t, created)
		assert.Len(t, all(t, s, "acme", journal.Query{}), 1)
		tenants, err := s.Tenants(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"acme"}, tenants)
	},
	"provisioning at the same time makes one tenant": func(t *testing.T, s app.Store) {
		var mu sync.Mutex
		var made sync.WaitGroup
		news := 0
		for range 8 {
			made.Go(func() {
				created, err := s.Provision(context.Background(), "acme")
				mu.Lock()
				defer mu.Unlock()
				assert.NoError(t, err)
				if created {
					news++
				}
			})
		}
		made.Wait()
		assert.Equal(t, 1, news)
	},
	"a code that is none makes no tenant": func(t *testing.T, s app.Store) {
		for _, tenant := range []string{"", "../x", "a/b", "$where", "A", "x.db", "'; DROP TABLE tenants; --", strings.Repeat("a", 33), "_platform"} {
			_, err := s.Provision(t.Context(), tenant)
			assert.ErrorIs(t, err, app.ErrRefused, "%q", tenant)
		}
		provision(t, s, "platform", "lock", "tenants")
		tenants, err := s.Tenants(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"lock", "platform", "tenants"}, tenants)
		assert.NoError(t, s.Ping(t.Context()))
	},
	"an entry that a request made stands in the chain and in no sequence": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		till := tilltest.New("acme", "s1", 1)
		direct, sale := till.Direct(journal.Return, "-10.9"), till.Sale("5")
		sale.ReceiptNo = *direct.ReceiptNo
		outcomes, err := s.Commit(t.Context(), "acme", []*journal.Record{tilltest.DirectRecord(t, direct), tilltest.Record(t, sale)})
		require.NoError(t, err)
		assert.Equal(t, []app.Outcome{app.Stored, app.Stored}, outcomes)
		outcomes, err = s.Commit(t.Context(), "acme", []*journal.Record{tilltest.DirectRecord(t, direct)})
		require.NoError(t, err)
		assert.Equal(t, []app.Outcome{app.Repeat}, outcomes)
		l, err := s.Entry(t.Context(), "acme", direct.EventID)
		require.NoError(t, err)
		assert.Equal(t, *journal.EntryOf(direct), l.Entry)
		got, err := s.Direct(t.Context(), "acme", direct.EventID)
		require.NoError(t, err)
		assert.Equal(t, direct, got)
		for tenant, id := range map[string]string{"acme": sale.EventID, "bolt": direct.EventID} {
			_, err := s.Direct(t.Context(), tenant, id)
			assert.ErrorIs(t, err, app.ErrNotFound)
		}
		p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerJournal)
		require.NoError(t, err)
		assert.Empty(t, p.Received)
		assert.Equal(t, map[string]uint64{"acme-s1-1": 2}, verify(t, s, "acme"))
		links, err := s.Behind(t.Context(), identity.TerminalStream(till.Terminal), 0, 1)
		require.NoError(t, err)
		assert.Equal(t, journal.TopicDirect, links[0].Topic)
		assert.NotEmpty(t, links[0].Content)
		uses, err := s.Receipts(t.Context(), till.Terminal, till.BusinessDate, []int64{sale.ReceiptNo})
		require.NoError(t, err)
		assert.Len(t, uses, 2)
	},
	"texts are stored as they are, whatever they look like": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		for _, text := range []string{
			"$where", `{"$gt":""}`, "../../etc/passwd", "'; DROP TABLE journal; --", `"quoted" \ back`, "a\x00b", "\u2028\ufeff", "👩‍👩‍👧 ﾊﾝｶｸ 半角", "%s%n", "日本語\n\t軽減税率", strings.Repeat("x", 100_000),
		} {
			sale := till.Sale("1")
			sale.JournalText, sale.ReceiptText, sale.CartID, sale.Staff = text, text, text, &event.Person{ID: text, Name: text}
			commit(t, s, "acme", sale)
			l, err := s.Entry(t.Context(), "acme", sale.EventID)
			require.NoError(t, err)
			assert.Equal(t, text, l.JournalText)
			assert.Equal(t, text, *l.StaffID)
			assert.Equal(t, []string{sale.EventID}, all(t, s, "acme", journal.Query{StaffID: text}))
			_, entries, err := s.Order(t.Context(), "acme", text)
			require.NoError(t, err)
			assert.Len(t, entries, 1)
		}
		verify(t, s, "acme")
	},
	"the largest event that can be published is stored": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		sale := tilltest.New("acme", "s1", 1).Sale("1")
		sale.JournalText = strings.Repeat("おにぎり\n", (700<<10)/13)
		commit(t, s, "acme", sale)
		l, err := s.Entry(t.Context(), "acme", sale.EventID)
		require.NoError(t, err)
		assert.Equal(t, sale.JournalText, l.JournalText)
		verify(t, s, "acme")
	},
	"amounts keep every digit": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		// In ascending order; one set of them is in the journal as cash, where the sign is kept.
		amounts := []string{
			"-999999999999999", "-999999999.999999", "-1.000001", "-1", "-0.999999", "-0.5", "-0.000001", "0",
			"0.000001", "0.1", "0.3", "0.5", "1", "1.000001", "10.9", "123456789.123456", "999999999.999999", "999999999999999",
		}
		ids := map[string]string{}
		for _, amount := range amounts {
			cash := till.Cash(amount)
			commit(t, s, "acme", cash)
			ids[amount] = cash.EventID
			l, err := s.Entry(t.Context(), "acme", cash.EventID)
			require.NoError(t, err)
			assert.Equal(t, amount, l.Amount.String())
		}
		for i, from := range amounts {
			for j := i; j < len(amounts); j += 3 {
				var want []string
				for _, amount := range amounts[i : j+1] {
					want = append(want, ids[amount])
				}
				got := all(t, s, "acme", journal.Query{
					Amount: journal.Span[money.Decimal]{From: ptr(money.MustParse(from)), To: ptr(money.MustParse(amounts[j]))},
					Sort:   []journal.Order{{Field: journal.ByAmount}},
				})
				require.Equal(t, want, got, "from %s to %s", from, amounts[j])
			}
		}
		verify(t, s, "acme")
	},
	"progress tells what of each producer's sequence is there": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sales := []event.Event{till.Sale("1"), till.Sale("2"), till.Sale("3"), till.Sale("4"), till.Sale("5")}
		p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Empty(t, p.Received)

		commit(t, s, "acme", sales[4], sales[0])
		commit(t, s, "acme", till.Open(), sales[2])
		p, err = s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Equal(t, sequence.Of(1, 3, 5), p.Received)
		p, err = s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerTerminal)
		require.NoError(t, err)
		assert.Equal(t, sequence.Of(1), p.Received)

		commit(t, s, "acme", sales[3], sales[1])
		p, err = s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Equal(t, sequence.Set{{First: 1, Last: 5}}, p.Received)
	},
	"an event outside any sequence is stored and not counted": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale := till.Sale("1")
		sale.Sequence = 0
		commit(t, s, "acme", sale)
		p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Empty(t, p.Received)
		assert.Equal(t, map[string]uint64{"acme-s1-1": 1}, verify(t, s, "acme"))
	},
	"the generation that was delivered last is kept, of repeats too": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale := till.Sale("1")
		for _, generation := range []int{0, 2, 1} {
			r := tilltest.Record(t, sale)
			r.Generation = generation
			_, err := s.Commit(t.Context(), "acme", []*journal.Record{r})
			require.NoError(t, err)
			p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
			require.NoError(t, err)
			assert.Equal(t, generation, p.Generation)
		}
	},
	"numbers up to the largest sequence survive": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 9999)
		sale := till.Sale("1")
		sale.Sequence, sale.TransactionNo, sale.ReceiptNo = event.MaxSequence, event.MaxSequence, event.MaxSequence
		commit(t, s, "acme", sale)
		p, err := s.Progress(t.Context(), identity.TerminalStream(till.Terminal), event.ProducerCart)
		require.NoError(t, err)
		assert.Equal(t, sequence.Of(event.MaxSequence), p.Received)
		verify(t, s, "acme")
	},
}
