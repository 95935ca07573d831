package mongostore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAReplicaSetSaysWhoItIs(t *testing.T) {
	s := open(t)
	state, err := s.Describe(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "MongoDB", state.Engine)
	assert.NotEmpty(t, state.ReplicaSet)
	assert.NotEmpty(t, state.Primary)
	assert.NotEmpty(t, state.Members)
}
