// Package memstate is the state port in memory, for tests. Hooks let a test stand at the point where
// a process dies or a reply gets lost.
package memstate

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tillroll/tillroll/pkg/state"
)

// Store implements state.Store. The zero value is not usable; see New.
type Store struct {
	mu      sync.Mutex
	items   map[string]entry
	version uint64
	now     func() time.Time

	// BeforeWrite and AfterWrite run around every transaction when set; an error from BeforeWrite
	// keeps it from happening, one from AfterWrite loses the reply. They are set before use.
	BeforeWrite func(ops []state.Op) error
	AfterWrite  func(ops []state.Op) error
	// BeforeGet fails a read when it returns an error.
	BeforeGet func(keys []string) error
}

type entry struct {
	value   []byte
	version uint64
	expires time.Time
}

// New makes an empty store that tells the time by now.
func New(now func() time.Time) *Store { return &Store{items: map[string]entry{}, now: now} }

// Get implements state.Store.
func (s *Store) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.BeforeGet != nil {
		if err := s.BeforeGet(keys); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]state.Item, len(keys))
	for i, k := range keys {
		out[i].Key = k
		if e, ok := s.live(k); ok {
			out[i].Value, out[i].ETag = slices.Clone(e.value), strconv.FormatUint(e.version, 10)
		}
	}
	return out, nil
}

func (s *Store) live(key string) (entry, bool) {
	e, ok := s.items[key]
	return e, ok && (e.expires.IsZero() || s.now().Before(e.expires))
}

// Write implements state.Store.
func (s *Store) Write(ctx context.Context, ops ...state.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.BeforeWrite != nil {
		if err := s.BeforeWrite(ops); err != nil {
			return err
		}
	}
	if err := s.apply(ops); err != nil {
		return err
	}
	if s.AfterWrite != nil {
		return s.AfterWrite(ops)
	}
	return nil
}

func (s *Store) apply(ops []state.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range ops {
		if op.Blind {
			continue
		}
		e, exists := s.live(op.Key)
		if exists != (op.ETag != "") || exists && strconv.FormatUint(e.version, 10) != op.ETag {
			return state.ErrConflict
		}
	}
	for _, op := range ops {
		if op.Value == nil {
			delete(s.items, op.Key)
			continue
		}
		s.version++
		e := entry{value: slices.Clone(op.Value), version: s.version}
		if op.Expire > 0 {
			e.expires = s.now().Add(op.Expire)
		}
		s.items[op.Key] = e
	}
	return nil
}

// Keys lists what is stored, in order; for assertions.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k := range s.items {
		if _, ok := s.live(k); ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
