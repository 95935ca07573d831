// Package app is what the journal service does, one use case a file: take events in (ingest.go, committer.go;
// refuse.go for what cannot be stored), tell their publishers (status.go) and people (alerts.go, owed.go), make
// entries by request (direct.go), keep and replay what could not be stored (quarantine.go, waiting.go), make tenants
// (provision.go), search (search.go, rank.go, pattern.go, cursor.go), show one order (order.go), hold sessions against
// their close (reconcile.go), find what breaks a rule (examine.go, discrepancies.go), prove that nothing was changed
// (verify.go, prove.go; logkeeper.go makes what proofs are made of), record who read what (access.go), and say how it
// is (health.go, metrics.go, depths.go).
//
// It declares the ports that it needs (ports.go) and knows neither HTTP nor any database.
package app

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Config is what the service is made of.
type Config struct {
	Store     Store
	Hints     Hints
	Publisher Publisher
	Clock     clockwork.Clock
	NewID     func() string
	Log       *zap.Logger
	Metrics   prometheus.Registerer
	Tracer    trace.Tracer
	Alerts    Alerter                         // nil: alerts are in the log only
	Sidecar   func(ctx context.Context) error // tells whether the sidecar answers; nil: it is not asked
	Batch     int                             // events of one transaction at most; 0: the default
	Linger    time.Duration                   // for which a transaction waits for more events; 0: not at all
	// Signer signs checkpoints, PublicKey is what they are checked with. Checkpoints, which may be
	// nil, takes them out of the house.
	Signer      *proof.Signer
	PublicKey   string
	Checkpoints CheckpointSink
	Limits      SearchLimits // zero: the usual ones
	// Blobs is where the segments of the archive are kept; nil: there is no archive to read from.
	Blobs archive.Blobs
	// Archiving moves what is past its time there, where this process owns the database; nil: another
	// program does.
	Archiving *Archiving
}

// App is the service.
type App struct {
	Ingest     *Ingest
	Quarantine *Aside
	Tenants    *Tenants
	Search     *Search
	Orders     *Orders
	Sessions   *Sessions
	Proof      *Proof
	Terminals  *Terminals

	Discrepancies *Discrepancies
	Direct        *Direct
	Accesses      *Accesses
	Health        *Health
	Retentions    *Retentions

	committer *committer
	reporter  *reporter
	hints     *hints
	waiting   *waiting
	examiner  *examiner
	alarm     *alarm
	keeper    *logKeeper

	backfiller *backfiller
	depths     *depths
	store      Store
	archive    *archiveWatch
	archiving  *Archiving
}

// New wires the use cases.
func New(c Config) *App {
	m := newMetrics(c.Metrics)
	live := c.Store
	c.Store = withArchive(live, c.Blobs)
	a := &App{store: c.Store, depths: newDepths(c.Store, c.Clock, m)}
	a.hints = newHints(c.Hints, c.Clock, c.Log, m)
	a.reporter = &reporter{
		store: c.Store, publisher: c.Publisher, clock: c.Clock, newID: c.NewID, log: c.Log, metrics: m,
		pending: map[lane]note{}, wake: make(chan struct{}, 1),
	}
	a.keeper = newLogKeeper(c)
	a.reporter.keeper = a.keeper
	a.backfiller = newBackfiller(c)
	a.committer = newCommitter(c.Store, c.Tracer, m, c.Batch, c.Linger)
	a.alarm = newAlarm(c.Alerts, c.Store, c.Clock, c.Log, m)
	a.examiner = newExaminer(c.Store, c.Clock, c.Log, m)
	a.examiner.changed = func(tenant string) { a.depths.note(tenant); a.alarm.nudge(tenant) }
	a.examiner.damaged = a.alarm.damage
	a.committer.stored = a.keeper.nudge
	asker := &asker{publisher: c.Publisher, clock: c.Clock, newID: c.NewID, log: c.Log}
	a.waiting = &waiting{store: c.Store, clock: c.Clock, log: c.Log, wake: make(chan struct{}, 1)}
	a.Tenants = &Tenants{store: c.Store, waiting: a.waiting, log: c.Log}
	a.Ingest = &Ingest{
		store: c.Store, committer: a.committer, hints: a.hints, reporter: a.reporter, tenants: a.Tenants, waiting: a.waiting,
		examiner: a.examiner, alarm: a.alarm, asker: asker, poison: newPoison(), clock: c.Clock, newID: c.NewID, log: c.Log, tracer: c.Tracer, metrics: m,
		decode: journal.Decode, generations: map[lane]int{},
	}
	a.waiting.ingest = a.Ingest
	a.Quarantine = &Aside{store: c.Store, ingest: a.Ingest, reporter: a.reporter, examiner: a.examiner, clock: c.Clock, log: c.Log}
	a.Search = NewSearch(c.Store, c.Limits, c.Metrics)
	if c.Blobs != nil {
		a.Search.archive = &archiveFinder{live, c.Blobs}
	}
	a.Orders = &Orders{store: c.Store}
	a.Sessions = &Sessions{store: c.Store}
	a.Proof = newProof(c, a.keeper)
	a.Proof.alarm = a.alarm
	a.Terminals = &Terminals{store: c.Store}
	a.Direct = &Direct{store: c.Store, committer: a.committer, examiner: a.examiner, clock: c.Clock, metrics: m}
	a.Accesses = &Accesses{store: c.Store, clock: c.Clock, newID: c.NewID}
	a.Health = &Health{
		store: c.Store, hints: c.Hints, publisher: c.Publisher, committer: a.committer, alarm: a.alarm, sidecar: c.Sidecar,
		clock: c.Clock, newID: c.NewID, log: c.Log,
	}
	a.Discrepancies = &Discrepancies{store: c.Store, depths: a.depths, clock: c.Clock, log: c.Log}
	a.Retentions = &Retentions{store: c.Store, archiving: c.Archiving, clock: c.Clock, log: c.Log}
	a.archive, a.archiving = newArchiveWatch(c), c.Archiving
	return a
}

// Part is something that runs beside the requests until its context ends.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// Parts of the service. Their contexts end after the last request; then status messages that are
// still due go out.
func (a *App) Parts() []Part {
	parts := []Part{
		{"status messages", a.reporter.run},
		{"processed marks", a.hints.run},
		{"waiting tenants", a.waiting.run},
		{"log", a.keeper.run},
		{"backfill", a.backfiller.run},
		{"examination", a.examiner.run},
		{"depths", a.depths.run},
		{"alerts", a.alarm.run},
		{"archive watch", a.archive.run},
	}
	if a.archiving != nil {
		parts = append(parts, Part{"archive", a.archiving.Schedule})
	}
	return parts
}

// Examine holds what was stored against the rules now; the service does so by itself soon after.
func (a *App) Examine(ctx context.Context) error { return a.examiner.round(ctx) }

// Drain waits for commits that go on although nobody waits for them any more. It goes before closing
// the store.
func (a *App) Drain() error {
	a.committer.drain()
	return nil
}
