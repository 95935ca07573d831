// Package binding keeps what Dapr output bindings answer from telling where they send to.
package binding

import "regexp"

// address takes a URL apart: scheme, user, host, the rest.
var address = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/@"]*@)?([^\s/?#"]*)[^\s"]*`)

// concealed is an error whose text leaves of every URL in it the host.
type concealed struct{ error }

// Conceal keeps the secret part of addresses out of an error's text, which goes to the log and to
// /health: the path of a webhook's URL is the right to write to the chat, and the sidecar quotes it
// when nobody answers there. nil stays nil.
func Conceal(err error) error {
	if err == nil {
		return nil
	}
	return concealed{err}
}

// Error implements error.
func (c concealed) Error() string { return address.ReplaceAllString(c.error.Error(), "$1$2/...") }

// Unwrap gives the error as it was.
func (c concealed) Unwrap() error { return c.error }
