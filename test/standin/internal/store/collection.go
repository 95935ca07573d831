package store

import (
	"github.com/tidwall/btree"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
)

// Collection is one collection as one snapshot or transaction sees it.
type Collection struct {
	docs *btree.Map[string, document]
	// Indexes are in the order of their making; the first is that of the id.
	Indexes []*Index
	altered uint64 // when its indexes changed last
}

type document struct {
	raw bson.Raw
	seq uint64 // the commit that wrote it; 0: not committed yet
}

func newCollection() *Collection {
	return &Collection{docs: btree.NewMap[string, document](64), Indexes: []*Index{newPrimary()}}
}

// clone makes a copy that can be written to. The caller holds the store's lock.
func (c *Collection) clone() *Collection {
	n := &Collection{docs: c.docs.Copy(), altered: c.altered}
	for _, ix := range c.Indexes {
		n.Indexes = append(n.Indexes, ix.clone())
	}
	return n
}

// Len is the number of documents.
func (c *Collection) Len() int { return c.docs.Len() }

// put stores a document, or removes it when doc is nil.
func (c *Collection) put(id string, doc bson.Raw, seq uint64) error {
	old, had := c.docs.Get(id)
	for _, ix := range c.Indexes {
		if had {
			ix.remove(id, old.raw)
		}
		if doc == nil {
			continue
		}
		if err := ix.add(id, doc); err != nil {
			return err
		}
	}
	if doc == nil {
		c.docs.Delete(id)
	} else {
		c.docs.Set(id, document{doc, seq})
	}
	return nil
}

// addIndex builds an index; one that is there already is left alone.
func (c *Collection) addIndex(namespace string, spec bson.Raw) error {
	ix, err := newIndex(spec)
	if err != nil {
		return err
	}
	for _, other := range c.Indexes {
		if same, err := ix.sameAs(other); same || err != nil {
			return err
		}
	}
	c.docs.Scan(func(id string, d document) bool {
		if entries, _, entriesErr := ix.entries(d.raw); entriesErr == nil && ix.Unique {
			for _, entry := range entries {
				if holder, ok := ix.tree.Get(entry); ok && holder != id {
					err = ix.duplicate(namespace, d.raw)
					return false
				}
			}
		}
		err = ix.add(id, d.raw)
		return err == nil
	})
	c.Indexes = append(c.Indexes, ix)
	return err
}

func (c *Collection) dropIndex(name string) error {
	if name == "*" {
		c.Indexes = c.Indexes[:1]
		return nil
	}
	for i, ix := range c.Indexes {
		if ix.Name != name {
			continue
		}
		if ix.primary {
			return fault.New(fault.InvalidOptions, "cannot drop _id index")
		}
		c.Indexes = append(c.Indexes[:i], c.Indexes[i+1:]...)
		return nil
	}
	return fault.New(fault.IndexNotFound, "index not found with name [%s]", name)
}
