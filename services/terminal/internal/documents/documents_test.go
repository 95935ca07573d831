package documents_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
)

// writer puts at once; a unit would wait for its commit.
type writer struct {
	*memstate.Store
	t *testing.T
}

func (w writer) Put(old state.Item, v any) error {
	op, err := state.Put(old, v)
	require.NoError(w.t, err)
	return w.Write(w.t.Context(), op)
}

func world(t *testing.T) writer { return writer{memstate.New(time.Now), t} }

type thing struct {
	Name string `json:"name"`
}

func add(t *testing.T, w writer, i documents.Index, name string) {
	t.Helper()
	d, err := documents.Get[thing](t.Context(), w, "thing/"+name)
	require.NoError(t, err)
	d.Body = thing{name}
	require.NoError(t, d.Put(w))
	require.NoError(t, i.Add(t.Context(), w, documents.Entry{Sort: name, Key: "thing/" + name}))
}

func TestADocumentComesBackAsItWasPut(t *testing.T) {
	w := world(t)
	d, err := documents.Get[thing](t.Context(), w, "thing/a")
	require.NoError(t, err)
	assert.False(t, d.Exists())
	d.Body.Name = "a"
	require.NoError(t, d.Put(w))
	d, err = documents.Get[thing](t.Context(), w, "thing/a")
	require.NoError(t, err)
	assert.True(t, d.Exists())
	assert.Equal(t, "a", d.Body.Name)
	require.NoError(t, d.Put(w))
	assert.ErrorIs(t, d.Put(w), state.ErrConflict, "a document that was put is not the one that was read")
}

func TestADocumentOfANewerProgramIsRefused(t *testing.T) {
	for _, stored := range []string{`{"schema_version":2,"body":{"name":"a"}}`, `{"name":"a"}`, `[]`, `{"schema_version":1,"body":7}`} {
		_, err := documents.Parse[thing](state.Item{Key: "thing/a", Value: []byte(stored), ETag: "1"})
		assert.Error(t, err, stored)
	}
}

func TestAListIsInOrderAndComplete(t *testing.T) {
	w, list := world(t), documents.Tenants()
	for i := 99; i >= 0; i-- {
		add(t, w, list, fmt.Sprintf("t%02d", i))
	}
	for skip := 0; skip < 100; skip += 30 {
		page, err := documents.List[thing](t.Context(), w, list, skip, 30)
		require.NoError(t, err)
		assert.Equal(t, 100, page.Total)
		require.Len(t, page.Items, min(30, 100-skip))
		for i, item := range page.Items {
			assert.Equal(t, fmt.Sprintf("t%02d", skip+i), item.Name)
		}
	}
	page, err := documents.List[thing](t.Context(), w, list, 100, 30)
	require.NoError(t, err)
	assert.Equal(t, []thing{}, page.Items, "past the end there is nothing, not an error")
	require.NoError(t, list.Remove(t.Context(), w, "t50"))
	entries, err := list.Entries(t.Context(), w)
	require.NoError(t, err)
	assert.Len(t, entries, 99)
	entries, err = documents.Stores("acme").Entries(t.Context(), w)
	require.NoError(t, err)
	assert.Empty(t, entries, "lists have nothing to do with each other")
}
