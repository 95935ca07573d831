package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/proof"
)

// LogReport is what checking a tenant's Merkle log found.
type LogReport struct {
	Size        uint64
	Root        proof.Hash
	Waiting     uint64       // events that are stored and not in the log yet: no checkpoint speaks of them
	Checkpoints int          // that were compared
	Newest      time.Time    // of them
	Bad         *proof.Fault // nil: the log holds
}

// checkpointsAtOnce is how many checkpoints are read at a time.
const checkpointsAtOnce = 500

// verifyLog computes a tenant's tree anew from its first size leaves, and holds it against the links
// that the leaves stand for, against the stored tiles, and against every checkpoint that was signed.
func (p *Proof) verifyLog(ctx context.Context, tenant string, size uint64) (LogReport, error) {
	v := &logVerifier{ctx: ctx, p: p, tenant: tenant, chains: map[string]uint64{}}
	if p.publicKey != "" {
		keys, err := proof.ParseKeys(p.publicKey)
		if err != nil {
			return v.report, err
		}
		v.keys = &keys
	}
	if err := v.compare(); err != nil {
		return v.report, err
	}
	err := p.store.EachLeaf(ctx, tenant, 0, size, v.add)
	switch {
	case errors.Is(err, errFound):
		return v.report, nil
	case err != nil:
		return v.report, err
	}
	if v.edge.Size() < size {
		v.bad(v.edge.Size(), size-1, nil, "the end of the log is missing: %d of %d leaves are there", v.edge.Size(), size)
	}
	return v.report, v.end()
}

// errFound ends a check that has found something.
var errFound = errors.New("found")

// logVerifier follows a log leaf by leaf.
type logVerifier struct {
	ctx    context.Context
	p      *Proof
	tenant string
	keys   *proof.Keys
	edge   proof.Edge
	chains map[string]uint64
	ahead  []proof.Checkpoint // read, and not yet compared
	asked  bool               // there are no more than ahead
	proven uint64             // a checkpoint says that so many leaves are right
	report LogReport
	err    error
}

func (v *logVerifier) bad(first, last uint64, l *proof.Leaf, format string, args ...any) {
	v.report.Bad = &proof.Fault{Index: first, Last: last, Problem: fmt.Sprintf(format, args...)}
	if l != nil {
		v.report.Bad.EventID, v.report.Bad.Stream, v.report.Bad.Seq = l.EventID, l.Stream, l.Seq
	}
}

func (v *logVerifier) add(l proof.Leaf, link proof.Hash) error {
	next := v.edge.Size()
	switch {
	case l.Index != next:
		v.bad(next, next, nil, "the leaf is missing")
	case l.Seq != v.chains[l.Stream]+1:
		v.bad(next, next, &l, "it is link %d of its chain, where link %d is expected", l.Seq, v.chains[l.Stream]+1)
	case link == proof.Hash{}:
		v.bad(next, next, &l, "the event that stood there is gone")
	case link != l.Link:
		v.bad(next, next, &l, "the chain has another link than the log: the chain was built anew")
	}
	if v.report.Bad != nil {
		return errFound
	}
	v.chains[l.Stream] = l.Seq
	v.edge.Append(l.Hash(), v.tile)
	if v.err != nil {
		return v.err
	}
	return v.compare()
}

// tile holds a stored tile against the one that the leaves make.
func (v *logVerifier) tile(t proof.Tile) {
	if v.err != nil || v.report.Bad != nil {
		return
	}
	begin := t.Index * proof.TileWidth
	stored, err := v.p.store.Row(v.ctx, v.tenant, t.Level, begin, begin+proof.TileWidth)
	switch {
	case err != nil:
		v.err = err
	case !slices.Equal(stored, t.Hashes):
		width := uint64(1) << (proof.TileHeight * (t.Level + 1))
		v.bad(t.Index*width, (t.Index+1)*width-1, nil, "the stored tree has other hashes than its leaves make")
		v.err = errFound
	}
}

// compare holds the tree against the checkpoint of its present size, if there is one.
func (v *logVerifier) compare() error {
	size := v.edge.Size()
	if err := v.readAhead(); err != nil {
		return err
	}
	if len(v.ahead) == 0 || v.ahead[0].Size != size {
		return nil
	}
	c := v.ahead[0]
	v.ahead = v.ahead[1:]
	if problem := v.wrong(&c); problem != "" {
		v.bad(v.proven, max(size, 1)-1, nil, "%s", problem)
		return errFound
	}
	v.proven, v.report.Newest = size, c.Time
	v.report.Checkpoints++
	return nil
}

// wrong says what is wrong with a stored checkpoint of the present size.
func (v *logVerifier) wrong(c *proof.Checkpoint) string {
	if v.keys != nil {
		signed, err := v.keys.Open(c.Note)
		if err != nil {
			return fmt.Sprintf("the checkpoint of %d events: %v", c.Size, err)
		}
		if signed.Tenant != v.tenant || signed.Size != c.Size || signed.Root != c.Root {
			return fmt.Sprintf("the checkpoint of %d events is filed under what it does not say", c.Size)
		}
	}
	if c.Root != v.edge.Root() {
		return fmt.Sprintf("the checkpoint of %d events says otherwise: they were written anew", c.Size)
	}
	return ""
}

// readAhead has the next checkpoint at hand.
func (v *logVerifier) readAhead() error {
	if len(v.ahead) > 0 || v.asked {
		return nil
	}
	list, err := v.p.store.Checkpoints(v.ctx, v.tenant, CheckpointQuery{From: v.edge.Size(), Limit: checkpointsAtOnce})
	v.ahead, v.asked = list, len(list) < checkpointsAtOnce
	return err
}

// end holds what is left at the end: the stored edge, and checkpoints of more than there is.
func (v *logVerifier) end() error {
	v.report.Size, v.report.Root = v.edge.Size(), v.edge.Root()
	if v.report.Bad != nil {
		return nil
	}
	if err := v.compare(); err != nil && !errors.Is(err, errFound) {
		return err
	}
	stored, err := proof.LoadEdge(v.edge.Size(), tree{v.ctx, v.p.store, v.tenant})
	if err != nil {
		return err
	}
	if v.report.Bad == nil && stored.Root() != v.report.Root {
		v.bad(v.proven, max(v.edge.Size(), 1)-1, nil, "the stored tree has other hashes than its leaves make")
	}
	return v.beyond()
}

// beyond finds checkpoints of more events than the log has: its end was cut off. What was added since
// the check began does not count.
func (v *logVerifier) beyond() error {
	if v.report.Bad != nil {
		return nil
	}
	newest, err := v.p.store.Checkpoints(v.ctx, v.tenant, CheckpointQuery{Limit: 1, LargestFirst: true})
	if err != nil || len(newest) == 0 {
		return err
	}
	now, err := v.p.store.LogSize(v.ctx, v.tenant)
	if err == nil && newest[0].Size > now {
		v.bad(now, newest[0].Size-1, nil, "the end of the log is missing: it has %d leaves and had %d", now, newest[0].Size)
	}
	return err
}
