package web

import (
	"bytes"
	"encoding/json"
	"strings"
)

// namedTwice gives a name that stands twice in one object of raw, which is valid JSON; "" when none
// does. Which of the two counts differs from parser to parser: a proxy that judged the first amount
// would let another through. Names that differ in case only are the same, because the decoder takes
// them for the same field.
func namedTwice(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var inside []level
	for {
		token, err := d.Token()
		if err != nil {
			return "" // the end
		}
		name, isText := token.(string)
		if at := len(inside) - 1; at >= 0 && isText && inside[at].wantsName() {
			if inside[at].enter(name) {
				return name
			}
			continue
		}
		switch token {
		case json.Delim('{'):
			inside = append(inside, level{names: map[string]bool{}})
			continue
		case json.Delim('['):
			inside = append(inside, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			inside = inside[:len(inside)-1]
		}
		if at := len(inside) - 1; at >= 0 { // a value has ended
			inside[at].named = false
		}
	}
}

// level is one object or array around the place in a JSON text.
type level struct {
	names map[string]bool // nil: an array
	named bool            // a name has come, its value not yet
}

func (l *level) wantsName() bool { return l.names != nil && !l.named }

// enter takes a name and tells whether it was there before.
func (l *level) enter(name string) (twice bool) {
	same := strings.ToLower(strings.ToUpper(name))
	twice = l.names[same]
	l.names[same], l.named = true, true
	return twice
}
