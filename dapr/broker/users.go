package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// userEntry is one user of the users file. A nil list allows every topic, an
// empty one none. A user with View reads stored messages and does nothing else.
type userEntry struct {
	User      string   `json:"user"`
	Password  string   `json:"password"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
	View      bool     `json:"view"`
}

// limited tells whether the user takes messages of listed topics only. Then it
// has an inbox and consumers of its own name, and nobody else's.
func (e userEntry) limited() bool { return e.Subscribe != nil }

// plainName is what can stand in subjects by itself: as a user's inbox and
// consumer, and as the stream of a topic.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// viewSubjects are the requests of a viewer: which streams there are, and a
// stored message by its number. It makes no consumer, so it can neither take a
// message from a sidecar nor change a sidecar's consumer.
var viewSubjects = []string{"$JS.API.STREAM.LIST", "$JS.API.STREAM.MSG.GET.*"}

// protocolSubjects are what every JetStream client has to publish to: requests
// to the JetStream API, acknowledgements, and answers to requests.
var protocolSubjects = []string{"$JS.API.>", "$JS.ACK.>", "_INBOX.>"}

// destructiveSubjects are JetStream requests that take stored messages away. No
// sidecar makes them; an operator wipes the store by removing its folder.
var destructiveSubjects = []string{
	"$JS.API.STREAM.DELETE.>",
	"$JS.API.STREAM.PURGE.>",
	"$JS.API.STREAM.MSG.DELETE.>",
	"$JS.API.STREAM.RESTORE.>",
	"$JS.API.ACCOUNT.PURGE.>",
}

// readUsers reads the users file and turns every entry into a server user.
func readUsers(path string) ([]*server.User, error) {
	entries, err := readUserEntries(path)
	if err != nil {
		return nil, fmt.Errorf("users file %s: %w", path, err)
	}
	users := make([]*server.User, 0, len(entries))
	for _, entry := range entries {
		users = append(users, &server.User{Username: entry.User, Password: entry.Password, Permissions: permissions(entry)})
	}
	return users, nil
}

func readUserEntries(path string) ([]userEntry, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Users []userEntry `json:"users"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	// A mistyped "publish" must not become the right to publish everywhere.
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf(`%w: it must read {"users":[{"user":"…","password":"…"}]}`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the closing brace: remove it")
	}
	return file.Users, validateUsers(file.Users)
}

func validateUsers(entries []userEntry) error {
	if len(entries) == 0 {
		return errors.New("it names no user: nobody could connect")
	}
	seen := map[string]bool{}
	for i, entry := range entries {
		switch {
		case entry.User == "":
			return fmt.Errorf("entry %d has no user name", i+1)
		case entry.Password == "":
			return fmt.Errorf("user %q has no password: give it one", entry.User)
		case seen[entry.User]:
			return fmt.Errorf("user %q is listed twice: remove one entry", entry.User)
		}
		if entry.View && (entry.Publish != nil || entry.limited()) {
			return fmt.Errorf("user %q has both view and topics: a viewer reads everything and publishes nothing", entry.User)
		}
		if err := validateLimits(entry); err != nil {
			return err
		}
		seen[entry.User] = true
		if err := validateTopics(entry); err != nil {
			return err
		}
	}
	return nil
}

func validateTopics(entry userEntry) error {
	for _, topic := range entry.Publish {
		// A pattern such as ">" or "$JS.>" would quietly give more than a topic.
		if !server.IsValidLiteralSubject(topic) || strings.HasPrefix(topic, "$") || strings.HasPrefix(topic, "_INBOX.") {
			return fmt.Errorf("user %q may publish to %q, which is no topic name: list topics without wildcards", entry.User, topic)
		}
	}
	return nil
}

// validateLimits makes sure that the lists of a limited user say all that it may.
func validateLimits(entry userEntry) error {
	switch {
	case !entry.limited():
		return nil
	case entry.Publish == nil:
		return fmt.Errorf("user %q has a list to subscribe to and none to publish to: list both, an empty list allows no topic", entry.User)
	case !plainName.MatchString(entry.User):
		return fmt.Errorf("user %q has a list to subscribe to: such a name has letters, digits, - and _ only, because inbox and consumers are called by it", entry.User)
	}
	for _, topic := range slices.Concat(entry.Publish, entry.Subscribe) {
		if !plainName.MatchString(topic) {
			return fmt.Errorf("user %q may use %q, which is no plain topic name: use letters, digits, - and _", entry.User, topic)
		}
	}
	return nil
}

// permissions lets a user publish to its topics and speak JetStream. It reads
// through JetStream only: messages and answers arrive in its inbox.
func permissions(entry userEntry) *server.Permissions {
	allowed, inbox := []string{">"}, "_INBOX.>"
	switch {
	case entry.View:
		allowed = viewSubjects
	case entry.limited():
		allowed, inbox = limitedSubjects(entry), "_INBOX."+entry.User+".>"
	case entry.Publish != nil:
		allowed = slices.Concat(entry.Publish, protocolSubjects)
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allowed, Deny: destructiveSubjects},
		Subscribe: &server.SubjectPermission{Allow: []string{inbox}},
	}
}

// limitedSubjects are all that a limited user publishes to: its topics, and the
// requests with which our sidecar makes their streams, makes its own consumers,
// pulls and acknowledges.
func limitedSubjects(entry userEntry) []string {
	allowed := slices.Concat(entry.Publish, []string{"$JS.API.INFO"})
	for _, stream := range slices.Concat(entry.Publish, entry.Subscribe) {
		for _, verb := range []string{"CREATE", "UPDATE", "INFO"} {
			allowed = append(allowed, "$JS.API.STREAM."+verb+"."+stream)
		}
	}
	for _, stream := range entry.Subscribe {
		own := stream + "." + entry.User
		for _, verb := range []string{"CREATE", "DURABLE.CREATE", "INFO", "MSG.NEXT"} {
			allowed = append(allowed, "$JS.API.CONSUMER."+verb+"."+own)
		}
		allowed = append(allowed, "$JS.ACK."+own+".>")
	}
	return allowed
}
