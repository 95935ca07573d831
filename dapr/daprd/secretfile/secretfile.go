// Package secretfile is Dapr's secret store secretstores.local.file, which reads its file once, with
// one difference: when the file has changed it is read again. So keys are changed on a local stack as
// they are elsewhere, while sidecars and services run.
//
// A file that cannot be read, because somebody is just writing it, leaves the secrets as they were.
package secretfile

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/kit/logger"
)

// store is the newest good reading of the file.
type store struct {
	log      logger.Logger
	settings secretstores.Metadata
	path     string

	mu     sync.Mutex
	now    secretstores.SecretStore
	tried  os.FileInfo // the file when it was last read, or tried to
	failed bool        // and it could not be
}

// New makes the component.
func New(log logger.Logger) secretstores.SecretStore { return &store{log: log} }

// Init implements secretstores.SecretStore. The file must be there and be good.
func (s *store) Init(ctx context.Context, settings secretstores.Metadata) error {
	s.settings, s.path = settings, settings.Properties["secretsFile"]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(ctx)
}

// read takes the file as it is now; the caller holds the lock.
func (s *store) read(ctx context.Context) error {
	s.tried, _ = os.Stat(s.path)
	next := file.NewLocalSecretStore(s.log)
	if err := next.Init(ctx, s.settings); err != nil {
		return fmt.Errorf("secrets file %s: %w", s.path, err)
	}
	s.now = next
	return nil
}

// current is the newest good reading, made anew when the file has changed.
func (s *store) current(ctx context.Context) secretstores.SecretStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path)
	unchanged := err == nil && s.tried != nil && !s.failed &&
		os.SameFile(info, s.tried) && info.ModTime().Equal(s.tried.ModTime()) && info.Size() == s.tried.Size()
	if unchanged {
		return s.now
	}
	err = s.read(ctx)
	switch {
	case err == nil:
		s.log.Infof("the secrets file %s has changed and was read again", s.path)
	case !s.failed: // once, and not at every request
		s.log.Errorf("%v; the secrets stay as they were", err)
	}
	s.failed = err != nil
	return s.now
}

// GetSecret implements secretstores.SecretStore.
func (s *store) GetSecret(ctx context.Context, r secretstores.GetSecretRequest) (secretstores.GetSecretResponse, error) {
	return s.current(ctx).GetSecret(ctx, r)
}

// BulkGetSecret implements secretstores.SecretStore.
func (s *store) BulkGetSecret(ctx context.Context, r secretstores.BulkGetSecretRequest) (secretstores.BulkGetSecretResponse, error) {
	return s.current(ctx).BulkGetSecret(ctx, r)
}

// Features implements secretstores.SecretStore.
func (s *store) Features() []secretstores.Feature { return s.current(context.Background()).Features() }

// Close implements io.Closer.
func (s *store) Close() error { return s.current(context.Background()).Close() }
