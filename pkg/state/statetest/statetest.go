// Package statetest is the contract of the state port. Every adapter, and the fake, runs it.
package statetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state"
)

// Run holds open's stores to the contract. Keys are unique per run, so a store may be used again.
// wait lets time pass for the store (a fake advances its clock).
func Run(t *testing.T, store state.Store, wait func(time.Duration)) {
	run := uuid.NewString()[:8]
	key := func(name string) string { return "statetest/" + run + "/" + name }
	ctx := t.Context()
	must := func(t *testing.T, ops ...state.Op) { t.Helper(); require.NoError(t, store.Write(ctx, ops...)) }
	get := func(t *testing.T, name string) state.Item {
		t.Helper()
		item, err := state.Get(ctx, store, key(name))
		require.NoError(t, err)
		return item
	}
	set := func(name, etag, value string) state.Op {
		return state.Op{Key: key(name), ETag: etag, Value: []byte(value)}
	}

	t.Run("an absent key does not exist", func(t *testing.T) {
		item := get(t, "absent")
		assert.False(t, item.Exists())
		assert.Equal(t, key("absent"), item.Key)
	})
	t.Run("what was written is read, with a new version every time", func(t *testing.T) {
		must(t, set("a", "", `{"n":1}`))
		first := get(t, "a")
		assert.JSONEq(t, `{"n":1}`, string(first.Value))
		must(t, set("a", first.ETag, `{"n":2}`))
		second := get(t, "a")
		assert.JSONEq(t, `{"n":2}`, string(second.Value))
		assert.NotEqual(t, first.ETag, second.ETag)
	})
	t.Run("many keys are read in the order asked for", func(t *testing.T) {
		must(t, set("m1", "", `1`), set("m3", "", `3`))
		items, err := store.Get(ctx, key("m3"), key("m2"), key("m1"))
		require.NoError(t, err)
		require.Len(t, items, 3)
		assert.Equal(t, "3", string(items[0].Value))
		assert.False(t, items[1].Exists())
		assert.Equal(t, key("m2"), items[1].Key)
		assert.Equal(t, "1", string(items[2].Value))
	})
	t.Run("a stale version conflicts and takes everything beside it down", func(t *testing.T) {
		must(t, set("stale", "", `1`))
		old := get(t, "stale")
		must(t, set("stale", old.ETag, `2`))
		err := store.Write(ctx, set("beside", "", `1`), set("stale", old.ETag, `3`), set("behind", "", `1`))
		require.ErrorIs(t, err, state.ErrConflict)
		assert.Equal(t, "2", string(get(t, "stale").Value))
		assert.False(t, get(t, "beside").Exists())
		assert.False(t, get(t, "behind").Exists())
	})
	t.Run("a single stale write conflicts too", func(t *testing.T) {
		must(t, set("single", "", `1`))
		require.ErrorIs(t, store.Write(ctx, set("single", "", `2`)), state.ErrConflict)
		require.ErrorIs(t, store.Write(ctx, set("never-there", "7", `2`)), state.ErrConflict)
	})
	t.Run("an insert conflicts when the key exists", func(t *testing.T) {
		must(t, set("insert", "", `1`))
		err := store.Write(ctx, set("other", "", `1`), set("insert", "", `2`))
		require.ErrorIs(t, err, state.ErrConflict)
		assert.False(t, get(t, "other").Exists())
	})
	t.Run("a blind write and a delete take no notice of versions", func(t *testing.T) {
		must(t, state.Op{Key: key("blind"), Blind: true, Value: []byte(`1`)})
		must(t, state.Op{Key: key("blind"), Blind: true, Value: []byte(`2`)}, set("with", "", `1`))
		assert.Equal(t, "2", string(get(t, "blind").Value))
		must(t, state.Delete(key("blind")), state.Delete(key("never")))
		assert.False(t, get(t, "blind").Exists())
	})
	t.Run("a value expires", func(t *testing.T) {
		op := set("expires", "", `1`)
		op.Expire = 2 * time.Second
		must(t, op, set("stays", "", `1`))
		assert.True(t, get(t, "expires").Exists())
		wait(3 * time.Second)
		assert.False(t, get(t, "expires").Exists())
		assert.True(t, get(t, "stays").Exists())
		must(t, set("expires", "", `2`), set("stays2", "", `1`))
	})
	t.Run("of many at once one wins each round and none is lost", func(t *testing.T) {
		const workers, each = 8, 10
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					increment(ctx, t, store, key("counter"))
				}
			})
		}
		wg.Wait()
		assert.Equal(t, fmt.Sprint(workers*each), string(get(t, "counter").Value))
	})
	t.Run("large and odd values come back whole", func(t *testing.T) {
		big := make([]byte, 0, 300_000)
		big = append(big, '"')
		for len(big) < 299_990 {
			big = append(big, "領収証…"...)
		}
		big = append(big, '"')
		must(t, set("big", "", string(big)), set("ключ/鍵 %?#", "", `"\u0000"`))
		assert.Equal(t, string(big), string(get(t, "big").Value))
		assert.JSONEq(t, `"\u0000"`, string(get(t, "ключ/鍵 %?#").Value))
	})
	t.Run("nothing happens after a cancel", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		require.Error(t, store.Write(cancelled, set("cancelled", "", `1`)))
		assert.False(t, get(t, "cancelled").Exists())
	})
}

func increment(ctx context.Context, t *testing.T, store state.Store, key string) {
	for {
		item, err := state.Get(ctx, store, key)
		if !assert.NoError(t, err) {
			return
		}
		n := 0
		if item.Exists() && !assert.NoError(t, item.Decode(&n)) {
			return
		}
		op, err := state.Put(item, n+1)
		if !assert.NoError(t, err) {
			return
		}
		// A neighbour key makes it a transaction, as every command's write is.
		err = store.Write(ctx, op, state.Op{Key: key + "-neighbour", Blind: true, Value: []byte(`0`)})
		if err == nil {
			return
		}
		if !assert.ErrorIs(t, err, state.ErrConflict) {
			return
		}
	}
}
