package app

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tillroll/tillroll/pkg/problem"
)

// cursor is where a page ended, and the total that the first page has counted. The filter is in it as a
// fingerprint: going on with another one would skip entries in silence.
type cursor struct {
	Version    int    `json:"v"`
	Filter     string `json:"f"`
	After      string `json:"a"`
	Total      int    `json:"t"`
	LowerBound bool   `json:"b,omitempty"`
}

// cursorAt is a cursor of a list that has no total.
func cursorAt(fingerprint, after string) cursor {
	return cursor{Version: 1, Filter: fingerprint, After: after}
}

// printOf is a short fingerprint of plain values.
func printOf(values ...any) string {
	raw, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("query cannot be written: %v", err)) // plain values only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func writeCursor(c cursor) string {
	raw, _ := json.Marshal(c) // plain values: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readCursor(text, fingerprint string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.Version != 1 || c.After == "" || c.Total < 0 {
		return cursor{}, badCursor()
	}
	if c.Filter != fingerprint {
		return cursor{}, BadSearch.New("cursor: belongs to a search with other filters or another sort").
			WithFields(problem.Field{Name: "cursor", Rule: "same-filters", Message: "must come with the parameters of the search that gave it"})
	}
	return c, nil
}

func badCursor() error {
	return BadSearch.New("cursor: was not given by this search").
		WithFields(problem.Field{Name: "cursor", Rule: "format", Message: "must be the nextCursor of the page before"})
}
