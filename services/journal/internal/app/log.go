package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Log keeps a tenant's Merkle log: every link of every chain in one order without gaps, from 0, and the
// tiles of the tree over it. Nothing of it is part of a commit: what is committed and not in the log
// yet is added afterwards, in whatever order the store likes as long as each chain keeps its own.
// Leaves, tiles and checkpoints are never changed or removed.
type Log interface {
	// Lease gives holder the right to extend a tenant's log for a time, unless somebody else has it. It
	// only spares work: that several who extend at once do no harm is Extend's business.
	Lease(ctx context.Context, tenant, holder string, life time.Duration) (bool, error)
	// LogSize tells how many leaves the log has.
	LogSize(ctx context.Context, tenant string) (uint64, error)
	// Unlogged gives at most limit leaves that the log lacks, without their indexes.
	Unlogged(ctx context.Context, tenant string, limit int) ([]proof.Leaf, error)
	// Extend adds leaves, the first at index size, and the tiles that they fill: all or nothing. It
	// fails with ErrMoved when the log has another size.
	Extend(ctx context.Context, tenant string, size uint64, leaves []proof.Leaf, tiles []proof.Tile) error
	// Row gives hashes of one level of the tree as proof.Nodes says, all within one tile.
	Row(ctx context.Context, tenant string, level int, begin, end uint64) ([]proof.Hash, error)
	// LeafOf gives the leaf of an event, or ErrNotFound when the event is not in the log, yet or at all.
	LeafOf(ctx context.Context, tenant, eventID string) (proof.Leaf, error)
	// EachLeaf calls visit with the leaves from begin to end, and with the hash that the link at the
	// leaf's place has now; it is zero when there is no such link. The event ids are left out. It ends with the first error of
	// visit, and fails with it.
	EachLeaf(ctx context.Context, tenant string, begin, end uint64, visit func(leaf proof.Leaf, link proof.Hash) error) error
	// Logged calls visit with everything that is stored of the leaves from begin to end; those whose
	// link is gone are left out. It ends with the first error of visit, and fails with it.
	Logged(ctx context.Context, tenant string, begin, end uint64, visit func(index uint64, s *journal.Stored) error) error
	// PutCheckpoint keeps a checkpoint. When there is one of that size it stays.
	PutCheckpoint(ctx context.Context, c proof.Checkpoint) error
	// Checkpoints lists at most limit checkpoints whose sizes are from from to to, the smallest first,
	// or the largest first.
	Checkpoints(ctx context.Context, tenant string, q CheckpointQuery) ([]proof.Checkpoint, error)
}

// CheckpointQuery says which checkpoints are wanted.
type CheckpointQuery struct {
	From, To     uint64 // sizes, both included; To 0: without end
	LargestFirst bool
	Limit        int
}
