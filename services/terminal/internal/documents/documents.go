// Package documents is how things lie in the state store: under which keys, in which version of their
// form, and in which lists, because the state API itself cannot list. It decides nothing.
package documents

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tillroll/tillroll/pkg/state"
)

// version of every document. An older one is upgraded when read, a newer one is refused.
const version = 1

// Reader gives what is stored; a state.Store and an outbox.Unit both do.
type Reader interface {
	Get(ctx context.Context, keys ...string) ([]state.Item, error)
}

// Writer takes what shall be stored with the rest of a command; an outbox.Unit does.
type Writer interface {
	Put(old state.Item, v any) error
}

// ReadWriter is both.
type ReadWriter interface {
	Reader
	Writer
}

// Doc is one document as it was read, to be changed and put back.
type Doc[T any] struct {
	Body T
	item state.Item
}

// form is what is stored.
type form[T any] struct {
	SchemaVersion int `json:"schema_version"`
	Body          T   `json:"body"`
}

// Parse reads one document; an absent one has an empty body.
func Parse[T any](item state.Item) (Doc[T], error) {
	d := Doc[T]{item: item}
	if !item.Exists() {
		return d, nil
	}
	var head form[json.RawMessage]
	if err := item.Decode(&head); err != nil {
		return d, err
	}
	if head.SchemaVersion < 1 || head.SchemaVersion > version {
		return d, fmt.Errorf("documents: %s has version %d, this program reads up to %d: run a newer one", item.Key, head.SchemaVersion, version)
	}
	if err := json.Unmarshal(head.Body, &d.Body); err != nil {
		return d, fmt.Errorf("documents: %s is not a %T: %w", item.Key, d.Body, err)
	}
	return d, nil
}

// Get reads the document under key.
func Get[T any](ctx context.Context, r Reader, key string) (Doc[T], error) {
	items, err := r.Get(ctx, key)
	if err != nil {
		return Doc[T]{}, err
	}
	return Parse[T](items[0])
}

// GetAll reads the documents under keys, in their order. Absent ones are left out.
func GetAll[T any](ctx context.Context, r Reader, keys []string) ([]T, error) {
	out := make([]T, 0, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	items, err := r.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		d, err := Parse[T](item)
		if err != nil {
			return nil, err
		}
		if d.Exists() {
			out = append(out, d.Body)
		}
	}
	return out, nil
}

// Exists tells whether the document was there.
func (d Doc[T]) Exists() bool { return d.item.Exists() }

// Put writes the body back where the document was read.
func (d Doc[T]) Put(w Writer) error {
	return w.Put(d.item, form[T]{version, d.Body})
}

// Op is Put as a single op, for one that expires.
func (d Doc[T]) Op() (state.Op, error) {
	return state.Put(d.item, form[T]{version, d.Body})
}
