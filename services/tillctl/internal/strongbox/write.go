package strongbox

import (
	"encoding/json"
	"strings"
)

// write puts every changed file in its place: keys before the sets that are made of them, and the
// broker's users last. Whatever a crash leaves out, the next Complete finds missing.
func (b *box) write() (made []string, err error) {
	for _, c := range b.changes {
		content, err := b.content(c.file)
		if err != nil {
			return made, err
		}
		if err := writeFile(b.data, c.file, append(content, '\n')); err != nil {
			return made, err
		}
		made = append(made, b.path(c.file)+": "+strings.Join(c.made, ", "))
	}
	return made, nil
}

func (b *box) content(file string) ([]byte, error) {
	switch file {
	case issuerFile:
		return b.issuer.MarshalJSON()
	case brokerFile:
		return json.MarshalIndent(b.broker, "", "  ")
	}
	for _, a := range apps {
		if a.file() == file {
			return json.MarshalIndent(b.secrets[a.name], "", "  ")
		}
	}
	panic("strongbox: " + file + " is none of its files")
}
