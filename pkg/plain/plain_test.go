package plain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/plain"
)

func TestWhatTurnsOrBreaksTextIsUnprintable(t *testing.T) {
	for _, r := range "\u0000\u001b\n\u007f\u009b\u2028\u2029\u061c\u200e\u200f\u202a\u202e\u2066\u2069\ufeff" {
		assert.True(t, plain.Unprintable(r), "%U", r)
	}
	for _, r := range "aé領ｶﾞ\u200d\u05d0\u0627 €" { // the joiner of emoji, Hebrew and Arabic letters are printable
		assert.False(t, plain.Unprintable(r), "%U", r)
	}
}
