// Command journal is the journal service: the permanent, searchable, tamper-evident record of what
// happened at the tills.
package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/pkg/state/daprstate"
	"github.com/tillroll/tillroll/services/journal/internal/alerts"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

type config struct {
	service.Settings
	Search    searchSettings
	Data      string        `env:"TILLROLL_DATA" envDefault:".tillroll"`
	Processed string        `env:"TILLROLL_PROCESSED_STORE" envDefault:"processed"`
	MongoDB   string        `env:"MONGODB_URI"` // where the journal is kept; empty: in SQLite under Data
	AnyRights bool          `env:"TILLROLL_MONGODB_ANY_RIGHTS"`
	Namespace string        `env:"TILLROLL_MONGODB_NAMESPACE"`
	NoText    []string      `env:"TILLROLL_MONGODB_NO_TEXT_INDEX"`
	Binding   string        `env:"TILLROLL_CHECKPOINT_BINDING"`      // a Dapr output binding; empty: none
	OldKeys   []string      `env:"TILLROLL_CHECKPOINT_EARLIER_KEYS"` // public keys that have signed checkpoints before
	Archive   string        `env:"TILLROLL_ARCHIVE"`                 // where segments are kept: see archive.go
	Alerts    string        `env:"TILLROLL_ALERT_BINDING"`           // another; empty: alerts are in the log only
	Batch     int           `env:"TILLROLL_COMMIT_BATCH" envDefault:"256"`
	Linger    time.Duration `env:"TILLROLL_COMMIT_LINGER" envDefault:"0s"`
	PublicURL string        `env:"TILLROLL_PUBLIC_URL"` // where people reach the service, for links in alerts
}

// Limits of what one transaction gathers.
const (
	mostBatch  = 1000
	mostLinger = time.Second
)

// Check implements service.Checker.
func (c *config) Check() []service.Finding {
	f := c.Settings.Check()
	if c.Batch < 1 || c.Batch > mostBatch {
		f = append(f, service.Finding{Message: fmt.Sprintf("TILLROLL_COMMIT_BATCH is %d", c.Batch),
			Explain: fmt.Sprintf("Use 1 to %d events for one transaction; 256 suits most disks.", mostBatch)})
	}
	if c.Linger < 0 || c.Linger > mostLinger {
		f = append(f, service.Finding{Message: fmt.Sprintf("TILLROLL_COMMIT_LINGER is %s", c.Linger),
			Explain: fmt.Sprintf("Use 0s (a transaction begins at once) to %s; every delivery waits that long.", mostLinger)})
	}
	return append(f, c.Search.check()...)
}

// open opens the journal's database.
func (c *config) open(ctx context.Context, clock clockwork.Clock) (app.Store, error) {
	if c.MongoDB == "" {
		store, err := sqlitestore.Open(ctx, filepath.Join(c.Data, "journal"), clock)
		if err == nil {
			store.Limit(c.Search.limits())
		}
		return store, err
	}
	cfg := mongostore.Config{URI: c.MongoDB, AnyRights: c.AnyRights, Namespace: c.Namespace, NoTextIndex: c.NoText, Clock: clock}
	if c.TraceEndpoint != "" {
		cfg.Tracer = otel.GetTracerProvider()
	}
	store, err := mongostore.Open(ctx, cfg)
	if err == nil {
		store.Limit(c.Search.limits())
	}
	return store, err
}

// alerter is where alerts go, nil without a binding.
func (c *config) alerter(s *service.Service) app.Alerter {
	if c.Alerts == "" {
		return nil
	}
	return alerts.New(s.Dapr, c.Alerts, c.PublicURL)
}

func main() {
	var cfg config
	service.Main("journal", &cfg, &cfg.Settings, func(ctx context.Context, s *service.Service) error {
		clock := clockwork.NewRealClock()
		store, err := cfg.open(ctx, clock)
		if err != nil {
			return err
		}
		s.OnStop(store.Close)
		s.Ready("database", store.Ping)
		signer, publicKey, err := checkpointKey(ctx, s, cfg.OldKeys)
		if err != nil {
			return err
		}
		blobs, err := cfg.blobs(s, store)
		if err != nil {
			return err
		}
		archiver, err := archiving(s, store, blobs, publicKey, clock)
		if err != nil {
			return err
		}
		journal := app.New(app.Config{
			Store: store, Hints: daprstate.New(s.Dapr, cfg.Processed),
			Publisher: cloudevent.NewPublisher(s.Dapr, cfg.PubSub, s.Name),
			Clock:     clock, NewID: outbox.NewID, Log: s.Log, Metrics: s.Metrics, Tracer: otel.Tracer("journal"),
			Signer: signer, PublicKey: publicKey, Checkpoints: checkpointBinding(s, cfg.Binding), Alerts: cfg.alerter(s), Batch: cfg.Batch, Linger: cfg.Linger, Limits: cfg.Search.limits(), Sidecar: s.SidecarAnswers,
			Blobs: blobs, Archiving: archiver,
		})
		s.OnStop(journal.Drain)
		for _, part := range journal.Parts() {
			s.Go(part.Name, part.Run)
		}
		verifier, err := s.Verifier(ctx)
		if err != nil {
			return err
		}
		api := httpapi.API{App: journal, Gate: auth.NewGate(verifier, journal.Terminals.CheckKey), AppToken: cfg.AppToken, Log: s.Log}
		api.Mount(s.Engine)
		s.Describe(httpapi.Info, api.Endpoints())
		return nil
	})
}
