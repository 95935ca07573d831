// Command fill puts generated shop days straight into a journal's store, for measures: the events are
// decoded and committed as those of a delivery are, only without sidecar and broker between. What goes
// all the way is `tillctl generate`.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/shopdays"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

// committedAtOnce is how many events one transaction takes.
const committedAtOnce = 500

func main() {
	var plan shopdays.Plan
	data := flag.String("data", ".tillroll", "data folder; the journal in it must not be running. MONGODB_URI puts the days into MongoDB instead")
	flag.StringVar(&plan.Tenant, "tenant", "", "tenant, which is made when it is not there")
	flag.IntVar(&plan.Entries, "entries", 10_000, "about so many entries, in whole days")
	flag.Uint64Var(&plan.Seed, "seed", 1, "the same seed makes the same days")
	flag.IntVar(&plan.Stores, "stores", 5, "stores")
	flag.IntVar(&plan.Tills, "tills", 4, "tills of each store")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := fill(ctx, *data, plan); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func fill(ctx context.Context, data string, plan shopdays.Plan) error {
	store, err := open(ctx, data)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if _, err := store.Provision(ctx, plan.Tenant); err != nil {
		return err
	}
	p := &progress{total: plan.Entries, start: time.Now(), watched: isTerminal(os.Stderr)}
	plan.Days(func(day []event.Event) bool {
		for part := range slices.Chunk(day, committedAtOnce) {
			if err = commit(ctx, store, plan.Tenant, part, p); err != nil {
				return false
			}
		}
		return true
	})
	p.end()
	return err
}

func open(ctx context.Context, data string) (app.Store, error) {
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return mongostore.Open(ctx, mongostore.Config{URI: uri, Clock: clockwork.NewRealClock()})
	}
	return sqlitestore.Open(ctx, filepath.Join(data, "journal"), clockwork.NewRealClock())
}

func commit(ctx context.Context, store app.Store, tenant string, events []event.Event, p *progress) error {
	records := make([]*journal.Record, len(events))
	for i, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if records[i], err = journal.Decode(e.Topic(), raw); err != nil {
			return err
		}
		if records[i].Entry != nil {
			p.done++
		}
	}
	outcomes, err := store.Commit(ctx, tenant, records)
	if err == nil && slices.Contains(outcomes, app.Changed) {
		err = fmt.Errorf("the tenant %s has other events with the same ids: take another seed or tenant", tenant)
	}
	p.show()
	return err
}

// progress tells how far it is and how long it will take, on one line where somebody watches.
type progress struct {
	done, total  int
	start, shown time.Time
	watched      bool
}

func (p *progress) show() {
	if !p.watched || time.Since(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = time.Now()
	rate := float64(p.done) / time.Since(p.start).Seconds()
	left := time.Duration(float64(max(0, p.total-p.done)) / rate * float64(time.Second))
	fmt.Fprintf(os.Stderr, "\r%d of %d entries, %.0f a second, %s left   ", p.done, p.total, rate, left.Round(time.Second))
}

func (p *progress) end() {
	if p.watched {
		fmt.Fprintln(os.Stderr)
	}
	took := time.Since(p.start)
	fmt.Printf("%d entries in %s, %.0f a second\n", p.done, took.Round(time.Millisecond), float64(p.done)/took.Seconds())
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
