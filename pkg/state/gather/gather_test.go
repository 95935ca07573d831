package gather_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/gather"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/pkg/state/statetest"
)

func TestTheContractOfTheStoreIsKept(t *testing.T) {
	clock := clockwork.NewFakeClock()
	statetest.Run(t, gather.New(memstate.New(clock.Now), 1), clock.Advance)
}

// slow is a store whose first write waits until it is let go; it remembers its transactions.
type slow struct {
	*memstate.Store
	began, goOn chan struct{}
	once        sync.Once
	mu          sync.Mutex
	sizes       []int
	atOnce      atomic.Int32
	most        atomic.Int32
	fail        error
}

func newSlow() *slow {
	return &slow{Store: memstate.New(time.Now), began: make(chan struct{}), goOn: make(chan struct{})}
}

func (s *slow) Write(ctx context.Context, ops ...state.Op) error {
	s.most.Store(max(s.most.Load(), s.atOnce.Add(1)))
	defer s.atOnce.Add(-1)
	s.once.Do(func() { close(s.began); <-s.goOn })
	s.mu.Lock()
	s.sizes = append(s.sizes, len(ops))
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return fail
	}
	return s.Store.Write(ctx, ops...)
}

func put(key, etag, value string) state.Op {
	return state.Op{Key: key, ETag: etag, Value: []byte(value)}
}

// behind holds the first write up, lets others gather behind it, and gives how each of them ended.
func behind(t *testing.T, s *slow, q *gather.Store, others ...[]state.Op) []error {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, q.Write(t.Context(), put("first", "", `1`))) })
	<-s.began
	errs := make([]error, len(others))
	for i, ops := range others {
		all.Go(func() { errs[i] = q.Write(t.Context(), ops...) })
	}
	require.Eventually(t, func() bool { return q.Waiting() == len(others) }, time.Minute, time.Millisecond)
	close(s.goOn)
	all.Wait()
	return errs
}

func TestWhatGathersIsWrittenInOneTransaction(t *testing.T) {
	s := newSlow()
	errs := behind(t, s, gather.New(s, 1),
		[]state.Op{put("a", "", `1`), put("b", "", `2`)}, []state.Op{put("c", "", `3`)}, []state.Op{put("d", "", `4`)})
	assert.Equal(t, []error{nil, nil, nil}, errs)
	assert.Equal(t, []int{1, 4}, s.sizes)
	assert.Equal(t, []string{"a", "b", "c", "d", "first"}, s.Keys())
}

func TestAConflictTakesNobodyElseDown(t *testing.T) {
	s := newSlow()
	errs := behind(t, s, gather.New(s, 1),
		[]state.Op{put("a", "", `1`)}, []state.Op{put("b", "", `1`), put("c", "stale", `2`)}, []state.Op{put("d", "", `4`)})
	assert.NoError(t, errs[0])
	assert.ErrorIs(t, errs[1], state.ErrConflict)
	assert.NoError(t, errs[2])
	assert.Equal(t, []string{"a", "d", "first"}, s.Keys(), "nothing of what conflicted was written")
}

func TestOfTwoWritesToOneKeyTheSecondSeesTheFirst(t *testing.T) {
	s := newSlow()
	errs := behind(t, s, gather.New(s, 1), []state.Op{put("a", "", `1`)}, []state.Op{put("a", "", `2`)}, []state.Op{put("b", "", `3`)})
	assert.True(t, (errs[0] == nil) != (errs[1] == nil), "%v", errs)
	assert.ErrorIs(t, errors.Join(errs[0], errs[1]), state.ErrConflict)
	assert.NoError(t, errs[2])
	assert.Equal(t, []int{1, 2, 1}, s.sizes, "the second goes by itself")
}

