package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/shopdays"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// generateVerb fills a tenant's journal with shop days.
type generateVerb struct {
	access
	ofTenant
	Entries int    `default:"10000" help:"About so many journal entries, in whole days."`
	Seed    uint64 `default:"1" help:"The same seed makes the same days, to the last byte."`
	Stores  int    `default:"5" help:"Stores; every third sells in English, the others in Japanese."`
	Tills   int    `default:"4" help:"Tills of each store."`
}

func (generateVerb) Help() string {
	return `Makes realistic shop days, with sales, returns, voids, cancelled sales, cash in and out, tills opened and closed, and
delivers them to the journal just as its sidecar does: they are decoded, checked, stored, chained and examined like all
others. It needs the secrets of the local stack. What is there already is not stored twice, so an interrupted run is
simply repeated. Take a tenant of its own: nothing can be removed from a journal.

    tillctl generate --tenant load --entries 10000
    tillctl generate --tenant load --entries 100000 --stores 20 --seed 7

For millions of entries the journal's own command fill goes straight into the store, which must not be running:

    cd services/journal && go run ./cmd/fill -data ../../.tillroll -tenant load -entries 1000000`
}

// Validate is called by the parser.
func (v generateVerb) Validate() error {
	if v.Entries < 1 || v.Stores < 1 || v.Stores > 99 || v.Tills < 1 || v.Tills > 99 {
		return fmt.Errorf("--entries must be 1 or more, --stores and --tills from 1 to 99")
	}
	return nil
}

// deliveredAtOnce is how many events one delivery has.
const deliveredAtOnce = 200

// Run the verb.
func (v generateVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, auth.Principal{Role: auth.Platform})
	if err != nil {
		return err
	}
	token, err := strongbox.DeliveryToken(data.path())
	if err != nil {
		return err
	}
	if err := stack.Journals.MakeTenant(ctx, v.tenant()); err != nil {
		return err
	}
	journal := stack.As(client.SidecarToken(token)).Journals
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "entries", 0, uint64(v.Entries))
	events, entries := 0, 0
	shopdays.Plan{Tenant: v.tenant(), Seed: v.Seed, Entries: v.Entries, Stores: v.Stores, Tills: v.Tills}.Days(func(day []event.Event) bool {
		for part := range slices.Chunk(day, deliveredAtOnce) {
			if err = journal.Deliver(ctx, part); err != nil {
				return false
			}
			events += len(part)
			for _, e := range part {
				if e.Topic() != event.TopicEvents {
					entries++
				}
			}
			progress.At(uint64(min(entries, v.Entries)))
		}
		return true
	})
	progress.End()
	if err != nil {
		return fmt.Errorf("after %d entries: %w", entries, err)
	}
	fmt.Fprintf(w.Out, "%d events delivered; %d of them make a journal entry.\n", events, entries)
	return nil
}
