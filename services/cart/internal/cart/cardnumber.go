package cart

import "unicode"

// Card numbers are never accepted, stored or logged: not in a payment's reference, and not where they
// end by mistake, as when a card is swiped while the till waits for a barcode.

// HoldsCardNumber finds a payment card's number (ISO/IEC 7812) in s: 13 to 19 digits that begin as one
// of the card schemes does and pass the check digit. It may be grouped by spaces, dashes or dots, stand
// beside other numbers, and be written in full-width digits.
func HoldsCardNumber(s string) bool {
	for groups := digitGroups(s); len(groups) > 0; groups = groups[1:] {
		number := ""
		for _, group := range groups {
			if number += group.digits; len(number) > longestCard {
				break
			}
			if isCardNumber(number) {
				return true
			}
			if group.last {
				break
			}
		}
	}
	return false
}

// Digits of card numbers.
const shortestCard, longestCard = 13, 19

// group is a run of digits; last when something else than spaces, dashes and dots comes behind it.
type group struct {
	digits string
	last   bool
}

func digitGroups(s string) []group {
	var groups []group
	inside := false
	for _, r := range s {
		d, isDigit := digit(r)
		switch {
		case isDigit && inside:
			groups[len(groups)-1].digits += d
		case isDigit:
			groups = append(groups, group{digits: d})
		case !joins(r) && len(groups) > 0:
			groups[len(groups)-1].last = true
		}
		inside = isDigit
	}
	return groups
}

// digit gives a digit of ASCII or a full-width one.
func digit(r rune) (d string, ok bool) {
	if r >= '\uff10' && r <= '\uff19' {
		r += '0' - '\uff10'
	}
	return string(r), r >= '0' && r <= '9'
}

// joins tells what people write between the groups of one number, or what cannot be seen.
func joins(r rune) bool {
	return unicode.In(r, unicode.Pd, unicode.Zs, unicode.Cf) || r == '.' || r == '_' || r == '/' || r == '\u2212'
}

// isCardNumber: by length, by the schemes' first digits and by the check digit.
func isCardNumber(digits string) bool {
	if len(digits) < shortestCard || len(digits) > longestCard || !luhn(digits) {
		return false
	}
	switch digits[0] {
	case '3', '4', '5', '6':
		return true
	case '2':
		return len(digits) == 16 && digits >= "2221" && digits < "2721"
	}
	return false
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
