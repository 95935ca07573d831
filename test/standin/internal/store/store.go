// Package store keeps collections in memory, and if wanted in a file from which they come back: documents and indexes in
// copy-on-write trees, a snapshot for every transaction, and locks per document
// and per unique key that are taken when something is written, so that a
// conflict shows at the write and not at the commit, as in MongoDB.
//
// It knows nothing of the wire, of sessions and of users.
package store

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
)

// Store holds all collections of all databases. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex // commits, changes of the catalogue, locks, and the copying of trees
	current atomic.Pointer[snapshot]
	locks   map[string]*Txn
	open    map[*Txn]struct{}
	file    *os.File // where changes are appended; nil: nowhere
}

// snapshot is what was committed at one moment; it never changes.
type snapshot struct {
	seq         uint64
	collections *catalogue
}

type catalogue = btree.Map[string, *Collection]

func newCatalogue() *catalogue { return btree.NewMap[string, *Collection](32) }

// New makes an empty store.
func New() *Store {
	s := &Store{locks: map[string]*Txn{}, open: map[*Txn]struct{}{}}
	s.current.Store(&snapshot{collections: newCatalogue()})
	return s
}

// Collection gives what is committed of a collection, nil when there is none.
func (s *Store) Collection(namespace string) *Collection {
	c, _ := s.current.Load().collections.Get(namespace)
	return c
}

// Namespaces lists the collections whose full names begin with prefix, in order.
func (s *Store) Namespaces(prefix string) []string {
	var all []string
	s.current.Load().collections.Ascend(prefix, func(namespace string, _ *Collection) bool {
		if strings.HasPrefix(namespace, prefix) {
			all = append(all, namespace)
			return true
		}
		return false
	})
	return all
}

// Conflict says that another transaction wrote first.
type Conflict struct {
	// Wait is closed when that transaction ends; nil when it has ended.
	Wait <-chan struct{}
}

func (Conflict) Error() string {
	return "Caused by :: Write conflict during plan execution and yielding is disabled. :: Please retry your operation or multi-document transaction."
}

// Duplicate says that a unique index holds the key already.
func duplicate(namespace, index string, pattern, key bson.Raw) error {
	err := fault.New(fault.DuplicateKey, "E11000 duplicate key error collection: %s index: %s dup key: %s", namespace, index, key)
	err.Details = bson.D{{Key: "keyPattern", Value: pattern}, {Key: "keyValue", Value: key}}
	return err
}

// Create makes an empty collection.
func (s *Store) Create(namespace string) error {
	return s.alter(namespace, func(c *Collection) (*Collection, error) {
		if c != nil {
			return nil, fault.New(fault.NamespaceExists, "Collection %s already exists.", namespace)
		}
		return newCollection(), nil
	})
}

// Drop removes a collection.
func (s *Store) Drop(namespace string) error {
	return s.alter(namespace, func(c *Collection) (*Collection, error) {
		if c == nil {
			return nil, fault.New(fault.NamespaceNotFound, "ns not found")
		}
		return nil, nil
	})
}

// CreateIndexes builds indexes, all or none. It tells how many there were before and are now.
func (s *Store) CreateIndexes(namespace string, specs []bson.Raw) (before, after int, err error) {
	err = s.alter(namespace, func(c *Collection) (*Collection, error) {
		if c == nil {
			c = newCollection()
		} else {
			before, c = len(c.Indexes), c.clone()
		}
		for _, spec := range specs {
			if err := c.addIndex(namespace, spec); err != nil {
				return nil, err
			}
		}
		after = len(c.Indexes)
		return c, nil
	})
	return before, after, err
}

// DropIndex removes one index, or all but that of the id when name is "*".
func (s *Store) DropIndex(namespace, name string) (before int, err error) {
	err = s.alter(namespace, func(c *Collection) (*Collection, error) {
		if c == nil {
			return nil, fault.New(fault.NamespaceNotFound, "ns not found %s", namespace)
		}
		before, c = len(c.Indexes), c.clone()
		return c, c.dropIndex(name)
	})
	return before, err
}

// alter replaces a collection after the transactions that use it have ended.
func (s *Store) alter(namespace string, change func(*Collection) (*Collection, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user := s.userOf(namespace); user != nil; user = s.userOf(namespace) {
		s.mu.Unlock()
		<-user.done
		s.mu.Lock()
	}
	current := s.current.Load()
	old, _ := current.collections.Get(namespace)
	altered, err := change(old)
	if err != nil {
		return err
	}
	next := &snapshot{seq: current.seq + 1, collections: current.collections.Copy()}
	if altered == nil {
		next.collections.Delete(namespace)
	} else {
		altered.altered = next.seq
		next.collections.Set(namespace, altered)
	}
	s.append(recordOf(namespace, altered))
	s.current.Store(next)
	return nil
}

func (s *Store) userOf(namespace string) *Txn {
	for t := range s.open {
		if t.uses[namespace] {
			return t
		}
	}
	return nil
}

// Namespace joins the names of a database and a collection.
func Namespace(database, collection string) string {
	return fmt.Sprintf("%s.%s", database, collection)
}
