// Package state is the port to a service's own state: keys with versions, and transactions that write
// several keys or none. It is what the Dapr state API promises on a store with atomic transactions
// and ETags; daprstate adapts it, memstate is the fake, and statetest holds both to the contract.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
)

// ErrConflict says that a key was not as the caller had read it. Nothing of the transaction was
// written: read again and decide again.
var ErrConflict = errors.New("state: changed by somebody else")

// ErrUnavailable says that the store did not answer, or that it is not known whether it wrote.
var ErrUnavailable = errors.New("state: store unavailable")

// Problem makes a problem of ErrUnavailable, for callers outside; other errors stay as they are.
func Problem(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return problem.Unavailable.New("the state store does not answer").Because(err).After(2 * time.Second)
	}
	return err
}

// Item is one stored value.
type Item struct {
	Key   string
	Value []byte // nil when there is none
	ETag  string // "" when there is none
}

// Exists tells whether there is a value.
func (i Item) Exists() bool { return i.ETag != "" }

// Decode reads the value into v.
func (i Item) Decode(v any) error {
	if err := json.Unmarshal(i.Value, v); err != nil {
		return fmt.Errorf("state: %s holds something else than %T: %w", i.Key, v, err)
	}
	return nil
}

// Op is one write of a transaction. Every op states what it expects to find.
type Op struct {
	Key    string
	Value  []byte        // nil deletes
	ETag   string        // what was read; "" means that the key must not exist
	Blind  bool          // write whatever is there; ETag is ignored
	Expire time.Duration // more than zero: the value is gone after this long
}

// Put replaces what was read as old; when old did not exist the key must still not exist.
func Put(old Item, v any) (Op, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Op{}, fmt.Errorf("state: encode %s: %w", old.Key, err)
	}
	return Op{Key: old.Key, Value: b, ETag: old.ETag}, nil
}

// Insert writes a key that must not exist.
func Insert(key string, v any) (Op, error) { return Put(Item{Key: key}, v) }

// Delete removes key whatever it holds.
func Delete(key string) Op { return Op{Key: key, Blind: true} }

// Store is the port.
type Store interface {
	// Get reads the last written values of keys, in their order; absent keys give items that do not
	// exist. It fails with ErrUnavailable.
	Get(ctx context.Context, keys ...string) ([]Item, error)
	// Write does all ops in one atomic transaction or none. It fails with ErrConflict or
	// ErrUnavailable; after the latter the caller must read to know what happened.
	Write(ctx context.Context, ops ...Op) error
}

// Get reads one key.
func Get(ctx context.Context, s Store, key string) (Item, error) {
	items, err := s.Get(ctx, key)
	if err != nil {
		return Item{}, err
	}
	return items[0], nil
}
