package command

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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
	Tenant  code   `required:"" suggest:"@tenants" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant; it is made if it is not there."`
	Entries int    `default:"10000" help:"About so many journal entries, in whole days."`
	Seed    uint64 `default:"1" help:"The same seed makes the same days, to the last byte; another one makes other stores."`
	Stores  int    `default:"5" help:"Stores; every third sells in English, the others in Japanese."`
	Tills   int    `default:"4" help:"Tills of each store."`
}

func (generateVerb) Help() string {
	return `Makes realistic shop days, with sales, returns, voids, cancelled sales, cash in and out, tills opened and closed, and
delivers them to the journal just as its sidecar does: they are decoded, checked, stored, chained and examined like all
others. It needs the secrets of the local stack. An interrupted run goes on where it stopped when the same is typed again;
several may run at once. Take a tenant of its own: nothing can be removed from a journal.

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

const (
	// deliveredAtOnce is how many events one delivery has.
	deliveredAtOnce = 200
	// deliverers are so many deliveries under way; each takes the tills of its own, in order.
	deliverers = 4
)

// Run the verb.
func (v generateVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, platformOperator)
	if err != nil {
		return err
	}
	administrator, err := v.connect(w, data, auth.Principal{Role: auth.Administrator, TenantID: string(v.Tenant)})
	if err != nil {
		return err
	}
	token, err := strongbox.DeliveryToken(data.path())
	if err != nil {
		return unsafe(err)
	}
	if err := v.makeTenant(ctx, stack); err != nil {
		return err
	}
	g := generation{plan: shopdays.Plan{Tenant: string(v.Tenant), Seed: v.Seed, Entries: v.Entries, Stores: v.Stores, Tills: v.Tills}}
	if g.there, err = streamsThere(ctx, stack.Journals, string(v.Tenant)); err != nil {
		return err
	}
	if err := g.meetsOnlyItself(ctx, administrator.Journals); err != nil {
		return err
	}
	begun := w.Clock.Now()
	err = g.deliver(ctx, w, stack.As(client.SidecarToken(token)).Journals)
	entries, took := g.entries.Load(), w.Clock.Since(begun)
	if err != nil {
		fmt.Fprintf(w.Err, "tillctl: %s delivered so far; type the same again to go on\n", plural(int(entries), "entry", "entries"))
		return err
	}
	g.tell(w, took)
	fmt.Fprintf(w.Out, "See `%s verify --tenant %s` and `%[1]s discrepancies list --tenant %[2]s`.\n", w.Program, v.Tenant)
	return nil
}

// tell says what was done, and how fast.
func (g *generation) tell(w World, took time.Duration) {
	there := ""
	if g.skipped > 0 {
		there = fmt.Sprintf(" %s were there already.", grouped(g.skipped))
	}
	if g.events.Load() == 0 {
		fmt.Fprintf(w.Out, "Nothing to do:%s\n", there)
		return
	}
	entries := int(g.entries.Load())
	fmt.Fprintf(w.Out, "%s events delivered, %s of them journal entries, in %s", grouped(int(g.events.Load())), grouped(entries), took.Round(time.Millisecond))
	if seconds := took.Seconds(); seconds > 0 {
		fmt.Fprintf(w.Out, ": %s entries a second", grouped(int(float64(entries)/seconds)))
	}
	fmt.Fprintf(w.Out, ".%s\n", there)
}

// makeTenant makes the tenant where tenants are made, and its journal at once.
func (v generateVerb) makeTenant(ctx context.Context, stack client.Stack) error {
	_, err := stack.Terminals.CreateTenant(ctx, client.NewTenant{TenantID: string(v.Tenant), TenantName: "Generated " + string(v.Tenant)})
	var p *client.Problem
	if errors.As(err, &p) && p.IsKind(client.TenantExists) {
		err = nil
	}
	if err != nil {
		return err
	}
	return stack.Journals.MakeTenant(ctx, string(v.Tenant))
}

// progressKey names a producer's sequence of a stream.
type progressKey struct{ stream, producer string }

// streamsThere tells how far every sequence is complete in the journal.
func streamsThere(ctx context.Context, journals client.Journals, tenant string) (map[progressKey]uint64, error) {
	found, err := journals.Streams(ctx, tenant)
	there := map[progressKey]uint64{}
	for _, s := range found.Values() {
		for _, p := range s.Producers {
			there[progressKey{s.StreamID, p.Producer}] = p.CompleteThrough
		}
	}
	return there, err
}

// generation is a plan on its way into a journal.
type generation struct {
	plan  shopdays.Plan
	there map[progressKey]uint64

	skipped         int // entries that were there
	events, entries atomic.Int64
}

func keyOf(e event.Event) progressKey { return progressKey{e.Head().Stream().ID(), e.Head().Producer} }

func isEntry(e event.Event) bool { return e.Topic() != event.TopicEvents }

// meetsOnlyItself fails when a till of the plan has events that are not of the plan: a second sequence of
// numbers would be stored, and be wrong for ever.
func (g *generation) meetsOnlyItself(ctx context.Context, journals client.Journals) (err error) {
	g.plan.Days(func(day []event.Event) bool {
		seen := map[string]bool{}
		for _, e := range day {
			if e.Topic() != event.TopicOpenCloseLog || seen[keyOf(e).stream] {
				continue
			}
			seen[keyOf(e).stream] = true
			if g.there[progressKey{keyOf(e).stream, event.ProducerTerminal}] == 0 && g.there[progressKey{keyOf(e).stream, event.ProducerCart}] == 0 {
				continue
			}
			_, err = journals.Entry(ctx, g.plan.Tenant, e.Head().EventID)
			var p *client.Problem
			if errors.As(err, &p) && p.Status == http.StatusNotFound {
				err = fmt.Errorf("the till %s has events that another plan or a real till has made\n  → take a tenant of its own, or another --seed", keyOf(e).stream)
			}
			if err != nil {
				return false
			}
		}
		return false // the first day tells
	})
	return err
}

// deliver hands over what is not there yet, day after day.
func (g *generation) deliver(ctx context.Context, w World, journal client.Journals) (err error) {
	var progress *screen.Progress
	g.plan.Days(func(day []event.Event) bool {
		var queues [deliverers][]event.Event
		for _, e := range day {
			if e.Head().Sequence <= g.there[keyOf(e)] {
				if isEntry(e) {
					g.skipped++
				}
				continue
			}
			n := queueOf(keyOf(e).stream)
			queues[n] = append(queues[n], e)
		}
		if progress == nil {
			progress = screen.NewProgress(w.watchedErr(), w.Clock, "entries", uint64(g.skipped), uint64(g.plan.Entries)) //nolint:gosec // not negative
		}
		group, ctx := errgroup.WithContext(ctx)
		told := make(chan struct{}, 1)
		told <- struct{}{}
		for _, queue := range queues {
			group.Go(func() error {
				for part := range slices.Chunk(queue, deliveredAtOnce) {
					if err := journal.Deliver(ctx, part); err != nil {
						return err
					}
					g.count(part)
					<-told
					progress.At(min(uint64(g.plan.Entries), uint64(g.skipped)+uint64(g.entries.Load()))) //nolint:gosec // not negative
					told <- struct{}{}
				}
				return nil
			})
		}
		err = group.Wait()
		return err == nil
	})
	if progress != nil {
		progress.End()
	}
	return err
}

func (g *generation) count(part []event.Event) {
	g.events.Add(int64(len(part)))
	for _, e := range part {
		if isEntry(e) {
			g.entries.Add(1)
		}
	}
}

// queueOf gives a till to one deliverer, always the same.
func queueOf(stream string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream))
	return int(h.Sum32() % deliverers)
}
