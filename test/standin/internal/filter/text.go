package filter

import (
	"strings"
	"unicode"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Text is a $text search.
type Text struct {
	Terms   []string // one of them must be there
	Negated []string // none of them may be
	Phrases []string // all of them must be
}

func parseText(v bson.RawValue) (*Text, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, fault.New(fault.BadValue, "$text expects an object")
	}
	search, ok := bson.Raw(v.Value).Lookup("$search").StringValueOK()
	if !ok {
		return nil, fault.New(fault.TypeMismatch, "BSON field 'TextMatchExpression.$search' must be a string")
	}
	text := &Text{}
	for {
		before, rest, found := strings.Cut(search, `"`)
		phrase, after, closed := strings.Cut(rest, `"`)
		if !found || !closed {
			break
		}
		text.Phrases = append(text.Phrases, strings.ToLower(phrase))
		text.Terms = append(text.Terms, Tokens(phrase)...)
		search = before + " " + after
	}
	for word := range strings.FieldsSeq(search) {
		if strings.HasPrefix(word, "-") {
			text.Negated = append(text.Negated, Tokens(word)...)
		} else {
			text.Terms = append(text.Terms, Tokens(word)...)
		}
	}
	return text, nil
}

// Tokens cuts a text into the words of a text index with default_language
// "none": no stemming, no stop words.
func Tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_'
	})
}

// HasPhrases tells whether every phrase stands in one of the fields.
func (t *Text) HasPhrases(doc bson.Raw, fields map[string]float64) bool {
	for _, phrase := range t.Phrases {
		found := false
		for field := range fields {
			for _, v := range strs(doc, field) {
				found = found || strings.Contains(strings.ToLower(v), phrase)
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func strs(doc bson.Raw, path string) []string {
	values, _ := value.All(doc, path)
	var out []string
	for _, v := range values {
		if s, ok := v.StringValueOK(); ok {
			out = append(out, s)
		}
	}
	return out
}

// Scores gives the score of every term of a document, computed as MongoDB
// does: each further occurrence counts half of the one before, and terms of
// short texts count more.
func Scores(doc bson.Raw, weights map[string]float64) map[string]float64 {
	scores := map[string]float64{}
	for field, weight := range weights {
		for _, s := range strs(doc, field) {
			scoreText(scores, s, weight)
		}
	}
	return scores
}

func scoreText(scores map[string]float64, s string, weight float64) {
	const (
		adjustment = 0.5 // what a term's share of the text counts at most
		whole      = 1.1 // bonus of a term that is the whole text
	)
	tokens := Tokens(s)
	count, frequency, share := map[string]int{}, map[string]float64{}, map[string]float64{}
	for _, token := range tokens {
		if count[token] == 0 {
			share[token] = 2
		}
		count[token]++
		share[token] /= 2
		frequency[token] += share[token]
	}
	for token, n := range count {
		score := weight * frequency[token] * (adjustment*float64(n)/float64(len(tokens)) + adjustment)
		if len(s) == len(token) {
			score *= whole
		}
		scores[token] += score
	}
}
