package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Retentions shows and changes how long a tenant's journal is kept where, and what the archive has.
type Retentions struct {
	store     Store
	archiving *Archiving // nil: another program archives
	clock     clockwork.Clock
	log       *zap.Logger
}

// RetentionState is the policy that counts, and what it does not change.
type RetentionState struct {
	journal.Retention
	Segments int         // in the archive
	Ever     int         // of them, those that are kept for ever
	LastRun  *ArchiveRun // nil: there was none
}

// Show gives the policy. It fails with TenantUnknown.
func (s *Retentions) Show(ctx context.Context, tenant string) (*RetentionState, error) {
	policy, err := policyOf(ctx, s.store, tenant)
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	state := &RetentionState{Retention: policy}
	runs, err := s.store.ArchiveRuns(ctx, tenant, 1)
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	if len(runs) > 0 {
		state.LastRun = runs[0]
	}
	have, err := s.store.Segments(ctx, tenant, SegmentQuery{})
	for _, seg := range have {
		if seg.Purge == nil {
			state.Segments++
		}
		if seg.Purge == nil && seg.KeepUntil == "" {
			state.Ever++
		}
	}
	return state, asProblem(err, TenantUnknown)
}

// Set makes a policy the one that counts. What is in the archive keeps the time with which it was
// registered. It fails with RetentionInvalid and the fields, and with TenantUnknown.
func (s *Retentions) Set(ctx context.Context, tenant string, r journal.Retention) (*RetentionState, error) {
	if r.At == "" {
		r.At = journal.DefaultArchiveTime
	}
	if wrong := r.Check(); len(wrong) > 0 {
		var fields []problem.Field
		for name, err := range wrong {
			fields = append(fields, broken(name, "range", "%v", err))
		}
		slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
		return nil, RetentionInvalid.New("%s: %s", fields[0].Name, fields[0].Message).WithFields(fields...)
	}
	r.SetAt = s.clock.Now().UTC()
	if err := s.store.SetRetention(ctx, tenant, r); err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	s.log.Info("retention set", zap.String("tenant_id", tenant), zap.Int("live_days", r.LiveDays), zap.Int("keep_days", r.KeepDays), zap.String("at", r.At), zap.String("by", r.SetBy))
	return s.Show(ctx, tenant)
}

// Segments lists what the archive has. It fails with SegmentNotFound when there is no segment q.After.
func (s *Retentions) Segments(ctx context.Context, tenant string, q SegmentQuery) ([]*Segment, error) {
	list, err := s.store.Segments(ctx, tenant, q)
	return list, asProblem(err, SegmentNotFound)
}

// Segment gives one by its name, or SegmentNotFound.
func (s *Retentions) Segment(ctx context.Context, tenant, name string) (*Segment, error) {
	list, err := s.store.Segments(ctx, tenant, SegmentQuery{Name: name})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, asProblem(err, SegmentNotFound)
	}
	return list[0], nil
}

// Hold keeps a segment until a day, or for ever when until is "". It fails with SegmentNotFound, and with
// HoldRefused when it says nothing new or comes too late.
func (s *Retentions) Hold(ctx context.Context, tenant, name, until, by, why string) (*Segment, error) {
	err := s.store.Hold(ctx, tenant, name, Hold{Until: until, By: by, Why: why, At: s.clock.Now().UTC()})
	if errors.Is(err, ErrRefused) {
		return nil, HoldRefused.New("").Because(err)
	}
	if err != nil {
		return nil, asProblem(err, SegmentNotFound)
	}
	s.log.Info("segment held", zap.String("tenant_id", tenant), zap.String("segment", name), zap.String("until", until), zap.String("by", by), zap.String("why", why))
	return s.Segment(ctx, tenant, name)
}

// Run archives a tenant now, whatever the time of day. It fails with ArchiverElsewhere where another
// program does so, and with ArchiverBusy.
func (s *Retentions) Run(ctx context.Context, tenant, by string) (*ArchiveRun, error) {
	if s.archiving == nil {
		return nil, ArchiverElsewhere.New("")
	}
	run, err := s.archiving.Run(ctx, tenant, by)
	switch {
	case errors.Is(err, ErrArchiving):
		return nil, ArchiverBusy.New("").After(archiveLook)
	case err != nil && !Classified(err):
		return nil, ArchiveAway.New("").Because(err)
	}
	return run, asProblem(err, TenantUnknown)
}

// Runs lists what the archiver did, the newest first.
func (s *Retentions) Runs(ctx context.Context, tenant string, limit int) ([]*ArchiveRun, error) {
	list, err := s.store.ArchiveRuns(ctx, tenant, limit)
	return list, asProblem(err, TenantUnknown)
}
