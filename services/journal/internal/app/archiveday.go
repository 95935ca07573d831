package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// errSegment says that a segment is not what it must be. It is nobody's passing fault.
var errSegment = errors.New("archive: the segment is not what it must be")

// day archives what there is of a store's day, unless something holds it.
func (r *archiveRun) day(ctx context.Context, of journal.StoreDay) error {
	day, err := r.store.Day(ctx, r.tenant, of)
	if errors.Is(err, ErrRefused) {
		r.held(of, "its date is none")
		return nil
	}
	if err != nil || len(day.Links)+day.Unlogged == 0 {
		return err
	}
	signed, why, err := r.mayMove(ctx, day)
	if err != nil {
		return err
	}
	if why != "" {
		r.held(of, why)
		return nil
	}
	for links := range slices.Chunk(day.Links, r.most) {
		err := r.part(ctx, of, links, signed)
		switch {
		case errors.Is(err, ErrDamaged):
			r.log.Error("a day cannot be archived", zap.String("tenant_id", r.tenant), zap.Stringer("day", of), zap.Error(err))
			r.metrics.failures.Inc()
			r.held(of, "it cannot be archived: "+err.Error())
			return nil
		case errors.Is(err, ErrMoved): // somebody else archived it
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// mayMove gives a checkpoint of everything in the day, or why the day must stay.
func (r *archiveRun) mayMove(ctx context.Context, day *journal.Day) (signed proof.Checkpoint, why string, err error) {
	switch {
	case day.Unlogged > 0:
		return signed, fmt.Sprintf("%d of its events are not in the log yet", day.Unlogged), nil
	case day.Unexamined > 0:
		return signed, fmt.Sprintf("%d of its events were not examined yet", day.Unexamined), nil
	}
	for skip := 0; ; skip += discrepanciesAtOnce {
		open, total, err := r.store.Discrepancies(ctx, r.tenant, DiscrepancyQuery{StoreCode: day.StoreCode, State: journal.DiscrepancyOpen, Skip: skip, Limit: discrepanciesAtOnce})
		if err != nil {
			return signed, "", err
		}
		for _, d := range open {
			if why := day.Holds(d); why != "" {
				return signed, why, nil
			}
		}
		if skip+len(open) >= total || len(open) == 0 {
			break
		}
	}
	newest, err := r.store.Checkpoints(ctx, r.tenant, CheckpointQuery{Limit: 1, LargestFirst: true})
	if err != nil {
		return signed, "", err
	}
	if len(newest) == 0 || newest[0].Size <= day.Links[len(day.Links)-1].Index {
		return signed, "no signed checkpoint covers it yet", nil
	}
	signed, ours := r.ours(&newest[0])
	if !ours {
		return signed, fmt.Sprintf("the newest checkpoint, of %d events, is not signed with the journal's key", newest[0].Size), nil //nolint:nilerr // it is why the day is held
	}
	return signed, "", nil
}

// ours is what the journal has signed of a checkpoint, if it has.
func (r *archiveRun) ours(c *proof.Checkpoint) (signed proof.Checkpoint, ok bool) {
	signed, err := r.keys.Open(c.Note)
	return signed, err == nil && signed.Tenant == r.tenant && signed.Size == c.Size
}

const discrepanciesAtOnce = 500

// part writes one segment, reads it back, registers it, and removes the originals.
func (r *archiveRun) part(ctx context.Context, day journal.StoreDay, links []journal.DayLink, signed proof.Checkpoint) error {
	no, err := r.nextPart(ctx, day)
	if err != nil {
		return err
	}
	header := archive.Header{
		TenantID: r.tenant, StoreCode: day.StoreCode, BusinessDate: day.BusinessDate, Part: no, Checkpoint: signed.Note, WrittenAt: r.clock.Now().UTC(),
	}
	manifest, err := r.write(ctx, header, links, signed.Size)
	if err != nil {
		return err
	}
	s := &Segment{Manifest: manifest, Parts: journal.PartsOf(links), RegisteredAt: r.clock.Now().UTC(), KeepUntil: r.policy.KeepUntil(day.BusinessDate)}
	if err := r.readBack(ctx, s); err != nil {
		if errors.Is(err, errSegment) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	}
	if err := r.store.Register(ctx, r.tenant, s); err != nil {
		return err
	}
	r.report.Segments++
	r.report.Events += s.Events
	r.report.Bytes += s.Bytes
	r.metrics.segments.Inc()
	r.metrics.events.Add(float64(s.Events))
	r.metrics.bytes.Add(float64(s.Bytes))
	return r.remove(ctx, s)
}

// nextPart is the number of the day's next segment.
func (r *archiveRun) nextPart(ctx context.Context, day journal.StoreDay) (int, error) {
	date := journal.Span[string]{From: &day.BusinessDate, To: &day.BusinessDate}
	have, err := r.store.Segments(ctx, r.tenant, SegmentQuery{StoreCode: day.StoreCode, Date: date, Newest: true, Limit: 1})
	if err != nil || len(have) == 0 {
		return 1, err
	}
	return have[0].Part + 1, nil
}

// write makes the segment of some events. Whatever has its name is nobody's: no registered segment has it.
func (r *archiveRun) write(ctx context.Context, h archive.Header, links []journal.DayLink, size uint64) (manifest archive.Manifest, err error) {
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		m, err := r.lines(ctx, out, h, links, size)
		manifest = m
		done <- err
		_ = out.CloseWithError(err) // nil is the end of the file
	}()
	err = r.blobs.Put(ctx, withFormat(h).Name(), in)
	_ = in.CloseWithError(errUnwanted)
	if failed := <-done; failed != nil && !errors.Is(failed, errUnwanted) {
		return manifest, failed // the archive has failed because of that, if it has
	}
	return manifest, err
}

// errUnwanted is what a writer is told whose reader has gone.
var errUnwanted = errors.New("archive: nobody reads the segment any more")

// unfit marks what is wrong with an event, whatever the time: its day cannot be archived.
func unfit(err error) error {
	if err == nil || errors.Is(err, errUnwanted) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func withFormat(h archive.Header) archive.Header {
	h.Format, h.Version = archive.Format, archive.Version
	return h
}

// lines writes a segment's bytes.
func (r *archiveRun) lines(ctx context.Context, out io.Writer, h archive.Header, links []journal.DayLink, size uint64) (archive.Manifest, error) {
	w, err := archive.NewWriter(out, h)
	if err != nil {
		return archive.Manifest{}, unfit(err)
	}
	stored, err := r.store.LogSize(ctx, r.tenant)
	if err != nil {
		return archive.Manifest{}, err
	}
	prover := proof.NewProver(stored, tree{ctx, r.store, r.tenant})
	indexes := make([]uint64, len(links))
	for i, l := range links {
		indexes[i] = l.Index
	}
	err = r.store.Bodies(ctx, r.tenant, indexes, func(index uint64, s *journal.Stored) error {
		line, err := lineOf(index, s)
		if err != nil {
			return unfit(err)
		}
		if line.Inclusion, err = prover.Inclusion(index, size); err != nil {
			return err
		}
		return unfit(w.Add(s.Topic, &line))
	})
	if err != nil {
		return archive.Manifest{}, err
	}
	return w.Close()
}

// readBack reads a segment as it lies in the archive and holds it against what is registered, or is to be:
// every line proves itself by the signed checkpoint, the file has the hash, and its events are exactly
// those links.
func (r *archiveRun) readBack(ctx context.Context, s *Segment) error {
	return checkSegment(ctx, r.blobs, r.keys, s)
}

// checkSegment fails with errSegment when a segment is not there, or not what it must be.
func checkSegment(ctx context.Context, blobs archive.Blobs, keys proof.Keys, s *Segment) (err error) {
	blob, err := blobs.Open(ctx, s.Name())
	if errors.Is(err, archive.ErrNotExist) {
		return fmt.Errorf("%w: it is not there", errSegment)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	of, err := archive.Open(ctx, blob)
	if err == nil {
		err = proveSegment(ctx, of, s, keys)
	}
	if errors.Is(err, archive.ErrDamaged) {
		return fmt.Errorf("%w: %w", errSegment, err)
	}
	return err
}

// proveSegment holds a segment against its row of the catalogue: manifest, hash and signed checkpoint, and
// that its events are exactly those that the row says.
func proveSegment(ctx context.Context, of *archive.Segment, row *Segment, keys proof.Keys) error {
	if err := of.Verify(ctx, keys, &row.Manifest); err != nil {
		return err
	}
	var links []journal.DayLink
	if err := of.Members(ctx, 0, func(_ int, m *archive.Member) bool {
		links = append(links, journal.DayLink{Stream: m.Stream, Seq: m.ChainSeq})
		return true
	}); err != nil {
		return err
	}
	if !slices.Equal(journal.PartsOf(links), row.Parts) {
		return &archive.Fault{Problem: "the catalogue says that it has other events than it has"}
	}
	return nil
}
