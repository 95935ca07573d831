package jetstreampull

import (
	"fmt"
	"strings"
)

// maxName is what the broker takes as the name of a stream or consumer.
const maxName = 255

// brokerName makes a stream or consumer name of a topic or app id. Characters
// that names may not contain are written as %XX, and so is the %, so that two
// topics never share a stream.
func brokerName(id string) string {
	var name strings.Builder
	for i := range len(id) {
		if c := id[i]; strings.IndexByte(".*>/\\%", c) >= 0 || c <= ' ' || c == 0x7f {
			fmt.Fprintf(&name, "%%%02X", c)
		} else {
			name.WriteByte(c)
		}
	}
	return name.String()
}

// validateTopic tells apart what can be the subject of one stream. A wildcard
// or a subject of the broker's own would subscribe to, or store, far more.
func validateTopic(topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("the topic is empty: name one")
	case strings.ContainsAny(topic, "*> \t\r\n"):
		return fmt.Errorf("topic %q contains a wildcard or a blank: this component takes plain topic names", topic)
	case strings.HasPrefix(topic, "$"), strings.HasPrefix(topic, "_INBOX."):
		return fmt.Errorf("topic %q belongs to the broker itself: choose another name", topic)
	case strings.HasPrefix(topic, "."), strings.HasSuffix(topic, "."), strings.Contains(topic, ".."):
		return fmt.Errorf("topic %q has an empty part between its dots: remove the extra dot", topic)
	case len(brokerName(topic)) > maxName:
		return fmt.Errorf("topic %q is too long: use at most %d characters", topic, maxName)
	}
	return nil
}
