package service

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
)

// Names of secrets in a service's secret store.
const (
	SecretUserJWKS     = "user-jwks"      // verifies the tokens of administrators, auditors, operators
	SecretTerminalJWKS = "terminal-jwks"  // verifies the tokens of terminals
	SecretCheckpoint   = "checkpoint-key" // signs checkpoints of the journal; the journal service's only
	SecretTerminalKey  = "terminal-key"   // signs the tokens of terminals; the terminal service's only
)

// Secret reads one secret through the sidecar.
func (s *Service) Secret(ctx context.Context, name string) (string, error) {
	values, err := s.Dapr.GetSecret(ctx, s.Settings.SecretStore, name, nil)
	if err != nil {
		return "", fmt.Errorf("secret %q cannot be read from %q: %w (locally `tillctl init` makes it; elsewhere put it into the Dapr secret store)", name, s.Settings.SecretStore, err)
	}
	value := values[name]
	if value == "" {
		return "", fmt.Errorf("secret %q in %q is empty", name, s.Settings.SecretStore)
	}
	return value, nil
}

// Verifier checks user and terminal tokens with the keys of the secret store, which it keeps fresh.
func (s *Service) Verifier(ctx context.Context) (*auth.Verifier, error) {
	var current atomic.Pointer[map[string]jose.JSONWebKeySet]
	load := func(ctx context.Context) error {
		sets := map[string]jose.JSONWebKeySet{}
		for issuer, secret := range map[string]string{auth.UserIssuer: SecretUserJWKS, auth.TerminalIssuer: SecretTerminalJWKS} {
			raw, err := s.Secret(ctx, secret)
			if err != nil {
				return err
			}
			if sets[issuer], err = auth.ParseSet(raw); err != nil {
				return fmt.Errorf("secret %q: %w", secret, err)
			}
		}
		current.Store(&sets)
		return nil
	}
	if err := load(ctx); err != nil {
		return nil, err
	}
	s.KeepFresh("verification keys", load)
	return auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) {
		set, ok := (*current.Load())[issuer]
		return set, ok
	}, time.Now), nil
}

// KeepFresh has keys read again every KeyRefresh, so that a key can be changed without a stop: publish
// the new one beside the old, wait that long, sign with it, and after the life of the last token that
// was signed with the old one take that out. What cannot be read stays as it is.
func (s *Service) KeepFresh(what string, load func(context.Context) error) {
	s.Go(what, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(s.Settings.KeyRefresh):
			}
			if err := load(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn(what+" could not be read again; the old ones stay", zap.Error(err))
			}
		}
	})
}
