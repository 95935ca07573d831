package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/service"
)

// keys sign the tokens of terminals and verify everybody's.
type keys struct {
	issuer   *auth.Issuer
	verifier *auth.Verifier
	public   func(context.Context) (jose.JSONWebKeySet, error)
}

// openKeys reads the keys from the secret store. A signing key that nobody could verify is refused.
func openKeys(ctx context.Context, s *service.Service) (*keys, error) {
	raw, err := s.Secret(ctx, service.SecretTerminalKey)
	if err != nil {
		return nil, err
	}
	signing, err := auth.ParseSigningKey(raw)
	if err != nil {
		return nil, err
	}
	public := func(ctx context.Context) (jose.JSONWebKeySet, error) {
		raw, err := s.Secret(ctx, service.SecretTerminalJWKS)
		if err != nil {
			return jose.JSONWebKeySet{}, err
		}
		return auth.ParseSet(raw)
	}
	set, err := public(ctx)
	if err != nil {
		return nil, err
	}
	if len(set.Key(signing.KeyID)) == 0 {
		return nil, fmt.Errorf("secret %q has no key %q, with which %q signs: every token would be refused. Publish the new key there before signing with it",
			service.SecretTerminalJWKS, signing.KeyID, service.SecretTerminalKey)
	}
	issuer, err := auth.NewIssuer(auth.TerminalIssuer, signing, time.Now)
	if err != nil {
		return nil, err
	}
	verifier, err := s.Verifier(ctx)
	return &keys{issuer, verifier, public}, err
}
