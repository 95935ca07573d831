package binding_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/binding"
)

func TestAnAddressIsNotTold(t *testing.T) {
	for said, want := range map[string]string{
		// As daprd 1.18 says it.
		`error invoking output binding alerts: Post "http://127.0.0.1:42781/chat/T0/B0/s3cret": dial tcp 127.0.0.1:42781: connect: connection refused`: `error invoking output binding alerts: Post "http://127.0.0.1:42781/...": dial tcp 127.0.0.1:42781: connect: connection refused`,
		`Post "https://hooks.example.com?key=s3cret": EOF`:         `Post "https://hooks.example.com/...": EOF`,
		`dial amqps://ann:s3cret@broker.example.com:5671/: closed`: `dial amqps://broker.example.com:5671/... closed`,
		`received status code 429`:                                 `received status code 429`,
	} {
		err := errors.New(said)
		hidden := binding.Conceal(err)
		assert.Equal(t, want, hidden.Error())
		require.ErrorIs(t, hidden, err)
	}
	require.NoError(t, binding.Conceal(nil))
}
