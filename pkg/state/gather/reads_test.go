package gather_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/gather"
	"github.com/tillroll/tillroll/pkg/state/memstate"
)

// library is a store whose first reads wait until they are let go; it remembers what was asked for.
type library struct {
	*memstate.Store
	goOn  chan struct{}
	mu    sync.Mutex
	asked [][]string
}

func newLibrary(t *testing.T) *library {
	l := &library{Store: memstate.New(time.Now), goOn: make(chan struct{})}
	for i := range 5 {
		require.NoError(t, l.Write(t.Context(), put(fmt.Sprint("k", i), "", fmt.Sprint(i))))
	}
	return l
}

func (l *library) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	l.mu.Lock()
	l.asked = append(l.asked, keys)
	l.mu.Unlock()
	if keys[0] == "slow" {
		<-l.goOn
	}
	for _, k := range keys {
		if k == "rotten" {
			return nil, errors.New("this value cannot be read")
		}
	}
	return l.Store.Get(ctx, keys...)
}

// together asks for all of wanted while both turns are taken, and gives what each was told.
func together(t *testing.T, l *library, wanted ...[]string) ([][]state.Item, []error) {
	t.Helper()
	g := gather.New(l, 1)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { _, err := g.Get(t.Context(), "slow"); assert.NoError(t, err) })
		require.Eventually(t, func() bool { return g.Waiting() == 0 }, time.Minute, time.Millisecond)
	}
	require.Eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.asked) == 2 }, time.Minute, time.Millisecond)
	found, errs := make([][]state.Item, len(wanted)), make([]error, len(wanted))
	for i, keys := range wanted {
		all.Go(func() { found[i], errs[i] = g.Get(t.Context(), keys...) })
		require.Eventually(t, func() bool { return g.Waiting() == i+1 }, time.Minute, time.Millisecond)
	}
	close(l.goOn)
	all.Wait()
	return found, errs
}

func TestReadsThatGatherAreOne(t *testing.T) {
	l := newLibrary(t)
	found, errs := together(t, l, []string{"k3", "k1"}, []string{"k1"}, []string{"none", "k4", "k3"})
	assert.Equal(t, []error{nil, nil, nil}, errs)
	values := func(items []state.Item) string {
		var b strings.Builder
		for _, i := range items {
			fmt.Fprintf(&b, "%s=%s;", i.Key, i.Value)
		}
		return b.String()
	}
	assert.Equal(t, "k3=3;k1=1;", values(found[0]))
	assert.Equal(t, "k1=1;", values(found[1]))
	assert.Equal(t, "none=;k4=4;k3=3;", values(found[2]))
	require.Len(t, l.asked, 3)
	assert.Equal(t, []string{"k3", "k1", "none", "k4"}, l.asked[2], "each key once")
}

func TestAKeyThatCannotBeReadStandsInNobodysWay(t *testing.T) {
	_, errs := together(t, newLibrary(t), []string{"k1"}, []string{"rotten"}, []string{"k2"})
	assert.NoError(t, errs[0])
	assert.ErrorContains(t, errs[1], "cannot be read")
	assert.NoError(t, errs[2])
}

// A read that was asked for after a write had ended sees it, however many share the reads.
func TestAReadSeesWhatWasWrittenBeforeIt(t *testing.T) {
	g := gather.New(memstate.New(time.Now), 1)
	var all sync.WaitGroup
	for p := range 16 {
		all.Go(func() {
			key, etag := fmt.Sprint("own/", p), ""
			for n := range 50 {
				want := fmt.Sprint(n)
				if !assert.NoError(t, g.Write(t.Context(), put(key, etag, want))) {
					return
				}
				items, err := g.Get(t.Context(), "shared", key)
				if !assert.NoError(t, err) || !assert.Equal(t, want, string(items[1].Value)) {
					return
				}
				etag = items[1].ETag
			}
		})
	}
	all.Wait()
}
