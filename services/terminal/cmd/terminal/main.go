// Command terminal is the terminal service: tenants, stores, staff and tills.
package main

import (
	"context"
	"crypto/rand"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/httpapi"
	"github.com/tillroll/tillroll/services/terminal/internal/pin"
)

func main() {
	var cfg config
	service.Main("terminal", &cfg, &cfg.Settings, func(ctx context.Context, s *service.Service) error {
		return wire(ctx, s, &cfg)
	})
}

func wire(ctx context.Context, s *service.Service, cfg *config) error {
	keys, err := openKeys(ctx, s)
	if err != nil {
		return err
	}
	store, err := s.AtomicStore(ctx, cfg.StateStore)
	if err != nil {
		return err
	}
	clock := clockwork.NewRealClock()
	box := outbox.New(store, event.ProducerTerminal, clock, outbox.NewID)
	relay := outbox.NewRelay(box, cloudevent.NewPublisher(s.Dapr, cfg.PubSub, s.Name), cfg.relay(), s.Log, outbox.NewMetrics(s.Metrics))
	useCases := app.New(app.Needs{
		Store: store, Box: box, Clock: clock, Random: rand.Reader, PINs: pin.New(pin.DefaultCost, rand.Reader),
		Tokens: keys.issuer, Log: s.Log, CloseWait: cfg.CloseWait,
	})
	s.Go("relay", relay.Run)
	s.Go("closings", useCases.RemindClosings)
	s.Go("wanted tenants", useCases.ResendTenants)
	api := &httpapi.API{App: useCases, Log: s.Log, Keys: keys.public}
	api.Mount(s.Engine, keys.verifier, cfg.AppToken)
	s.Describe(httpapi.Info, api.Endpoints())
	return nil
}
