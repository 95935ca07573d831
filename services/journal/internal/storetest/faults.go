package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Everything is a batch with all topics, in several streams.
func Everything() []event.Event {
	till, other, tenant := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2), tilltest.NewTenant("acme")
	return []event.Event{
		tenant.Snapshot(1), tenant.StoreSnapshot("s1", "Asia/Tokyo", 1), till.TerminalSnapshot(1, "key"), till.Open(), till.Cash("100"),
		till.Business("c1", event.OrderSubtotalled{OrderID: "c1"}), till.Sale("108"), other.Sale("5"), till.Close(1, 1, 1, "", "208"),
		till.Direct(journal.CashIn, "5"),
	}
}

// EntriesOfEverything is how many of them make an entry.
const EntriesOfEverything = 6

// State is what is stored of tenant acme, after a look at every chain, collection and count: no log
// without its entry, no entry without its log, nothing outside a chain.
func State(t *testing.T, s app.Store) (events, entries int) {
	t.Helper()
	var bad []string
	var check *journal.StreamCheck
	report := func() {
		if check != nil {
			if r := check.Report(); r.Bad != nil {
				bad = append(bad, r.Bad.Problem)
			}
		}
	}
	require.NoError(t, s.Walk(t.Context(), "acme", app.Walker{
		Stream: func(st journal.StreamState) error { report(); check = journal.CheckStream(st); return nil },
		Link: func(l *journal.Stored) error {
			check.Add(l)
			events++
			if l.Entry != nil {
				entries++
			}
			return nil
		},
		Stray: func(where, id string) error { bad = append(bad, where+" "+id); return nil },
	}))
	report()
	require.Empty(t, bad)
	return events, entries
}

// Steps is a store whose commits call a function before each command that they send, with its name,
// and after their end with Committed.
type Steps interface {
	app.Store
	OnStep(do func(name string) error)
}

// Committed is the step after the end of a commit: what fails there is only its report.
const Committed = "committed"

// mishaps are what can happen at a step of a commit. Each is told the store, the batch and the
// context's end, and gives what the step fails with.
var mishaps = map[string]func(t *testing.T, m *mishap) error{
	"an error": func(*testing.T, *mishap) error { return errors.New("the disk is full, or the network gone") },
	"the caller gives up": func(_ *testing.T, m *mishap) error {
		m.cancel()
		return nil
	},
	"the caller gives up while it is slow": func(_ *testing.T, m *mishap) error {
		time.AfterFunc(time.Millisecond, m.cancel)
		time.Sleep(3 * time.Millisecond)
		return nil
	},
	"somebody else commits the same": func(t *testing.T, m *mishap) error {
		m.other.Go(func() {
			_, err := m.store.Commit(context.Background(), "acme", tilltest.Records(t, m.batch...))
			assert.NoError(t, err)
		})
		time.Sleep(3 * time.Millisecond) // it comes first, or waits for us
		return nil
	},
	"somebody else moves the same chains": func(t *testing.T, m *mishap) error {
		till := tilltest.New("acme", "s1", 1).Named("other")
		m.more = []event.Event{till.Sale("7"), till.Cash("3")}
		m.other.Go(func() {
			_, err := m.store.Commit(context.Background(), "acme", tilltest.Records(t, m.more...))
			assert.NoError(t, err)
		})
		time.Sleep(3 * time.Millisecond)
		return nil
	},
}

type mishap struct {
	store  Steps
	batch  []event.Event
	cancel context.CancelFunc
	other  sync.WaitGroup
	more   []event.Event // stored by somebody else
}

// RunFaults lets every mishap happen at every step of a commit, in a store of its own each time.
// Whatever happens, everything of the batch is stored or nothing is, and after a repetition everything
// is stored once.
func RunFaults(t *testing.T, open func(t *testing.T) Steps) {
	for what, happen := range mishaps {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for step := 1; ; step++ {
				if last := failAt(t, open(t), step, happen); last == "" {
					require.Greater(t, step, 12, "a commit has more steps than that")
					return
				}
			}
		})
	}
}

// failAt lets a mishap happen at one step of a commit, and gives its name; none when there are fewer.
func failAt(t *testing.T, s Steps, step int, happen func(*testing.T, *mishap) error) (at string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	provision(t, s, "acme")
	m := &mishap{store: s, batch: Everything(), cancel: cancel}
	var mu sync.Mutex
	steps := 0
	s.OnStep(func(name string) error {
		mu.Lock()
		steps++
		mine := steps == step
		if mine {
			at = name
		}
		mu.Unlock()
		if !mine {
			return nil
		}
		return happen(t, m)
	})
	outcomes, err := s.Commit(ctx, "acme", tilltest.Records(t, m.batch...))
	m.other.Wait()
	s.OnStep(func(string) error { return nil })

	stored := whole(t, s, m)
	switch {
	case err == nil:
		require.True(t, stored, "at %s", at)
		require.Len(t, outcomes, len(m.batch))
	case at == Committed:
		require.ErrorIs(t, err, app.ErrUnavailable)
		require.True(t, stored, "the report was lost, the commit was not")
	default:
		require.ErrorIs(t, err, app.ErrUnavailable, "at %s", at)
		require.False(t, stored, "at %s", at)
	}
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, m.batch...))
	require.NoError(t, err)
	require.True(t, whole(t, s, m), "at %s", at)
	return at
}

// whole tells whether the batch is stored; it is an error when only part of it is, or when anything of
// it is there twice.
func whole(t *testing.T, s app.Store, m *mishap) bool {
	t.Helper()
	events, entries := State(t, s)
	events, entries = events-len(m.more), entries-len(m.more)
	if events == 0 && entries == 0 {
		return false
	}
	require.Equal(t, len(m.batch), events)
	require.Equal(t, EntriesOfEverything, entries)
	return true
}
