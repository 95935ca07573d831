package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Checkpoint brings a tenant's log up to date and gives its newest checkpoint.
func (p *Proof) Checkpoint(ctx context.Context, tenant string) (proof.Checkpoint, error) {
	c, err := p.keeper.bring(ctx, tenant)
	switch {
	case errors.Is(err, errRewritten):
		return c, LogRewritten.New("").Because(err)
	case errors.Is(err, errBehind):
		return c, problem.Unavailable.New("the log of this journal is being made: there is a checkpoint when it has every event").After(10 * time.Second)
	case err != nil:
		return c, asProblem(err, TenantUnknown)
	case c.Note == "":
		return c, problem.Unavailable.New("this journal has no key to sign checkpoints with")
	}
	return c, nil
}

// Checkpoints lists those that were signed.
func (p *Proof) Checkpoints(ctx context.Context, tenant string, q CheckpointQuery) ([]proof.Checkpoint, error) {
	list, err := p.store.Checkpoints(ctx, tenant, q)
	return list, asProblem(err, TenantUnknown)
}

// PublicKey is what checkpoints are checked with; "" when nothing is signed.
func (p *Proof) PublicKey() string { return p.publicKey }

// Inclusion is an event with the proof that it is in the log.
type Inclusion struct {
	Line       proof.Line
	Checkpoint proof.Checkpoint
}

// Event proves that an event is in the log, and gives everything that is needed to check it.
func (p *Proof) Event(ctx context.Context, tenant, eventID string) (*Inclusion, error) {
	c, err := p.Checkpoint(ctx, tenant)
	if err != nil {
		return nil, err
	}
	leaf, err := p.store.LeafOf(ctx, tenant, eventID)
	if err != nil {
		return nil, asProblem(err, EntryNotFound)
	}
	if leaf.Index >= c.Size {
		return nil, problem.Unavailable.New("the event was stored this moment: its checkpoint is being signed").After(time.Second)
	}
	out := &Inclusion{Checkpoint: c}
	prover := proof.NewProver(c.Size, tree{ctx, p.store, tenant})
	err = p.store.Logged(ctx, tenant, leaf.Index, leaf.Index+1, func(index uint64, s *journal.Stored) error {
		out.Line, err = lineOf(index, s)
		return err
	})
	if err == nil && out.Line.Content == nil {
		err = fmt.Errorf("%w: event %s is in the log and not in the journal", ErrDamaged, eventID)
	}
	if err == nil {
		out.Line.Inclusion, err = prover.Inclusion(leaf.Index, c.Size)
	}
	return out, asProblem(err, EntryNotFound)
}

func lineOf(index uint64, s *journal.Stored) (proof.Line, error) {
	l := proof.Line{Index: index, Link: s.Link, Hash: s.Hash, Content: s.Content}
	if s.Archived { // and not found there
		return l, EntryNotFound.New("event %s was in the archive, and purged when its retention had ended; its hashes are still in the chain and in the log", s.EventID)
	}
	if s.Entry == nil {
		return l, nil
	}
	var err error
	l.Entry, err = s.Entry.Form()
	return l, err
}

// Consistency is the proof that one tree is the beginning of another.
type Consistency struct {
	From *proof.Checkpoint // nil: none was signed of that size
	To   proof.Checkpoint
	Path []proof.Hash
}

// Consistency proves that the log as it was with from events is the beginning of what it is with to
// events, of which there must be a checkpoint; 0 is the newest.
func (p *Proof) Consistency(ctx context.Context, tenant string, from, to uint64) (*Consistency, error) {
	newest, err := p.Checkpoint(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := &Consistency{To: newest}
	if to > 0 {
		if out.To, err = p.checkpointOf(ctx, tenant, to); err != nil {
			return nil, err
		}
	}
	if from > out.To.Size {
		return nil, CheckpointNotFound.New("the log had %d events, and not %d", out.To.Size, from)
	}
	signed, err := p.store.Checkpoints(ctx, tenant, CheckpointQuery{From: from, To: from, Limit: 1})
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	if len(signed) > 0 && signed[0].Size == from { // to 0 means without end
		out.From = &signed[0]
	}
	out.Path, err = proof.NewProver(newest.Size, tree{ctx, p.store, tenant}).Consistency(from, out.To.Size)
	return out, asProblem(err, TenantUnknown)
}

func (p *Proof) checkpointOf(ctx context.Context, tenant string, size uint64) (proof.Checkpoint, error) {
	list, err := p.store.Checkpoints(ctx, tenant, CheckpointQuery{From: size, To: size, Limit: 1})
	if err != nil {
		return proof.Checkpoint{}, asProblem(err, TenantUnknown)
	}
	if len(list) == 0 || list[0].Size != size {
		return proof.Checkpoint{}, CheckpointNotFound.New("there is no checkpoint of %d events", size)
	}
	return list[0], nil
}

// exportCheckpoints is about how many events of an export stand between two of its checkpoints.
const exportCheckpoints = 256

// Export gives lines of an export: at most limit events from the one at index from, fewer when they are
// large, each with its proof for the checkpoint of size events, and checkpoints between them. It is a page: whoever wants all of
// it goes on behind the last line.
func (p *Proof) Export(ctx context.Context, tenant string, size, from uint64, limit int) ([]byte, error) {
	if _, err := p.checkpointOf(ctx, tenant, size); err != nil {
		return nil, err
	}
	stored, err := p.store.LogSize(ctx, tenant)
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	end := min(size, from+uint64(limit)) //nolint:gosec // not negative
	between, err := p.between(ctx, tenant, from, end)
	if err != nil {
		return nil, err
	}
	prover := proof.NewProver(stored, tree{ctx, p.store, tenant})
	var page []byte
	next := from
	err = p.store.Logged(ctx, tenant, from, end, func(index uint64, s *journal.Stored) error {
		line, err := lineOf(index, s)
		if err != nil {
			return err
		}
		// What is gone is left out of the export: who checks it sees that.
		if line.Inclusion, err = prover.Inclusion(index, size); err != nil {
			return err
		}
		if len(page) > pageBytes {
			end = next
			return errPageFull
		}
		page = append(proof.AppendLine(page, &line), '\n')
		next = index + 1
		if c, ok := between[next]; ok {
			text, err := json.Marshal(proof.CheckpointLine{Checkpoint: c.Note})
			page = append(append(page, text...), '\n')
			return err
		}
		return nil
	})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	if err == nil && next < end {
		err = fmt.Errorf("%w: event %d of the log is not in the journal", ErrDamaged, next)
	}
	return page, asProblem(err, TenantUnknown)
}

// between are the checkpoints that stand between the lines of a page, by size, the first of each
// stretch.
func (p *Proof) between(ctx context.Context, tenant string, from, end uint64) (map[uint64]proof.Checkpoint, error) {
	out := map[uint64]proof.Checkpoint{}
	for at := from + 1; at <= end; {
		list, err := p.store.Checkpoints(ctx, tenant, CheckpointQuery{From: at, To: end, Limit: 1})
		if err != nil {
			return nil, asProblem(err, TenantUnknown)
		}
		if len(list) == 0 {
			break
		}
		out[list[0].Size] = list[0]
		at = list[0].Size + exportCheckpoints
	}
	return out, nil
}
