package app

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Purging gives up segments whose retention has ended, which only those can that were registered while
// keepDays was set. It is put on record before the file goes, and that the file is gone after it: a run
// that dies between is followed by one that deletes it. What proves the rest, ids, chains, log and
// checkpoints, stays for ever.

// whyPurged stands on record for what the policy gives up.
const whyPurged = "its retention has ended"

// purge gives up every segment whose time is over, and deletes the files of all that were given up.
func (r *archiveRun) purge(ctx context.Context) error {
	now := r.clock.Now().UTC()
	ended, err := r.store.Segments(ctx, r.tenant, SegmentQuery{Ended: now.Format(journal.DateForm)})
	if err != nil {
		return err
	}
	for _, s := range ended {
		err := r.store.Purge(ctx, r.tenant, s.Name(), Purge{By: r.report.By, Why: whyPurged, At: now, SHA256: s.SHA256})
		switch {
		case errors.Is(err, ErrMoved), errors.Is(err, ErrRefused): // since it was listed it was held, or given up
		case err != nil:
			return err
		default:
			r.report.Purged++
			r.metrics.purged.Inc()
			r.log.Warn("a segment of the archive is given up: its retention has ended", zap.String("tenant_id", r.tenant), zap.String("segment", s.Name()),
				zap.String("kept_until", s.KeepUntil), zap.Stringer("sha256", s.SHA256), zap.String("by", r.report.By))
		}
	}
	erasing, err := r.store.Segments(ctx, r.tenant, SegmentQuery{Erasing: true})
	if err != nil {
		return err
	}
	for _, s := range erasing {
		// Whoever held it in the very moment in which it was given up has it kept.
		if s.KeepUntil == "" || s.KeepUntil >= now.Format(journal.DateForm) {
			r.log.Error("a segment was held while it was given up: its file stays", zap.String("tenant_id", r.tenant), zap.String("segment", s.Name()))
			continue
		}
		if err := r.blobs.Delete(ctx, s.Name()); err != nil {
			return err
		}
		if err := r.store.Erased(ctx, r.tenant, s.Name(), r.clock.Now().UTC()); err != nil {
			return err
		}
	}
	return nil
}

// Ended lists the segments that a run would give up now.
func (s *Retentions) Ended(ctx context.Context, tenant string) ([]*Segment, error) {
	ended, err := s.store.Segments(ctx, tenant, SegmentQuery{Ended: s.clock.Now().UTC().Format(journal.DateForm)})
	return ended, asProblem(err, TenantUnknown)
}
