package strongbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
)

// box is all of keys/ and secrets/ in memory.
type box struct {
	data    string
	issuer  *jose.JSONWebKey
	secrets map[string]map[string]string // by app
	broker  brokerUsers

	changes []change // in the order in which they are to be written
}

// change is one file that has to be written, and what is new in it.
type change struct {
	file string
	made []string
}

// brokerUsers is the users file of the broker.
type brokerUsers struct {
	Users []brokerEntry `json:"users"`
}

// brokerEntry is a user and the topics that it may use; one without a list may use all. The lists of
// the apps have what they need, and what the operator added.
type brokerEntry struct {
	User      string    `json:"user"`
	Password  string    `json:"password"`
	Publish   *[]string `json:"publish,omitempty"`
	Subscribe *[]string `json:"subscribe,omitempty"`
	View      bool      `json:"view,omitempty"` // reads stored messages and does nothing else
}

// limit lets the user use topics, and tells whether it could not before, or could use all.
func (e *brokerEntry) limit(to event.Rights) (changed bool) {
	for list, topics := range map[**[]string][]string{&e.Publish: to.Publish, &e.Subscribe: to.Subscribe} {
		if *list == nil {
			*list, changed = &[]string{}, true
		}
		for _, topic := range topics {
			if !slices.Contains(**list, topic) {
				**list, changed = append(**list, topic), true
			}
		}
	}
	return changed
}

// viewer is the broker's user of `tillctl events tail`. It is nobody's secret but the users file's.
const viewer = "viewer"

// fillViewer lets a viewer in at the broker.
func (b *box) fillViewer(random io.Reader) error {
	if b.brokerUser(viewer) != nil {
		return nil
	}
	password, err := newToken(random)
	if err != nil {
		return err
	}
	b.broker.Users = append(b.broker.Users, brokerEntry{User: viewer, Password: password, View: true})
	b.note(brokerFile, viewer)
	return nil
}

// Viewer gives the user that may read the broker's stored messages. A data folder of an older release
// has none until the next start.
func Viewer(data string) (user, password string, err error) {
	b, err := read(data)
	if err != nil {
		return "", "", err
	}
	known := b.brokerUser(viewer)
	if known == nil {
		return "", "", fmt.Errorf("%s has no user %q yet: stop the stack and start it again", b.path(brokerFile), viewer)
	}
	return known.User, known.Password, nil
}

var brokerFile = filepath.Join(secretsFolder, "broker.json")

// read gets what is there. It fails with Findings.
func read(data string) (*box, error) {
	var found Findings
	checkMode(filepath.Join(data, keysFolder), &found)
	checkMode(filepath.Join(data, secretsFolder), &found)
	b := &box{data: data, secrets: map[string]map[string]string{}}
	if raw := readFile(data, issuerFile, &found); raw != nil {
		key, err := auth.ParseSigningKey(string(raw))
		if err != nil {
			found = append(found, damaged(data, issuerFile, err)...)
		}
		b.issuer = &key
	}
	for _, a := range apps {
		b.secrets[a.name] = map[string]string{}
		var known map[string]string
		readJSON(data, a.file(), &known, &found)
		maps.Copy(b.secrets[a.name], known)
	}
	readJSON(data, brokerFile, &b.broker, &found)
	if len(found) > 0 {
		return nil, found
	}
	return b, nil
}

func readJSON(data, name string, v any, found *Findings) {
	raw := readFile(data, name, found)
	if raw == nil {
		return
	}
	if err := json.Unmarshal(raw, v); err != nil {
		*found = append(*found, damaged(data, name, err)...)
	}
}

// fill adds what is missing, in memory. It fails with Findings for what contradicts itself.
func (b *box) fill(random io.Reader) error {
	if err := b.fillIssuer(random); err != nil {
		return err
	}
	for _, a := range apps {
		for _, name := range a.secrets {
			if err := b.fillSecret(a, name, random); err != nil {
				return err
			}
		}
	}
	if err := b.fillBroker(); err != nil {
		return err
	}
	return b.fillViewer(random)
}

func (b *box) fillIssuer(random io.Reader) error {
	if b.issuer != nil {
		return nil
	}
	key, err := auth.NewSigningKey(random)
	if err != nil {
		return err
	}
	b.issuer = &key
	b.note(issuerFile, "the key that signs users' tokens")
	return nil
}

