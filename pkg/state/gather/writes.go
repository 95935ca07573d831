package gather

import (
	"context"
	"errors"
	"slices"

	"github.com/tillroll/tillroll/pkg/state"
)

// write is one transaction.
type write struct{ ops []state.Op }

// Write implements state.Store.
func (s *Store) Write(ctx context.Context, ops ...state.Op) error {
	_, err := s.writes.do(ctx, write{ops})
	return err
}

// takeWrites gives the writes that fit into one transaction. Of writes to the same key the first goes;
// the others must see how it ended.
func takeWrites(waiting []*job[write]) (batch, rest []*job[write]) {
	ops, bytes, keys := 0, 0, map[string]bool{}
	for _, j := range waiting {
		size := j.want.bytes()
		fits := ops+len(j.want.ops) <= mostOps && bytes+size <= mostBytes && !j.want.shares(keys)
		if len(batch) > 0 && !fits {
			rest = append(rest, j)
			continue
		}
		batch, ops, bytes = append(batch, j), ops+len(j.want.ops), bytes+size
		for _, op := range j.want.ops {
			keys[op.Key] = true
		}
	}
	return batch, rest
}

func (w write) bytes() (n int) {
	for _, op := range w.ops {
		n += len(op.Key) + len(op.Value)
	}
	return n
}

func (w write) shares(keys map[string]bool) bool {
	return slices.ContainsFunc(w.ops, func(op state.Op) bool { return keys[op.Key] })
}

// carryWrites writes a batch in one transaction. When that conflicts, nothing of it was written, and
// each part is tried by itself. When nobody knows whether it happened, all are told so.
func (s *Store) carryWrites(ctx context.Context, batch []*job[write]) {
	if len(batch) > 1 {
		var all []state.Op
		for _, j := range batch {
			all = append(all, j.want.ops...)
		}
		if err := s.store.Write(ctx, all...); !errors.Is(err, state.ErrConflict) {
			for _, j := range batch {
				j.done <- err
			}
			return
		}
	}
	for _, j := range batch {
		j.done <- s.store.Write(ctx, j.want.ops...)
	}
}