func TestWhenNobodyKnowsWhetherItHappenedAllAreTold(t *testing.T) {
	s := newSlow()
	q := gather.New(s, 1)
	s.fail = state.ErrUnavailable
	var all sync.WaitGroup
	all.Go(func() { assert.ErrorIs(t, q.Write(t.Context(), put("first", "", `1`)), state.ErrUnavailable) })
	<-s.began
	for i := range 3 {
		all.Go(func() {
			assert.ErrorIs(t, q.Write(t.Context(), put(strconv.Itoa(i), "", `1`)), state.ErrUnavailable)
		})
	}
	require.Eventually(t, func() bool { return q.Waiting() == 3 }, time.Minute, time.Millisecond)
	close(s.goOn)
	all.Wait()
	assert.Equal(t, []int{1, 3}, s.sizes, "nothing is tried again: it may have happened")
}

func TestABatchHasABound(t *testing.T) {
	s := newSlow()
	var large []state.Op
	for i := range 60 {
		large = append(large, put(fmt.Sprint("l", i), "", `1`))
	}
	var larger []state.Op
	for i := range 150 {
		larger = append(larger, put(fmt.Sprint("m", i), "", `1`))
	}
	errs := behind(t, s, gather.New(s, 1), large, larger, []state.Op{put("huge", "", string(make([]byte, 2<<20)))}, []state.Op{put("small", "", `1`)})
	for _, err := range errs {
		assert.NoError(t, err)
	}
	for _, n := range s.sizes {
		assert.Contains(t, []int{1, 2, 60, 61, 150}, n)
	}
}

func TestWhoGivesUpWhileWaitingHasWrittenNothing(t *testing.T) {
	s := newSlow()
	q := gather.New(s, 1)
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, q.Write(t.Context(), put("first", "", `1`))) })
	<-s.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, q.Write(ctx, put("a", "", `1`)), state.ErrUnavailable)
	close(s.goOn)
	all.Wait()
	assert.Equal(t, []string{"first"}, s.Keys())
}

// The request that happens to write for others may end: what it writes does not.
func TestTheOneWhoWritesForOthersMayGiveUp(t *testing.T) {
	s := newSlow()
	q := gather.New(s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, q.Write(ctx, put("first", "", `1`))) })
	<-s.began
	cancel()
	all.Go(func() { assert.NoError(t, q.Write(t.Context(), put("a", "", `1`))) })
	require.Eventually(t, func() bool { return q.Waiting() == 1 }, time.Minute, time.Millisecond)
	close(s.goOn)
	all.Wait()
	assert.Equal(t, []string{"a", "first"}, s.Keys())
}

// Counters that everybody changes at once by read, compare and write end where they must, with losses of
// replies and conflicts in between.
func TestManyAtOnceLoseNoWrite(t *testing.T) {
	for _, writers := range []int{1, 3} {
		store := &slow{Store: memstate.New(time.Now)}
		store.once.Do(func() {})
		q := gather.New(store, writers)
		const people, each, counters = 16, 40, 5
		var all sync.WaitGroup
		for range people {
			all.Go(func() {
				for done := 0; done < each; {
					key := fmt.Sprint("counter/", rand.IntN(counters))
					item, err := state.Get(t.Context(), q, key)
					if !assert.NoError(t, err) {
						return
					}
					n, _ := strconv.Atoi(string(item.Value))
					err = q.Write(t.Context(), put(key, item.ETag, strconv.Itoa(n+1)), state.Op{Key: key + "/witness", Value: []byte(strconv.Itoa(n + 1)), Blind: true})
					if err == nil {
						done++
						continue
					}
					assert.ErrorIs(t, err, state.ErrConflict)
				}
			})
		}
		all.Wait()
		sum := 0
		for c := range counters {
			item, err := state.Get(t.Context(), q, fmt.Sprint("counter/", c))
			require.NoError(t, err)
			n, _ := strconv.Atoi(string(item.Value))
			sum += n
		}
		assert.Equal(t, people*each, sum)
		assert.LessOrEqual(t, int(store.most.Load()), writers)
	}
}
