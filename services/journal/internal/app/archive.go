package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// How the archiver works.
const (
	// archiveLook is how often the schedule is looked at: a policy names a minute of the day.
	archiveLook = time.Minute
	// archiveLease is how long another archiver waits for one that does not answer any more. It is renewed
	// before every day, which is written and checked in much less.
	archiveLease = 30 * time.Minute
	// releaseWait is how long an archiver tries to give its lease back.
	releaseWait = 5 * time.Second
	// daysAtOnce is how many days are looked up at a time.
	daysAtOnce = 100
	// segmentEvents is how many events a segment has at most: a day with more makes several parts.
	segmentEvents = 100_000
	// heldNamed is how many of the days that stay are named in a report.
	heldNamed = 50
)

// BySchedule is who asks for the runs of the schedule.
const BySchedule = "schedule"

// ErrArchiving says that somebody else is archiving the tenant.
var ErrArchiving = errors.New("archive: another run is under way")

// ArchivingConfig is what an archiver is made of.
type ArchivingConfig struct {
	Archiver  Archiver
	Blobs     archive.Blobs
	PublicKey string // with which checkpoints are checked
	Clock     clockwork.Clock
	NewID     func() string
	Log       *zap.Logger
	Metrics   prometheus.Registerer
}

// Archiving moves what is past its time from the live journal to segments, and gives up segments whose
// retention has ended. It runs in the journal where that owns the database (SQLite), and in a program of
// its own, with a credential of its own, where there is a server (MongoDB).
//
// A day moves in steps, each of which may be the last before a crash; the next run goes on:
//
//	write      the segment, from the day's events, under a name that only this day and part have
//	read back  all of it: every hash, every path to the checkpoint, and that it has exactly these events
//	register   it in the catalogue, together with exactly which links it has
//	remove     the originals, some at a time, and only those that a registered segment has; before that the
//	           segment is read back once more, however long ago it was written
//	note       that nothing of it is left
//
// Until a segment is registered its events are live and its file is nobody's: the next run writes it anew.
// From then on they are in it whatever happens, and live until they are removed.
type Archiving struct {
	store   Archiver
	blobs   archive.Blobs
	keys    proof.Keys
	clock   clockwork.Clock
	holder  string
	log     *zap.Logger
	metrics *archiveMetrics
	running sync.Mutex
	most    int // events of a segment
}

// NewArchiving makes an archiver. It fails when the public key is none.
func NewArchiving(c ArchivingConfig) (*Archiving, error) {
	keys, err := proof.ParseKeys(c.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("the public key that checkpoints are checked with: %w", err)
	}
	return &Archiving{
		store: c.Archiver, blobs: c.Blobs, keys: keys, clock: c.Clock, holder: c.NewID(), log: c.Log,
		metrics: newArchiveMetrics(c.Metrics), most: segmentEvents,
	}, nil
}

