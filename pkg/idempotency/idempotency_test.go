package idempotency_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

type answer struct{ N int }

func TestTheFirstAnswerIsRepeated(t *testing.T) {
	r, err := idempotency.NewRequest("k1", "open", []byte(`{"a":1}`))
	require.NoError(t, err)
	var a answer
	repeated, err := r.Repeat(state.Item{}, &a)
	require.NoError(t, err)
	assert.False(t, repeated)

	op, err := r.Remember(state.Item{Key: r.StateKey("acme-s1-1")}, answer{7})
	require.NoError(t, err)
	assert.Equal(t, idempotency.Keep, op.Expire)
	stored := state.Item{Key: op.Key, Value: op.Value, ETag: "1"}
	repeated, err = r.Repeat(stored, &a)
	require.NoError(t, err)
	assert.True(t, repeated)
	assert.Equal(t, 7, a.N)

	for name, other := range map[string][2]string{"another body": {"open", `{"a":2}`}, "another operation": {"close", `{"a":1}`}} {
		o, err := idempotency.NewRequest("k1", other[0], []byte(other[1]))
		require.NoError(t, err)
		_, err = o.Repeat(stored, &a)
		assert.True(t, problem.Is(err, problem.IdempotencyReuse), name)
	}
}

func TestKeysAreChecked(t *testing.T) {
	for _, bad := range []string{"", "with space", "ключ", "a\x00", strings.Repeat("k", 201)} {
		_, err := idempotency.NewRequest(bad, "open", nil)
		assert.True(t, problem.Is(err, problem.BadRequest), "%q", bad)
	}
}
