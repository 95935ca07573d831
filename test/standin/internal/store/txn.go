package store

import (
	"errors"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/update"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// maxDocument is the size that MongoDB allows a document.
const maxDocument = 16 << 20

// Txn is a transaction: it sees one snapshot and what it wrote itself. One
// goroutine at a time may use it.
type Txn struct {
	store  *Store
	base   *snapshot
	view   *catalogue
	own    map[string]bool // collections of view that are copies of our own
	uses   map[string]bool
	writes []write
	locks  []string
	done   chan struct{}
	ended  bool
}

type write struct {
	namespace, id string
	doc           bson.Raw // nil: removed
}

// Begin starts a transaction with a snapshot of now.
func (s *Store) Begin() *Txn {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.current.Load()
	t := &Txn{
		store: s, base: base, view: base.collections.Copy(),
		own: map[string]bool{}, uses: map[string]bool{}, done: make(chan struct{}),
	}
	s.open[t] = struct{}{}
	return t
}

// Auto runs f in a transaction and commits it; write conflicts are waited out
// and f runs again, as in MongoDB for a single statement.
func (s *Store) Auto(f func(*Txn) error) error {
	for {
		t := s.Begin()
		err := f(t)
		if err == nil {
			t.Commit()
			return nil
		}
		t.Abort()
		var conflict Conflict
		if !errors.As(err, &conflict) {
			return err
		}
		if conflict.Wait != nil {
			<-conflict.Wait
		}
	}
}

// Collection gives what the transaction sees of a collection, nil when there is none.
func (t *Txn) Collection(namespace string) *Collection {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	t.uses[namespace] = true
	c, _ := t.view.Get(namespace)
	return c
}

// Insert adds a document, with an id if it has none.
func (t *Txn) Insert(namespace string, doc bson.Raw) error {
	doc, err := update.WithID(doc)
	if err != nil {
		return err
	}
	return t.write(namespace, value.Key(doc.Lookup("_id")), doc, true)
}

// Replace puts doc in the place of the document with the same id.
func (t *Txn) Replace(namespace string, doc bson.Raw) error {
	return t.write(namespace, value.Key(doc.Lookup("_id")), doc, false)
}

// Delete removes the document with the id of doc.
func (t *Txn) Delete(namespace string, doc bson.Raw) error {
	return t.write(namespace, value.Key(doc.Lookup("_id")), nil, false)
}

func (t *Txn) write(namespace, id string, doc bson.Raw, inserting bool) error {
	if len(doc) > maxDocument {
		return fault.New(fault.BSONObjectTooLarge, "object to insert too large. size in bytes: %d, max size: %d", len(doc), maxDocument)
	}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	c := t.ownCollection(namespace)
	old, had := c.docs.Get(id)
	if inserting && had {
		return duplicateID(namespace, old.raw)
	}
	if err := t.claim(namespace, id, old, had); err != nil {
		return err
	}
	if doc != nil {
		if err := t.claimKeys(namespace, id, doc, c); err != nil {
			return err
		}
	}
	if err := c.put(id, doc, 0); err != nil {
		return err
	}
	t.writes = append(t.writes, write{namespace, id, doc})
	return nil
}

// ownCollection is the transaction's own copy, made at its first write.
func (t *Txn) ownCollection(namespace string) *Collection {
	t.uses[namespace] = true
	c, _ := t.view.Get(namespace)
	if t.own[namespace] {
		return c
	}
	if c == nil {
		c = newCollection()
	} else {
		c = c.clone()
	}
	t.own[namespace] = true
	t.view.Set(namespace, c)
	return c
}

// latest is the collection as it is committed now, nil when that is what the transaction sees.
func (t *Txn) latest(namespace string) *Collection {
	current := t.store.current.Load()
	if current == t.base {
		return nil
	}
	c, _ := current.collections.Get(namespace)
	return c
}

// claim locks a document and makes sure that nobody changed it since the snapshot.
func (t *Txn) claim(namespace, id string, old document, had bool) error {
	if err := t.lock(namespace + "\x00document\x00" + id); err != nil {
		return err
	}
	latest := t.latest(namespace)
	if latest == nil {
		return nil
	}
	if latest.altered > t.base.seq {
		return Conflict{}
	}
	now, there := latest.docs.Get(id)
	changed := there && now.seq > t.base.seq
	removed := !there && had && old.seq != 0
	if changed || removed {
		return Conflict{}
	}
	return nil
}

// claimKeys makes sure that the indexes can take a document, and locks its unique keys.
func (t *Txn) claimKeys(namespace, id string, doc bson.Raw, c *Collection) error {
	latest := t.latest(namespace)
	for i, ix := range c.Indexes {
		if ix.primary || ix.weights != nil {
			continue
		}
		entries, _, err := ix.entries(doc)
		if err != nil {
			return err
		}
		if !ix.Unique {
			continue
		}
		for _, entry := range entries {
			if holder, ok := ix.tree.Get(entry); ok && holder != id {
				return ix.duplicate(namespace, doc)
			}
			if err := t.lock(namespace + "\x00" + ix.Name + "\x00" + entry); err != nil {
				return err
			}
			// The claim of the document made sure that both have the same indexes.
			if latest == nil {
				continue
			}
			holder, ok := latest.Indexes[i].tree.Get(entry)
			if _, seen := c.docs.Get(holder); ok && holder != id && !seen {
				return Conflict{}
			}
		}
	}
	return nil
}

func (t *Txn) lock(key string) error {
	switch holder := t.store.locks[key]; holder {
	case t:
	case nil:
		t.store.locks[key] = t
		t.locks = append(t.locks, key)
	default:
		return Conflict{Wait: holder.done}
	}
	return nil
}

// Commit makes everything visible at once. It cannot fail: the locks made sure of that.
func (t *Txn) Commit() {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	if t.ended {
		return
	}
	if len(t.writes) > 0 {
		t.publish()
	}
	t.end()
}

func (t *Txn) publish() {
	current := t.store.current.Load()
	next := &snapshot{seq: current.seq + 1, collections: current.collections.Copy()}
	fresh := map[string]*Collection{}
	for _, w := range t.writes {
		c := fresh[w.namespace]
		if c == nil {
			if old, ok := next.collections.Get(w.namespace); ok {
				c = old.clone()
			} else {
				c = newCollection()
			}
			fresh[w.namespace] = c
			next.collections.Set(w.namespace, c)
		}
		_ = c.put(w.id, w.doc, next.seq) // worked before, in the transaction's own copy
	}
	t.store.append(t.record())
	t.store.current.Store(next)
}

// Abort forgets everything. A transaction that has ended stays as it is.
func (t *Txn) Abort() {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	if !t.ended {
		t.end()
	}
}

func (t *Txn) end() {
	for _, key := range t.locks {
		delete(t.store.locks, key)
	}
	delete(t.store.open, t)
	t.ended = true
	close(t.done)
}