// Schedule runs the archiver whenever a tenant's time has come, until ctx ends.
func (a *Archiving) Schedule(ctx context.Context) error {
	look := a.clock.NewTicker(archiveLook)
	defer look.Stop()
	for {
		if err := a.RunDue(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("archiving failed; trying again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.Chan():
		}
	}
}

// RunDue runs the archiver for every tenant whose time has come. One that fails does not keep the others
// from theirs.
func (a *Archiving) RunDue(ctx context.Context) error {
	tenants, err := a.store.Tenants(ctx)
	if err != nil {
		return err
	}
	var failures error
	for _, tenant := range tenants {
		due, err := a.due(ctx, tenant)
		if err == nil && due {
			_, err = a.Run(ctx, tenant, BySchedule)
		}
		if errors.Is(err, ErrArchiving) {
			continue
		}
		if err != nil {
			failures = errors.Join(failures, fmt.Errorf("tenant %s: %w", tenant, err))
		}
		if ctx.Err() != nil {
			return failures
		}
	}
	return failures
}

func (a *Archiving) due(ctx context.Context, tenant string) (bool, error) {
	policy, err := policyOf(ctx, a.store, tenant)
	if err != nil || policy.LiveDays == 0 {
		return false, err
	}
	var finished time.Time
	runs, err := a.store.ArchiveRuns(ctx, tenant, 1)
	if len(runs) > 0 {
		finished = runs[0].Finished
	}
	return policy.Due(a.clock.Now(), finished), err
}

// policyOf is the policy that counts; the zero policy when none was set.
func policyOf(ctx context.Context, s Archive, tenant string) (journal.Retention, error) {
	policies, err := s.Retentions(ctx, tenant, 1)
	if err != nil || len(policies) == 0 {
		return journal.Retention{At: journal.DefaultArchiveTime}, err
	}
	return policies[0], nil
}

// Run does for a tenant whatever its policy asks for now, and what an earlier run has left. It fails with
// ErrArchiving when somebody else does; what it has done before it failed stays done.
func (a *Archiving) Run(ctx context.Context, tenant, by string) (*ArchiveRun, error) {
	if !a.running.TryLock() {
		return nil, ErrArchiving
	}
	defer a.running.Unlock()
	run := &archiveRun{Archiving: a, tenant: tenant, report: ArchiveRun{Started: a.clock.Now().UTC(), By: by, Held: []HeldDay{}}}
	err := run.all(ctx)
	run.release(ctx, err)
	if err != nil {
		if !errors.Is(err, ErrArchiving) && ctx.Err() == nil {
			a.metrics.failures.Inc()
		}
		return nil, err
	}
	r := &run.report
	a.log.Info("archived", zap.String("tenant_id", tenant), zap.String("by", by), zap.Int("segments", r.Segments), zap.Int("events", r.Events),
		zap.Int64("bytes", r.Bytes), zap.Int("removed", r.Removed), zap.Int("purged", r.Purged), zap.Int("held_days", len(r.Held)+r.More))
	return r, nil
}

// archiveRun is one run for one tenant.
type archiveRun struct {
	*Archiving
	tenant string
	policy journal.Retention
	report ArchiveRun
}

func (r *archiveRun) all(ctx context.Context) (err error) {
	if err := r.hold(ctx); err != nil {
		return err
	}
	if r.policy, err = policyOf(ctx, r.store, r.tenant); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	if err := r.days(ctx); err != nil {
		return err
	}
	if err := r.purge(ctx); err != nil {
		return err
	}
	r.report.Finished = r.clock.Now().UTC()
	return r.store.NoteRun(ctx, r.tenant, &r.report)
}

// hold takes the right to archive the tenant, or keeps it.
func (r *archiveRun) hold(ctx context.Context) error {
	held, err := r.store.ArchiveLease(ctx, r.tenant, r.holder, archiveLease)
	if err == nil && !held {
		err = ErrArchiving
	}
	return err
}

// release lets the next one archive the tenant at once. That it could not costs the lease's time only.
func (r *archiveRun) release(ctx context.Context, failed error) {
	if errors.Is(failed, ErrArchiving) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWait)
	defer cancel()
	if _, err := r.store.ArchiveLease(ctx, r.tenant, r.holder, 0); err != nil {
		r.log.Warn("the right to archive could not be given back; another archiver waits for it", zap.String("tenant_id", r.tenant), zap.Duration("at_most", archiveLease), zap.Error(err))
	}
}

// finish removes what earlier runs have archived and not removed.
func (r *archiveRun) finish(ctx context.Context) error {
	left, err := r.store.Segments(ctx, r.tenant, SegmentQuery{Remaining: true})
	if err != nil {
		return err
	}
	for _, s := range left {
		if err := r.hold(ctx); err != nil {
			return err
		}
		if err := r.remove(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the originals of a registered segment, when the segment can be read as it was
// registered; they stay when it cannot.
func (r *archiveRun) remove(ctx context.Context, s *Segment) error {
	err := r.readBack(ctx, s)
	switch {
	case errors.Is(err, errSegment):
		r.log.Error("a segment of the archive is not what was registered: its originals stay in the live journal", zap.String("tenant_id", r.tenant), zap.String("segment", s.Name()), zap.Error(err))
		r.metrics.failures.Inc()
		r.held(journal.StoreDay{StoreCode: s.StoreCode, BusinessDate: s.BusinessDate}, fmt.Sprintf("%s is not what was registered, the originals stay: %v", s.Name(), err))
		return nil
	case err != nil:
		return err
	}
	n, err := r.store.Remove(ctx, r.tenant, s.Name())
	r.report.Removed += n
	r.metrics.removed.Add(float64(n))
	return err
}

// days archives whatever is past LiveDays, the oldest day first.
func (r *archiveRun) days(ctx context.Context) error {
	before := r.policy.Before(r.clock.Now())
	var after journal.StoreDay
	for before != "" {
		days, err := r.store.Archivable(ctx, r.tenant, before, after, daysAtOnce)
		if err != nil || len(days) == 0 {
			return err
		}
		for _, day := range days {
			if err := r.hold(ctx); err != nil {
				return err
			}
			if err := r.day(ctx, day); err != nil {
				return fmt.Errorf("day %s: %w", day, err)
			}
		}
		after = days[len(days)-1]
	}
	return nil
}

// held notes that a day stays, and why.
func (r *archiveRun) held(day journal.StoreDay, why string) {
	if len(r.report.Held) == heldNamed {
		r.report.More++
		return
	}
	r.report.Held = append(r.report.Held, HeldDay{StoreCode: day.StoreCode, BusinessDate: day.BusinessDate, Why: why})
}
