package app

import (
	"context"
	"fmt"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// CreateTerminal makes a terminal and its API key, which is told here once and never again. It fails
// with StoreNotFound or TerminalExists.
func (a *App) CreateTerminal(ctx context.Context, id identity.Terminal, description string) (made terminal.Terminal, apiKey string, err error) {
	apiKey, fingerprint, err := auth.NewAPIKey(a.Random, id.ID())
	if err != nil {
		return terminal.Terminal{}, "", err
	}
	err = a.Box.Do(ctx, identity.TerminalStream(id), func(ctx context.Context, u *outbox.Unit) error {
		if _, err := getStore(ctx, u, id.TenantID, id.StoreCode); err != nil {
			return err
		}
		doc, err := documents.Get[terminal.Terminal](ctx, u, documents.TerminalKey(id.ID()))
		if err != nil {
			return err
		}
		if doc.Exists() {
			return terminal.TerminalExists.New("there is a terminal %s", id.ID())
		}
		t, events := terminal.New(id, description, fingerprint, u.Now())
		doc.Body, made = *t, *t
		if err := documents.Terminals(id.TenantID, id.StoreCode).Add(ctx, u, listed(id)); err != nil {
			return err
		}
		if err := emit(u, events); err != nil {
			return err
		}
		return doc.Put(u)
	})
	return made, apiKey, err
}

// listed is a terminal's entry in its store's list, ordered by number.
func listed(id identity.Terminal) documents.Entry {
	return documents.Entry{Sort: fmt.Sprintf("%04d", id.TerminalNo), Key: documents.TerminalKey(id.ID())}
}