// fillSecret makes one secret of an app, when it is missing. Key sets are compared with their keys
// every time.
func (b *box) fillSecret(a app, name string, random io.Reader) error {
	switch name {
	case userJWKS:
		return b.fillKeySet(a, name, *b.issuer)
	case terminalJWKS:
		key, err := auth.ParseSigningKey(b.secrets[signer][terminalKey])
		if err != nil {
			return Findings{damage(b.path(app{name: signer}.file()), fmt.Errorf("%s: %w", terminalKey, err))}
		}
		return b.fillKeySet(a, name, key)
	}
	if b.secrets[a.name][name] != "" {
		return nil
	}
	value, err := b.newSecret(a, name, random)
	if err != nil {
		return err
	}
	b.set(a, name, value)
	return nil
}

func (b *box) newSecret(a app, name string, random io.Reader) (string, error) {
	switch name {
	case brokerUser:
		return a.name, nil
	case brokerPass:
		if known := b.brokerUser(b.secrets[a.name][brokerUser]); known != nil {
			return known.Password, nil
		}
	case checkpointKey:
		private, _, err := proof.NewKey(random)
		return private, err
	case terminalKey:
		key, err := auth.NewSigningKey(random)
		if err != nil {
			return "", err
		}
		raw, err := key.MarshalJSON()
		return string(raw), err
	}
	return newToken(random)
}

// newToken is 32 random bytes in letters, digits, - and _.
func newToken(random io.Reader) (string, error) {
	token := make([]byte, 32)
	if _, err := io.ReadFull(random, token); err != nil {
		return "", fmt.Errorf("no randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(token), nil
}

// fillKeySet makes sure that the set verifies what key signs. Other keys stay in it: while one key
// takes over from another, tokens of both are about.
func (b *box) fillKeySet(a app, name string, key jose.JSONWebKey) error {
	set := auth.PublicSet()
	if raw := b.secrets[a.name][name]; raw != "" {
		var err error
		if set, err = auth.ParseSet(raw); err != nil {
			return Findings{damage(b.path(a.file()), fmt.Errorf("%s: %w", name, err))}
		}
	}
	if slices.ContainsFunc(set.Keys, func(known jose.JSONWebKey) bool { return sameKey(known, key) }) {
		return nil
	}
	set.Keys = append(set.Keys, key.Public())
	raw, err := json.Marshal(set)
	if err != nil {
		return err
	}
	b.set(a, name, string(raw))
	return nil
}

// sameKey compares what verifies, not only the id that names it.
func sameKey(known, key jose.JSONWebKey) bool {
	x, err1 := known.MarshalJSON()
	y, err2 := key.Public().MarshalJSON()
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// fillBroker lets every app that has a password in at the broker, for its own topics. An older release
// wrote no topics.
func (b *box) fillBroker() error {
	var found Findings
	for _, a := range apps {
		if !a.knows(brokerPass) {
			continue
		}
		user, password := b.secrets[a.name][brokerUser], b.secrets[a.name][brokerPass]
		known := b.brokerUser(user)
		switch {
		case known == nil:
			entry := brokerEntry{User: user, Password: password}
			entry.limit(event.RightsOf(a.name))
			b.broker.Users = append(b.broker.Users, entry)
			b.note(brokerFile, user)
		case known.Password == password:
			if known.limit(event.RightsOf(a.name)) {
				b.note(brokerFile, "the topics of "+user)
			}
		default:
			found = append(found, Finding{
				fmt.Sprintf("%s and %s have different passwords for the user %q: its sidecar would not get in", b.path(a.file()), b.path(brokerFile), user),
				fmt.Sprintf("Stop the stack and move %s away: `tillctl init` makes it anew from what the apps know.", b.path(brokerFile)),
			})
		}
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

func (b *box) brokerUser(name string) *brokerEntry {
	i := slices.IndexFunc(b.broker.Users, func(e brokerEntry) bool { return e.User == name })
	if i < 0 {
		return nil
	}
	return &b.broker.Users[i]
}

func (b *box) set(a app, name, value string) {
	b.secrets[a.name][name] = value
	b.note(a.file(), name)
}

func (b *box) note(file, made string) {
	i := slices.IndexFunc(b.changes, func(c change) bool { return c.file == file })
	if i < 0 {
		i = len(b.changes)
		b.changes = append(b.changes, change{file: file})
	}
	b.changes[i].made = append(b.changes[i].made, made)
}

func (b *box) path(name string) string { return filepath.Join(b.data, name) }
