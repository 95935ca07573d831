// Package strongbox makes and keeps the keys and secrets of a local stack: the folders keys/ and
// secrets/ of a data folder.
//
// It adds what is missing and never replaces what is there, so that it can run at every start. It
// knows what each app of the stack needs to know, and nothing of what the apps do with it. Outside a
// local stack the same values come from the Dapr secret store and this package has no part.
package strongbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
)

// Folders of a data folder that are ours.
const (
	keysFolder    = "keys"
	secretsFolder = "secrets"
)

// issuerFile holds the private key that signs the tokens of users. It is nobody's secret but ours:
// no service can read it.
var issuerFile = filepath.Join(keysFolder, "issuer.jwk")

// Names of secrets. Those of keys are what services ask their secret store for.
const (
	appToken     = "app-token"   // proves to an app that a request comes from its sidecar
	apiToken     = "api-token"   // proves to a sidecar that a request comes from its app
	brokerUser   = "broker-user" // the app's sidecar at the broker
	brokerPass   = "broker-password"
	userJWKS     = "user-jwks"     // verifies what issuer.jwk signs
	terminalJWKS = "terminal-jwks" // verifies what terminal-key signs
	terminalKey  = "terminal-key"  // signs the tokens of terminals
	// checkpointKey signs what the journal says of itself; the public half is everybody's.
	checkpointKey = "checkpoint-key"
)

// app says what one app of the stack has to know.
type app struct {
	name    string
	secrets []string
}

// apps of the stack. Each knows as little as it can: only the terminal service can sign tokens,
// only the journal checkpoints, and the sidecar of a till has no business at the broker.
var apps = []app{
	{"terminal", []string{appToken, apiToken, brokerUser, brokerPass, terminalKey, userJWKS, terminalJWKS}},
	{"cart", []string{appToken, apiToken, brokerUser, brokerPass, userJWKS, terminalJWKS}},
	{"journal", []string{appToken, apiToken, brokerUser, brokerPass, checkpointKey, userJWKS, terminalJWKS}},
	{"till", []string{appToken, apiToken}},
	{daprRun, []string{appToken, apiToken}},
}

// daprRun is no app: it is the tokens that all apps share when the Dapr CLI starts them, because the
// CLI gives every sidecar its own environment.
const daprRun = "dapr-run"

// signer is the app whose key signs the tokens of terminals.
const signer = "terminal"

func (a app) knows(secret string) bool { return slices.Contains(a.secrets, secret) }

func (a app) file() string { return filepath.Join(secretsFolder, a.name+".json") }

// Finding is one thing wrong with what is there already: what, and what to do about it.
type Finding struct{ Message, Remedy string }

// Findings are everything that is wrong at once. While there are any, nothing is written.
type Findings []Finding

func (f Findings) Error() string {
	lines := make([]string, len(f))
	for i, finding := range f {
		lines[i] = finding.Message + "\n    " + finding.Remedy
	}
	return strings.Join(lines, "\n")
}

// Complete makes what is missing in the data folder and tells what it made, in words. It fails with
// Findings when something that is there is unsafe, unreadable or contradicts the rest.
//
// A crash leaves every file whole, and what it had not yet made is made by the next call. Two calls
// at once end in one set of keys.
func Complete(data string, random io.Reader) (made []string, err error) {
	if info, err := os.Stat(data); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: name the data folder with --data", data)
	}
	box, err := read(data)
	if err != nil {
		return nil, err
	}
	if err := box.fill(random); err != nil || len(box.changes) == 0 {
		return nil, err
	}
	if err := makeFolders(data); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(data, secretsFolder))
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Somebody else may have been quicker: what was filled above is thrown away.
	if box, err = read(data); err != nil {
		return nil, err
	}
	if err := box.fill(random); err != nil {
		return nil, err
	}
	return box.write()
}

// IssuerKey is the private key that signs the tokens of users.
func IssuerKey(data string) (jose.JSONWebKey, error) {
	var found Findings
	raw := readFile(data, issuerFile, &found)
	if len(found) > 0 {
		return jose.JSONWebKey{}, found
	}
	if raw == nil {
		return jose.JSONWebKey{}, fmt.Errorf("there is no %s: run `tillctl init --data %s`, or name the right data folder with --data: %w",
			filepath.Join(data, issuerFile), data, os.ErrNotExist)
	}
	key, err := auth.ParseSigningKey(string(raw))
	if err != nil {
		return jose.JSONWebKey{}, damaged(data, issuerFile, err)
	}
	return key, nil
}

// SharedTokens are the tokens of a stack that the Dapr CLI starts: what proves to an app that its
// sidecar calls, and to a sidecar that its app does. Complete has made them.
func SharedTokens(data string) (toApp, toSidecar string, err error) {
	box, err := read(data)
	if err != nil {
		return "", "", err
	}
	return box.secrets[daprRun][appToken], box.secrets[daprRun][apiToken], nil
}

func damaged(data, file string, err error) Findings {
	return Findings{damage(filepath.Join(data, file), err)}
}

func damage(path string, err error) Finding {
	return Finding{
		fmt.Sprintf("%s is damaged: %v", path, err),
		"Put it back from a backup, or move it away: what is then missing is made anew by `tillctl init`.",
	}
}

// DeliveryToken is what proves to the journal that its sidecar calls. Complete has made it.
func DeliveryToken(data string) (string, error) {
	box, err := read(data)
	if err != nil {
		return "", err
	}
	if token := box.secrets["journal"][appToken]; token != "" {
		return token, nil
	}
	return "", fmt.Errorf("%s has no token for deliveries to the journal: run `tillctl init`, or name the right data folder with --data: %w", data, os.ErrNotExist)
}
