package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestAPublisherIsToldWhatIsReceivedAndWhatIsMissing(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sales := []event.Event{till.Sale("1"), till.Sale("2"), till.Sale("3"), till.Sale("4"), till.Sale("5")}
	b.deliver(sales[0], sales[4], sales[2])
	b.deliver(till.Open())
	statuses := b.told()
	require.Len(t, statuses, 2, "one message per lane, however many events")
	cart, terminal := statuses[0], statuses[1]
	assert.Equal(t, "cart", cart.Producer)
	assert.Equal(t, "acme-s1-1", cart.Stream().ID())
	assert.Zero(t, cart.Sequence)
	assert.Equal(t, uint64(5), cart.ReceivedThrough)
	assert.Equal(t, sequence.Of(2, 4), cart.Missing)
	assert.Equal(t, "terminal", terminal.Producer)
	assert.Equal(t, uint64(1), terminal.ReceivedThrough)
	assert.Empty(t, b.told(), "and then no more until something comes")
	b.deliver(sales[0])
	assert.Len(t, b.told(), 1, "a repeat is reported too")
}

func TestTheGenerationIsTheHighestDelivered(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	a, c := till.Sale("1"), till.Sale("2")
	b.deliverAs(2, a)
	b.deliverAs(1, c)
	assert.Equal(t, 2, b.told()[0].Generation)
	b.deliverAs(0, a) // the publisher was set back: its word is taken
	assert.Equal(t, 0, b.told()[0].Generation)
}

func TestAReplayIsReportedInTheGenerationOfWhatWasStoredSince(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	bad := raw(t, event.TopicTranLog, "x", tilltest.Data(t, till.Sale("1")), 0)
	app.DecodeWith(b.app, func(topic string, data []byte) (*journal.Record, error) {
		return nil, &journal.Refusal{Reason: journal.Undecodable, Detail: "an old program", Envelope: journal.Attribute(data)}
	})
	b.app.Ingest.Handle(t.Context(), event.TopicTranLog, []app.Message{bad})
	app.DecodeWith(b.app, journal.Decode)
	b.deliverAs(4, till.Sale("2"))
	b.told()
	b.restart()
	_, err := b.app.Quarantine.Replay(t.Context(), "acme", b.quarantine("acme", journal.QuarantineOpen)[0].ID, "ann")
	require.NoError(t, err)
	s := b.told()[0]
	assert.Equal(t, 4, s.Generation)
	assert.Equal(t, uint64(2), s.ReceivedThrough)
	assert.Empty(t, s.Missing)
	assert.Empty(t, s.Failed)
}

func TestADiscardedEventIsReportedCleared(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	till.Sale("1")
	changed := till.Sale("2")
	changed.TransactionType = 999
	b.deliverAs(1, till.Sale("3"), changed)
	s := b.told()[0]
	assert.Equal(t, []event.FailedEvent{{EventID: changed.EventID, Sequence: 2, Reason: "undecodable: transaction_type 999 is none of 101, 102, 201, 202"}}, s.Failed)
	assert.Equal(t, sequence.Set{{First: 1, Last: 2}}, s.Missing)

	b.deliverAs(2, till.Sale("4"))
	b.told()
	q := b.quarantine("acme", journal.QuarantineOpen)[0]
	done, err := b.app.Quarantine.Discard(t.Context(), "acme", q.ID, "ann", "a test till")
	require.NoError(t, err)
	assert.Equal(t, journal.QuarantineDiscarded, done.State)
	assert.Equal(t, "a test till", done.Resolution)
	s = b.told()[0]
	assert.Empty(t, s.Failed)
	assert.Equal(t, []uint64{2}, s.Cleared)
	assert.Equal(t, 2, s.Generation, "that of what was delivered since")
	for _, again := range []func() error{
		func() error {
			_, err := b.app.Quarantine.Discard(t.Context(), "acme", q.ID, "bob", "again")
			return err
		},
		func() error { _, err := b.app.Quarantine.Replay(t.Context(), "acme", q.ID, "bob"); return err },
	} {
		assert.ErrorIs(t, again(), app.QuarantineClosed.New(""))
	}
	assert.Equal(t, []app.Result{quarantined}, results(b.deliver(changed)), "it comes again: it stays discarded")
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen))
}

func TestStatusesAreSentAgainUntilTheyGetOut(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till, other := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
	b.deliver(till.Sale("1"), other.Sale("1"))
	b.publisher.refuse = errors.New("broker away")
	require.Error(t, app.Flush(t.Context(), b.app))
	b.publisher.takeOnly = 1
	require.Error(t, app.Flush(t.Context(), b.app))
	assert.Len(t, b.publisher.take(), 1, "one of the two got out")
	b.publisher.refuse = nil
	require.NoError(t, app.Flush(t.Context(), b.app))
	assert.Len(t, b.publisher.take(), 1, "and now the other")
}

func TestStatusesAreGatheredForAMomentAndSentAtTheEnd(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- app.Report(ctx, b.app) }()
	b.deliver(till.Sale("1"))
	b.deliver(till.Sale("2"))
	require.NoError(t, b.clock.BlockUntilContext(t.Context(), 1))
	assert.Empty(t, b.publisher.take())
	b.clock.Advance(50 * time.Millisecond)
	require.Eventually(t, func() bool { return len(b.publisher.on(event.TopicJournalStatus)) == 1 }, time.Minute, time.Millisecond)
	b.deliver(till.Sale("3"))
	cancel()
	require.NoError(t, <-ended)
	statuses := b.publisher.statuses(t)
	require.Len(t, statuses, 2)
	assert.Equal(t, uint64(3), statuses[1].ReceivedThrough)
}

func TestAnEndWithoutABrokerIsAnEndAllTheSame(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.deliver(tilltest.New("acme", "s1", 1).Sale("1"))
	b.publisher.refuse = errors.New("broker away")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, app.Report(ctx, b.app))
}

// However many gaps there are: what the messages say together is what is there.
func TestManyGapsAreToldInSeveralMessages(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	var odd []event.Event
	want := sequence.Set{}
	for i := range 2*app.StatusRanges + 3 {
		sale := till.Sale("1")
		if i%2 == 0 {
			odd = append(odd, sale)
			want = want.Add(sale.Sequence, sale.Sequence)
		}
	}
	for len(odd) > 0 {
		n := min(100, len(odd))
		b.deliver(odd[:n]...)
		odd = odd[n:]
	}
	var got sequence.Set
	statuses := b.told()
	assert.Len(t, statuses, 2)
	for _, s := range statuses {
		assert.LessOrEqual(t, len(s.Missing), app.StatusRanges+1)
		for _, r := range s.Missing.Missing(1, s.ReceivedThrough) { // as a publisher adds it up
			got = got.Add(r.First, r.Last)
		}
	}
	assert.Equal(t, want, got)
}

func TestEventsOutsideAnySequenceAreNotReported(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	sale.Sequence = 0
	assert.Equal(t, []app.Result{stored}, results(b.deliver(sale)))
	assert.Empty(t, b.told())
}
