// Command cart is the cart service: a sale from the first item to the receipt.
package main

import (
	"context"
	_ "time/tzdata" // stores sell in their own time zone, also where the machine knows none

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/catalogfile"
	"github.com/tillroll/tillroll/services/cart/internal/httpapi"
)

func main() {
	var cfg config
	service.Main("cart", &cfg, &cfg.Settings, func(ctx context.Context, s *service.Service) error { return wire(ctx, s, &cfg) })
}

func wire(ctx context.Context, s *service.Service, cfg *config) error {
	catalogue, err := catalogfile.Load(cfg.Catalog)
	if err != nil {
		return err
	}
	store, err := s.AtomicStore(ctx, cfg.StateStore)
	if err != nil {
		return err
	}
	verifier, err := s.Verifier(ctx)
	if err != nil {
		return err
	}
	clock, publisher := clockwork.NewRealClock(), cloudevent.NewPublisher(s.Dapr, cfg.PubSub, s.Name)
	box := outbox.New(store, event.ProducerCart, clock, outbox.NewID)
	relay := outbox.NewRelay(box, publisher, cfg.RelayConfig(), s.Log.Named("relay"), outbox.NewMetrics(s.Metrics))
	s.Go("relay", relay.Run)
	useCases := app.New(app.Ports{
		Box: box, Store: store, Catalogue: catalogue, Sender: publisher, Clock: clock, NewID: outbox.NewID,
		Receipts: cfg.receipts(), Patience: cfg.SnapshotWait, Log: s.Log, Tracer: otel.Tracer(s.Name),
	})
	api := httpapi.New(useCases, verifier, cfg.AppToken, s.Log)
	api.Mount(s.Engine)
	s.Describe(httpapi.Info, api.Endpoints())
	return nil
}
