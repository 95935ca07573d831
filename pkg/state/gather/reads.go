package gather

import (
	"context"
	"errors"

	"github.com/tillroll/tillroll/pkg/state"
)

// read is one read; whoever carries it puts in what was found.
type read struct {
	keys  []string
	found []state.Item
}

// errTogether says that a read failed that several shared: one key that cannot be read must not stand in
// the way of others.
var errTogether = errors.New("gather: a shared read failed")

// Get implements state.Store. Values may be shared by several callers; they are not to be changed.
func (s *Store) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	j, err := s.reads.do(ctx, read{keys: keys})
	switch {
	case errors.Is(err, errTogether):
		return s.store.Get(ctx, keys...)
	case err != nil:
		return nil, err
	}
	return j.want.found, nil
}

func takeReads(waiting []*job[read]) (batch, rest []*job[read]) {
	keys := 0
	for i, j := range waiting {
		if keys += len(j.want.keys); i > 0 && keys > mostKeys {
			return waiting[:i:i], waiting[i:]
		}
	}
	return waiting, nil
}

func (s *Store) carryReads(ctx context.Context, batch []*job[read]) {
	if len(batch) == 1 {
		j := batch[0]
		var err error
		j.want.found, err = s.store.Get(ctx, j.want.keys...)
		j.done <- err
		return
	}
	var keys []string
	place := map[string]int{}
	for _, j := range batch {
		for _, k := range j.want.keys {
			if _, known := place[k]; !known {
				place[k], keys = len(keys), append(keys, k)
			}
		}
	}
	items, err := s.store.Get(ctx, keys...)
	for _, j := range batch {
		if err != nil {
			j.done <- errTogether
			continue
		}
		j.want.found = make([]state.Item, len(j.want.keys))
		for i, k := range j.want.keys {
			j.want.found[i] = items[place[k]]
		}
		j.done <- nil
	}
}
