package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
)

// RotateKey gives a terminal another API key, which is told here once and never again. The old one
// is refused from now on; a token that it bought lasts to its end.
func (a *App) RotateKey(ctx context.Context, id identity.Terminal) (apiKey string, err error) {
	apiKey, fingerprint, err := auth.NewAPIKey(a.Random, id.ID())
	if err != nil {
		return "", err
	}
	err = a.command(ctx, id, func(_ context.Context, s *scene) error {
		return s.record(s.till().RotateKey(fingerprint, s.Now()))
	})
	return apiKey, err
}
