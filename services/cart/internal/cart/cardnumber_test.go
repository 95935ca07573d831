package cart_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

func TestCardNumbersAreFoundHoweverTheyAreWritten(t *testing.T) {
	for _, s := range []string{
		"4111111111111111", "card 4111-1111 1111 1111", "4111.1111.1111.1111", "4111_1111_1111_1111", "4111/1111/1111/1111",
		"４１１１１１１１１１１１１１１１", "4111\u20111111\u00a01111\u200b1111",
		"4111111111111111 12/26", "ref 12 4111111111111111", "4111 1111 1111 1111 123",
		"%B4111111111111111^DOE/JANE^2612", ";4111111111111111=2612101?",
		"5555555555554444", "2223003122003222", "378282246310005", "30569309025904", "6011111111111117", "4222222222222",
	} {
		assert.True(t, cart.HoldsCardNumber(s), "%q", s)
	}
	for _, s := range []string{
		"", "approval 0815", "4111111111111112", "4111a1111b1111c1111", "2026112012345674", "20260101 123456789012",
		"4900000010015x", "411111111111", "1234567890128", "41111111111111111111",
	} {
		assert.False(t, cart.HoldsCardNumber(s), "%q", s)
	}
}
