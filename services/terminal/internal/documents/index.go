package documents

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// buckets of every index: one read of all stays cheap, and two things that are made at the same time
// rarely meet in one.
const buckets = 16

// Index is one list of things. An entry is written in the transaction that makes its thing, so a
// thing is in the list exactly when it is there.
type Index struct{ name string }

// Tenants lists all tenants.
func Tenants() Index { return Index{"index/tenants"} }

// Stores lists the stores of a tenant.
func Stores(tenantID string) Index { return Index{"index/stores/" + tenantID} }

// Staff lists the staff of a store.
func Staff(tenantID, storeCode string) Index {
	return Index{"index/staff/" + tenantID + "/" + storeCode}
}

// Terminals lists the terminals of a store.
func Terminals(tenantID, storeCode string) Index {
	return Index{"index/terminals/" + tenantID + "/" + storeCode}
}

// Closings lists the terminals that wait for the cart service.
func Closings() Index { return Index{"index/closings"} }

// Entry of an index: where it stands in the list, and the key of its document.
type Entry struct{ Sort, Key string }

// bucket is one stored part of an index, from sort to key.
type bucket struct {
	Entries map[string]string `json:"entries"`
}

// Add puts an entry into the list.
func (i Index) Add(ctx context.Context, rw ReadWriter, e Entry) error {
	return i.change(ctx, rw, e.Sort, func(b *bucket) { b.Entries[e.Sort] = e.Key })
}

// Remove takes an entry out.
func (i Index) Remove(ctx context.Context, rw ReadWriter, sort string) error {
	return i.change(ctx, rw, sort, func(b *bucket) { delete(b.Entries, sort) })
}

func (i Index) change(ctx context.Context, rw ReadWriter, sort string, fn func(*bucket)) error {
	h := fnv.New32a()
	h.Write([]byte(sort))
	d, err := Get[bucket](ctx, rw, i.key(int(h.Sum32()%buckets)))
	if err != nil {
		return err
	}
	if d.Body.Entries == nil {
		d.Body.Entries = map[string]string{}
	}
	fn(&d.Body)
	return d.Put(rw)
}

// Entries lists everything in order.
func (i Index) Entries(ctx context.Context, r Reader) ([]Entry, error) {
	keys := make([]string, buckets)
	for n := range keys {
		keys[n] = i.key(n)
	}
	parts, err := GetAll[bucket](ctx, r, keys)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, part := range parts {
		for sort, key := range part.Entries {
			all = append(all, Entry{sort, key})
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Sort, b.Sort) })
	return all, nil
}

func (i Index) key(n int) string { return fmt.Sprintf("%s/%02x", i.name, n) }

// Page is one part of a list and how long the whole is.
type Page[T any] struct {
	Items []T
	Total int
}

// List reads the documents of the entries skip…skip+limit−1.
func List[T any](ctx context.Context, r Reader, i Index, skip, limit int) (Page[T], error) {
	entries, err := i.Entries(ctx, r)
	if err != nil {
		return Page[T]{}, err
	}
	from := min(skip, len(entries))
	chosen := entries[from:min(from+limit, len(entries))]
	keys := make([]string, len(chosen))
	for n, e := range chosen {
		keys[n] = e.Key
	}
	items, err := GetAll[T](ctx, r, keys)
	return Page[T]{Items: items, Total: len(entries)}, err
}
