package pin_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/terminal/internal/pin"
)

var cheap = pin.Cost{MemoryKiB: 8, Passes: 1, Lanes: 1}

func TestOnlyTheRightPINMatches(t *testing.T) {
	h := pin.New(cheap, rand.Reader)
	hash, err := h.Hash("1234")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=8,t=1,p=1$"), hash)
	for _, c := range []struct {
		pin   string
		match bool
	}{{"1234", true}, {"1235", false}, {"", false}, {"12345", false}} {
		match, err := h.Match(c.pin, hash)
		require.NoError(t, err)
		assert.Equal(t, c.match, match, c.pin)
	}
}

func TestTheSamePINHasAnotherHashEveryTime(t *testing.T) {
	h := pin.New(cheap, rand.Reader)
	a, err := h.Hash("1234")
	require.NoError(t, err)
	b, err := h.Hash("1234")
	require.NoError(t, err)
	assert.NotEqual(t, a, b)
}

func TestAHashKeepsItsOwnCost(t *testing.T) {
	hash, err := pin.New(cheap, rand.Reader).Hash("1234")
	require.NoError(t, err)
	match, err := pin.New(pin.DefaultCost, rand.Reader).Match("1234", hash)
	require.NoError(t, err)
	assert.True(t, match)
}

func TestWhatIsNoHashIsRefused(t *testing.T) {
	h := pin.New(cheap, rand.Reader)
	good, err := h.Hash("1234")
	require.NoError(t, err)
	for _, hash := range []string{
		"", "1234", "$argon2i$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", strings.Replace(good, "v=19", "v=18", 1),
		strings.Replace(good, "m=8", "m=99999999", 1), strings.Replace(good, "t=1", "t=0", 1), good + "x", good + "$",
	} {
		_, err := h.Match("1234", hash)
		assert.ErrorIs(t, err, pin.ErrFormat, hash)
	}
}

func TestWithoutRandomnessThereIsNoHash(t *testing.T) {
	_, err := pin.New(cheap, strings.NewReader("short")).Hash("1234")
	assert.Error(t, err)
}
