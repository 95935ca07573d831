package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// rebuildAtOnce is how many events one transaction of a rebuilding takes.
const rebuildAtOnce = 500

// NotWhatWasSigned says what is wrong with an export.
type NotWhatWasSigned struct{ proof.Fault }

func (e *NotWhatWasSigned) Error() string { return e.String() }

// Rebuilt is what came of a rebuilding.
type Rebuilt struct {
	Checkpoint proof.Checkpoint
	Events     uint64
	Entries    uint64
}

// Rebuild makes a tenant's journal anew from an export: every event through the same commit as when it
// came, every link, every leaf of the log and every checkpoint as they were. check was begun with the
// export's first line; next gives the others, and io.EOF behind the last.
//
// The tenant must be new in the store. What is not in an export is not there afterwards: who read what,
// what lies in quarantine, and what can be derived, which the service does when it starts.
//
// It fails with a *NotWhatWasSigned when the export is not what the journal signed. What it stored up to
// there is worth nothing then: whoever calls it throws the store away.
func Rebuild(ctx context.Context, store Store, check *proof.Check, next func() ([]byte, error), progress func(events uint64)) (*Rebuilt, error) {
	r := &rebuilding{ctx: ctx, store: store, tenant: check.Header().TenantID, edge: &proof.Edge{}, heads: map[string]journal.Head{}}
	if created, err := store.Provision(ctx, r.tenant); err != nil || !created {
		return nil, errors.Join(err, notNew(created, r.tenant))
	}
	for {
		raw, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !check.Add(raw) {
			break
		}
		if err := r.add(raw); err != nil {
			return nil, err
		}
		events, _ := check.Counts()
		progress(events)
	}
	if fault := check.Report(); fault != nil {
		return nil, &NotWhatWasSigned{*fault}
	}
	signed := check.Checkpoint()
	r.signed = append(r.signed, signed)
	if err := r.flush(); err != nil {
		return nil, err
	}
	out := &Rebuilt{Checkpoint: signed}
	out.Events, out.Entries = check.Counts()
	return out, r.compare(signed)
}

func notNew(created bool, tenant string) error {
	if created {
		return nil
	}
	return fmt.Errorf("the journal has the tenant %s already", tenant)
}

// rebuilding is one under way.
type rebuilding struct {
	ctx     context.Context
	store   Store
	tenant  string
	edge    *proof.Edge
	records []*journal.Record
	leaves  []proof.Leaf
	signed  []proof.Checkpoint      // to be kept, none larger than what was added
	heads   map[string]journal.Head // as the export has them
}

// add takes a line that was checked.
func (r *rebuilding) add(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`{"checkpoint"`)) {
		var line proof.CheckpointLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return err
		}
		c, err := proof.ReadUnverified(line.Checkpoint) // the check has verified it
		r.signed = append(r.signed, c)
		return err
	}
	// The line is read into memory that is overwritten by the next.
	l, err := proof.ParseLine(bytes.Clone(raw))
	if err != nil {
		return err
	}
	record, err := journal.Exported(&l)
	if err != nil {
		return fmt.Errorf("event %d (%s) cannot be stored by this program: %w", l.Index, l.EventID, err)
	}
	r.records = append(r.records, record)
	r.leaves = append(r.leaves, proof.Leaf{Index: l.Index, Stream: l.Stream, Seq: l.Seq, EventID: l.EventID, Link: l.Hash})
	r.heads[l.Stream] = journal.Head{Stream: record.Stream(), Seq: l.Seq, Hash: l.Hash}
	if len(r.records) == rebuildAtOnce {
		return r.flush()
	}
	return nil
}

// flush stores what was gathered: the events, their leaves, and the checkpoints over them.
func (r *rebuilding) flush() error {
	if len(r.records) > 0 {
		outcomes, err := r.store.Commit(r.ctx, r.tenant, r.records)
		if err != nil {
			return err
		}
		for i, o := range outcomes {
			if o != Stored {
				return fmt.Errorf("event %d (%s) stands in the export twice", r.leaves[i].Index, r.leaves[i].EventID)
			}
		}
		size := r.edge.Size()
		var tiles []proof.Tile
		for i := range r.leaves {
			r.edge.Append(r.leaves[i].Hash(), func(t proof.Tile) { tiles = append(tiles, t) })
		}
		if err := r.store.Extend(r.ctx, r.tenant, size, r.leaves, tiles); err != nil {
			return err
		}
	}
	for _, c := range r.signed {
		if err := r.store.PutCheckpoint(r.ctx, c); err != nil {
			return err
		}
	}
	r.records, r.leaves, r.signed = nil, nil, nil
	return nil
}

// compare holds what the store has now against what the export says.
func (r *rebuilding) compare(signed proof.Checkpoint) error {
	size, err := r.store.LogSize(r.ctx, r.tenant)
	if err != nil {
		return err
	}
	edge, err := proof.LoadEdge(size, tree{r.ctx, r.store, r.tenant})
	if err != nil {
		return err
	}
	if size != signed.Size || edge.Root() != signed.Root {
		return fmt.Errorf("the log of the rebuilt journal is another one: %d events, root %s", size, edge.Root())
	}
	streams, err := r.store.Streams(r.ctx, r.tenant)
	if err != nil {
		return err
	}
	if len(streams) != len(r.heads) {
		return fmt.Errorf("the rebuilt journal has %d chains, and the export %d", len(streams), len(r.heads))
	}
	for _, s := range streams {
		if s.Head != r.heads[s.Stream.ID()] {
			return fmt.Errorf("the chain of %s ends in another link than that of the export", s.Stream.ID())
		}
	}
	return nil
}
