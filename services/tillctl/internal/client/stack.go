package client

import "github.com/jonboulle/clockwork"

// Stack is all services, asked with one credential.
type Stack struct {
	Terminals Terminals
	Carts     Carts
	Journals  Journals
}

// The services, each with what tillctl asks of it.
type (
	Terminals struct{ *Service } // tenants, stores, staff, tills
	Carts     struct{ *Service } // sales
	Journals  struct{ *Service } // the record of everything
)

// Connect prepares to talk to the services; nothing is sent yet.
func Connect(where Endpoints, credential Credential, clock clockwork.Clock) Stack {
	service := func(name string) *Service { return New(name, where[name], credential, clock) }
	return Stack{Terminals{service(TerminalService)}, Carts{service(CartService)}, Journals{service(JournalService)}}
}

// As is the same stack, asked with another credential.
func (s Stack) As(c Credential) Stack {
	return Stack{Terminals{s.Terminals.As(c)}, Carts{s.Carts.As(c)}, Journals{s.Journals.As(c)}}
}
