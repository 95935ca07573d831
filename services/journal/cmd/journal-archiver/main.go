// Command journal-archiver moves what is past its time from a journal in MongoDB to its archive, and gives up
// what is past its retention, as each tenant's policy says. It has a credential of its own: the journal's
// can remove nothing, and this one can add nothing to journal and logs.
//
// It ends when every tenant whose time has come is done; a CronJob starts it every hour. With -every it stays
// and looks each minute. With -tenant it archives one tenant now, whatever the time of day.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/filestore"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
)

type config struct {
	MongoDB   string `env:"MONGODB_URI"` // with the archiver's user
	AnyRights bool   `env:"TILLROLL_MONGODB_ANY_RIGHTS"`
	Namespace string `env:"TILLROLL_MONGODB_NAMESPACE"`
	PublicKey string `env:"TILLROLL_CHECKPOINT_PUBLIC_KEY"`
	Archive   string `env:"TILLROLL_ARCHIVE" envDefault:"mongodb"` // or a folder; the same as the journal's

	tenant string
	stay   bool
}

func main() {
	var c config
	flag.StringVar(&c.tenant, "tenant", "", "archive this tenant now, whatever the time of day")
	flag.BoolVar(&c.stay, "every", false, "stay, and archive each tenant at its time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log, err := zap.NewProduction()
	if err == nil {
		err = c.run(ctx, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "journal-archiver:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func (c *config) run(ctx context.Context, log *zap.Logger) error {
	if err := env.Parse(c); err != nil {
		return err
	}
	switch {
	case c.MongoDB == "":
		return errors.New("MONGODB_URI is empty: name the journal's MongoDB, with the archiver's user (tillctl mongo roles makes it); a journal in SQLite archives by itself")
	case c.PublicKey == "":
		return errors.New("TILLROLL_CHECKPOINT_PUBLIC_KEY is empty: give the journal's public key, GET /api/v1/checkpoint-key tells it; nothing is removed that it does not vouch for")
	}
	clock := clockwork.NewRealClock()
	store, err := mongostore.NewArchiver(ctx, mongostore.Config{URI: c.MongoDB, AnyRights: c.AnyRights, Namespace: c.Namespace, Clock: clock})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	blobs, err := c.blobs(store)
	if err != nil {
		return err
	}
	archiving, err := app.NewArchiving(app.ArchivingConfig{
		Archiver: store, Blobs: blobs, PublicKey: c.PublicKey, Clock: clock, NewID: outbox.NewID, Log: log, Metrics: prometheus.NewRegistry(),
	})
	switch {
	case err != nil:
		return err
	case c.stay:
		return archiving.Schedule(ctx)
	case c.tenant == "":
		return archiving.RunDue(ctx)
	}
	report, err := archiving.Run(ctx, c.tenant, "journal-archiver")
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func (c *config) blobs(store *mongostore.Archiver) (archive.Blobs, error) {
	if c.Archive == "mongodb" {
		return store.Blobs(), nil
	}
	folder, err := filestore.Open(c.Archive, time.Now)
	if err != nil {
		return nil, fmt.Errorf("TILLROLL_ARCHIVE: %w", err)
	}
	return folder, nil
}
