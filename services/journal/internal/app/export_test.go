package app

import (
	"context"
	"errors"
	"time"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Doors for tests into what runs by itself in the service.

// Flush tells publishers now what they are due to be told.
func Flush(ctx context.Context, a *App) error { return a.reporter.flush(ctx) }

// Report runs the reporter until ctx ends.
func Report(ctx context.Context, a *App) error { return a.reporter.run(ctx) }

// WriteMarks writes the processed marks that wait.
func WriteMarks(a *App) { a.hints.writeRest() }

// Sweep stores what waits for tenants that exist.
func Sweep(ctx context.Context, a *App) error { return a.waiting.sweep(ctx) }

// SearchUnexamined looks for what nobody told of.
func SearchUnexamined(ctx context.Context, a *App) error { return a.examiner.search(ctx) }

// ExaminePage sets how many links are looked at in a round.
func ExaminePage(a *App, links int) { a.examiner.page = links }

// RunExaminer runs until ctx ends.
func RunExaminer(ctx context.Context, a *App) error { return a.examiner.run(ctx) }

// CountDepths counts what is open now.
func CountDepths(ctx context.Context, a *App) { a.depths.count(ctx) }

// RunAlarm raises and sends alerts until ctx ends.
func RunAlarm(ctx context.Context, a *App) error { return a.alarm.run(ctx) }

// RaiseOwed raises the alerts that are owed, of all tenants.
func RaiseOwed(ctx context.Context, a *App) error {
	_, err := a.alarm.sweep(ctx, true)
	return err
}

// Recall has publishers told to whom word is owed.
func Recall(ctx context.Context, a *App) error { return a.reporter.recall(ctx) }

// Gather sets what one transaction gathers.
func Gather(a *App, batch int, linger time.Duration) {
	a.committer.drain()
	a.committer.batch, a.committer.linger = batch, linger
}

// DecodeWith replaces the decoder.
func DecodeWith(a *App, decode func(topic string, data []byte) (*journal.Record, error)) {
	a.Ingest.decode = decode
}

// WaitingJobs counts the deliveries that wait for a tenant's next commit.
func WaitingJobs(a *App, tenant string) int {
	a.committer.mu.Lock()
	defer a.committer.mu.Unlock()
	return len(a.committer.waiting[tenant])
}

// KeepLog extends the logs of all tenants with something new.
func KeepLog(ctx context.Context, a *App) { a.keeper.round(ctx) }

// SweepLog looks after the logs of all tenants, as the service does now and then.
func SweepLog(ctx context.Context, a *App) {
	a.keeper.nudgeAll(ctx)
	a.keeper.round(ctx)
}

// BackfillRound makes one part of what every tenant lacks, and tells whether there is more.
func BackfillRound(ctx context.Context, a *App) bool { return a.backfiller.round(ctx) }

// RunLog extends the logs until ctx ends.
func RunLog(ctx context.Context, a *App) error { return a.keeper.run(ctx) }

// Limits that tests need to reach.
const (
	PoisonAfter  = poisonAfter
	StatusRanges = statusRanges
	MarkLife     = markLife
	AskEvery     = askEvery
	BreakerTrips = breakerTrips
	AlertBurst   = alertBurst
	AlertWindow  = alertWindow
	DepthAll     = depthAll
)

// AlertTitle is what an alert of a quarantined event is called, "" if there is none.
func AlertTitle(r journal.Reason) string { return titles[r] }

// ExamineAll holds everything that is stored against the rules, as the examiner does after a while.
func ExamineAll(ctx context.Context, a *App) error {
	for range 3 {
		if err := errors.Join(a.examiner.search(ctx), a.examiner.round(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// SegmentsOf makes segments of few events.
func SegmentsOf(a *Archiving, events int) { a.most = events }

// LookAtArchive brings the metrics of the archive up to date.
func LookAtArchive(ctx context.Context, a *App) { a.archive.look(ctx) }
