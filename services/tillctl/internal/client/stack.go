package client

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/jonboulle/clockwork"
)

// Stack is all services, asked with one credential.
type Stack struct {
	Terminals Terminals
	Carts     Carts
	Journals  Journals
}

// Terminals is the terminal service: tenants, stores, staff, tills.
type Terminals struct{ *Service }

// Carts is the cart service: sales.
type Carts struct{ *Service }

// Journals is the journal service: the record of everything.
type Journals struct{ *Service }

// Connect prepares to talk to the services; nothing is sent yet.
func Connect(where Endpoints, credential Credential, clock clockwork.Clock) Stack {
	service := func(name string) *Service { return New(name, where[name], credential, clock) }
	return Stack{Terminals{service(TerminalService)}, Carts{service(CartService)}, Journals{service(JournalService)}}
}

// As is the same stack, asked with another credential.
func (s Stack) As(c Credential) Stack {
	return Stack{Terminals{s.Terminals.As(c)}, Carts{s.Carts.As(c)}, Journals{s.Journals.As(c)}}
}

// Trusting is the same stack, whose certificates are signed by one of roots; nil are those that the system
// trusts.
func (s Stack) Trusting(roots *x509.CertPool) Stack {
	if roots == nil {
		return s
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one, as nobody replaces it
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	through := func(s *Service) *Service {
		other, asking := *s, *s.http
		asking.Transport = transport
		other.http = &asking
		return &other
	}
	return Stack{Terminals{through(s.Terminals.Service)}, Carts{through(s.Carts.Service)}, Journals{through(s.Journals.Service)}}
}
