package journal

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold brings a text into the form in which keywords are compared: letters of one case, and
// full-width and half-width forms of a character the same (ａ = A = a, ｶ = カ).
//
// Searches fold thousands of texts. Most characters of a receipt fold each by itself; the stretches
// between go through Unicode's tables, with the character before them, which may join with what follows.
func Fold(s string) string {
	same := steadyUntil(s)
	if same == len(s) {
		return s
	}
	out := append(make([]byte, 0, len(s)+len(s)/8), s[:same]...)
	for i := same; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if folded, ok := foldAlone(r); ok {
			out = utf8.AppendRune(out, folded)
			i += size
			continue
		}
		end := i + unsteadyUntil(s[i:])
		_, before := utf8.DecodeLastRuneInString(s[:i])
		last, written := utf8.DecodeLastRune(out)
		if joined := voiced[last]; end == i+size && joined != nil && (r == 'ﾞ' || r == 'ﾟ') && joined[r-'ﾞ'] != 0 {
			out = utf8.AppendRune(out[:len(out)-written], joined[r-'ﾞ'])
			i = end
			continue
		}
		out = append(out[:len(out)-written], strings.ToLower(norm.NFKC.String(s[i-before:end]))...)
		i = end
	}
	return string(out)
}

// steadyUntil is how far folding changes nothing.
func steadyUntil(s string) int {
	for i, r := range s {
		if folded, ok := foldAlone(r); !ok || folded != r {
			return i
		}
	}
	return len(s)
}

// unsteadyUntil is how far no character folds by itself.
func unsteadyUntil(s string) int {
	for i, r := range s {
		if _, ok := foldAlone(r); ok {
			return i
		}
	}
	return len(s)
}

// foldAlone folds a character that joins with none that stands before it. ok says that r is one.
func foldAlone(r rune) (folded rune, ok bool) {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r, true
	case settled(r), r == 'ー', r == '・', r == '¥', r == '※', 0x2500 <= r && r <= 0x259F, 0x3001 <= r && r <= 0x3003, 0x3008 <= r && r <= 0x3011:
		return r, true
	case fullWidth <= r && r <= '～':
		return foldAlone(r - fullWidth + '!')
	case r == '　':
		return ' ', true
	case halfWidth <= r && r < halfWidth+rune(len(katakana)):
		return katakana[r-halfWidth], true
	}
	return 0, false
}

const fullWidth, halfWidth = '！', 'ｦ'

// katakana are those that have a half-width form, in the order of these. Their voice marks are
// characters that join.
var katakana = []rune("ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン")

// voiced are katakana with the two voice marks, 0 where there is no such character.
var voiced = func() map[rune]*[2]rune {
	all := map[rune]*[2]rune{}
	for _, r := range katakana {
		var pair [2]rune
		for i, mark := range "\u3099\u309a" {
			if joined := []rune(norm.NFC.String(string(r) + string(mark))); len(joined) == 1 {
				pair[i/3] = joined[0]
			}
		}
		if pair != [2]rune{} {
			all[r] = &pair
		}
	}
	return all
}()
