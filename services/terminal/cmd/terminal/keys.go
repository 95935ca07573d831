package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/service"
)

// keys sign the tokens of terminals and verify everybody's.
type keys struct {
	issuer   *issuer
	verifier *auth.Verifier
	public   func(context.Context) (jose.JSONWebKeySet, error)
}

// issuer signs with the key that was read last.
type issuer struct{ current atomic.Pointer[auth.Issuer] }

// Issue implements app.Tokens.
func (i *issuer) Issue(p auth.Principal, life time.Duration) (string, error) {
	return i.current.Load().Issue(p, life)
}

// openKeys reads the keys from the secret store and keeps them fresh.
func openKeys(ctx context.Context, s *service.Service) (*keys, error) {
	k := &keys{issuer: &issuer{}}
	k.public = func(ctx context.Context) (jose.JSONWebKeySet, error) {
		raw, err := s.Secret(ctx, service.SecretTerminalJWKS)
		if err != nil {
			return jose.JSONWebKeySet{}, err
		}
		return auth.ParseSet(raw)
	}
	load := func(ctx context.Context) error { return k.load(ctx, s) }
	if err := load(ctx); err != nil {
		return nil, err
	}
	s.KeepFresh("the signing key", load)
	var err error
	k.verifier, err = s.Verifier(ctx)
	return k, err
}

// load takes the signing key that there is now. One that nobody could verify is refused.
func (k *keys) load(ctx context.Context, s *service.Service) error {
	raw, err := s.Secret(ctx, service.SecretTerminalKey)
	if err != nil {
		return err
	}
	signing, err := auth.ParseSigningKey(raw)
	if err != nil {
		return err
	}
	set, err := k.public(ctx)
	if err != nil {
		return err
	}
	if len(set.Key(signing.KeyID)) == 0 {
		return fmt.Errorf("secret %q has no key %q, with which %q signs: every token would be refused. Publish the new key there before signing with it",
			service.SecretTerminalJWKS, signing.KeyID, service.SecretTerminalKey)
	}
	next, err := auth.NewIssuer(auth.TerminalIssuer, signing, time.Now)
	if err == nil {
		k.issuer.current.Store(next)
	}
	return err
}
