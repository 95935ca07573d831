package journal

import "bytes"

// details are members of events that no entry is made of and no place depends on. They are most of what
// an event says, so checking whether an entry follows from its event reads past them: that the event
// itself is what it was, its hash tells.
var details = [][]byte{
	[]byte("line_items"), []byte("payments"), []byte("taxes"), []byte("subtotal_discounts"), []byte("additional_info"), []byte("origin"),
	[]byte("payload"), []byte("terminal"), []byte("store"), []byte("tenant"),
}

// withoutDetails copies a canonical object into room, its details left out. What it cannot take apart it
// gives back as it is.
func withoutDetails(content, room []byte) []byte {
	if len(content) < 2 || content[0] != '{' {
		return content
	}
	out := append(room[:0], '{')
	for i := 1; ; {
		if content[i] == '}' && i == len(content)-1 && i == 1 {
			return content
		}
		key := i
		if content[i] != '"' {
			return content
		}
		if i = skipString(content, i); i < 0 || i >= len(content) || content[i] != ':' {
			return content
		}
		name := content[key+1 : i-1]
		end := skipValue(content, i+1)
		if end < 0 || end >= len(content) || content[end] != ',' && content[end] != '}' {
			return content
		}
		if !isDetail(name) {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, content[key:end]...)
		}
		if content[end] == '}' {
			if end != len(content)-1 {
				return content
			}
			return append(out, '}')
		}
		i = end + 1
		if i >= len(content) {
			return content
		}
	}
}

func isDetail(name []byte) bool {
	for _, d := range details {
		if bytes.Equal(d, name) {
			return true
		}
	}
	return false
}

// skipString gives the place behind the string that begins at i, or -1.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		next := bytes.IndexByte(b[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		escapes := 0
		for b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return -1
}

// skipValue gives the place behind the value that begins at i, or -1.
func skipValue(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 || depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}
