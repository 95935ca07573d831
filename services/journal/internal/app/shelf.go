package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// shelf opens segments of one tenant for one request, and remembers the few that it opened last: what is
// wanted of the archive is mostly of one day. It is for one goroutine.
type shelf struct {
	store  Archive
	blobs  archive.Blobs
	tenant string
	open   []*volume // the one used last is the last
}

// volume is an open segment.
type volume struct {
	*archive.Segment
	row    *Segment
	blob   archive.Blob
	signed proof.Checkpoint // what its lines prove to belong to; its signature was checked when the segment was registered
}

// shelfRoom is how many segments are open at the same time: as many as a tenant may have stores whose
// events lie side by side in the log.
const shelfRoom = 8

func newShelf(store Archive, blobs archive.Blobs, tenant string) *shelf {
	return &shelf{store: store, blobs: blobs, tenant: tenant}
}

// close everything that is open.
func (s *shelf) close() {
	for _, v := range s.open {
		_ = v.blob.Close() // it was only read
	}
	s.open = nil
}

// volume opens a registered segment. What was purged fails with ErrNotFound; what is not there although
// it should be, with ErrDamaged.
func (s *shelf) volume(ctx context.Context, row *Segment) (*volume, error) {
	for i, v := range s.open {
		if v.row.Name() == row.Name() {
			s.open = append(append(s.open[:i:i], s.open[i+1:]...), v)
			return v, nil
		}
	}
	if row.Purge != nil {
		return nil, fmt.Errorf("%w: segment %s was purged on %s", ErrNotFound, row.Name(), row.Purge.At.Format("2006-01-02"))
	}
	blob, err := s.blobs.Open(ctx, row.Name())
	if err != nil {
		return nil, s.classify(ctx, row, err)
	}
	v := &volume{row: row, blob: blob}
	if v.Segment, err = archive.Open(ctx, blob); err == nil {
		v.signed, err = proof.ReadUnverified(v.Manifest().Checkpoint)
	}
	if err == nil && (v.Manifest().Name() != row.Name() || v.Manifest().Bytes != row.Bytes || v.Len() != row.Events) {
		err = fmt.Errorf("%w: it is another one", archive.ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(s.classify(ctx, row, err), blob.Close())
	}
	if len(s.open) == shelfRoom {
		_ = s.open[0].blob.Close()
		s.open = s.open[1:]
	}
	s.open = append(s.open, v)
	return v, nil
}

// classify makes of what a segment failed with one of the errors of stores.
func (s *shelf) classify(ctx context.Context, row *Segment, err error) error {
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case errors.Is(err, archive.ErrNotExist):
		return fmt.Errorf("%w: segment %s is registered and not there", ErrDamaged, row.Name())
	case errors.Is(err, archive.ErrDamaged), errors.Is(err, archive.ErrNoEvent):
		return fmt.Errorf("%w: segment %s: %w", ErrDamaged, row.Name(), err)
	}
	return fmt.Errorf("%w: segment %s: %w", ErrUnavailable, row.Name(), err)
}

// link reads what the archive has of a link of a chain, or fails with ErrNotFound.
func (s *shelf) link(ctx context.Context, stream string, seq uint64) (*journal.Stored, error) {
	row, err := s.rowOf(ctx, stream, seq)
	if err != nil {
		return nil, err
	}
	v, err := s.volume(ctx, row)
	if err != nil {
		return nil, err
	}
	at, m, err := v.Locate(ctx, stream, seq)
	if err != nil {
		return nil, s.classify(ctx, row, err)
	}
	return s.read(ctx, v, at, m)
}

// rowOf finds the segment that has a link: one of those that are open, or the catalogue's.
func (s *shelf) rowOf(ctx context.Context, stream string, seq uint64) (*Segment, error) {
	for i := len(s.open) - 1; i >= 0; i-- {
		for _, p := range s.open[i].row.Parts {
			if p.Stream == stream && p.First <= seq && seq <= p.Last {
				return s.open[i].row, nil
			}
		}
	}
	return s.store.SegmentAt(ctx, s.tenant, stream, seq)
}

// read gives the event at a place of a segment, after its hashes and its proof were checked: what comes out
// of the archive is as good as what comes out of the live journal.
func (s *shelf) read(ctx context.Context, v *volume, at int, m *archive.Member) (*journal.Stored, error) {
	l, err := v.Line(ctx, at)
	if err != nil {
		return nil, s.classify(ctx, v.row, err)
	}
	if problem := l.Check(&v.signed); problem != "" || l.Stream != m.Stream || l.Seq != m.ChainSeq {
		return nil, fmt.Errorf("%w: segment %s, link %d of %s: %s", ErrDamaged, v.row.Name(), m.ChainSeq, m.Stream, problem)
	}
	out := &journal.Stored{Link: l.Link, Hash: l.Hash, Topic: m.Topic, Content: l.Content}
	var head event.Envelope
	if err := json.Unmarshal(l.Content, &head); err != nil {
		return nil, Damaged(err)
	}
	out.Producer, out.Sequence = head.Producer, head.Sequence
	if l.Entry == nil {
		return out, nil
	}
	out.Entry = new(journal.Entry)
	if err := json.Unmarshal(l.Entry, out.Entry); err != nil {
		return nil, Damaged(err)
	}
	out.Generated, out.Number = out.Entry.GeneratedAt(head.OccurredAt), out.Entry.TransactionNumber()
	return out, nil
}

// each calls visit with what is known of every event of segments, until it returns false. Segments that
// were purged are left out.
func (s *shelf) each(ctx context.Context, rows []*Segment, visit func(v *volume, at int, m *archive.Member) (bool, error)) error {
	for _, row := range rows {
		if row.Purge != nil {
			continue
		}
		v, err := s.volume(ctx, row)
		if err != nil {
			return err
		}
		var failed error
		more := true
		err = v.Members(ctx, 0, func(at int, m *archive.Member) bool {
			more, failed = visit(v, at, m)
			return more && failed == nil
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return s.classify(ctx, row, err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// listedOf is a stored event that has an entry as searches give it.
func listedOf(s *journal.Stored) journal.Listed {
	return journal.Listed{Entry: *s.Entry, EventID: s.EventID, ChainSeq: s.Seq, Hash: s.Hash}
}
