package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

// record is one entry of a store's file: a commit, a collection as it was altered, or something that
// the store keeps for others.
type record struct {
	Writes     []writeRecord `bson:"writes,omitempty"`
	Collection string        `bson:"collection,omitempty"`
	Gone       bool          `bson:"gone,omitempty"`
	Indexes    []bson.Raw    `bson:"indexes,omitempty"`
	Other      bson.Raw      `bson:"other,omitempty"`
}

type writeRecord struct {
	Namespace string   `bson:"ns"`
	ID        []byte   `bson:"id"`
	Doc       bson.Raw `bson:"doc,omitempty"` // none: removed
}

// Open makes a store that survives its process: what is in the file is there again, and whatever
// changes is appended to it before anybody sees it. It is not synced, so it survives kill -9 and not
// the machine. other is called with what Keep was given, in its order.
func Open(path string, other func(bson.Raw) error) (*Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := New()
	end, err := s.load(file, other)
	if err == nil { // what was cut in the middle never happened
		err = errors.Join(file.Truncate(end), seek(file, end))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), file.Close())
	}
	s.file = file
	return s, nil
}

func seek(file *os.File, to int64) error {
	_, err := file.Seek(to, io.SeekStart)
	return err
}

// load gives where the last whole record ends.
func (s *Store) load(file *os.File, other func(bson.Raw) error) (end int64, err error) {
	in := bufio.NewReader(file)
	for {
		size, err := in.Peek(4)
		if err != nil {
			return end, nil //nolint:nilerr // the file ends here
		}
		raw := make(bson.Raw, binary.LittleEndian.Uint32(size))
		if _, err := io.ReadFull(in, raw); err != nil {
			return end, nil //nolint:nilerr // this one was cut
		}
		var r record
		if err := bson.Unmarshal(raw, &r); err != nil {
			return end, err
		}
		if err := s.replay(&r, other); err != nil {
			return end, err
		}
		end += int64(len(raw))
	}
}

func (s *Store) replay(r *record, other func(bson.Raw) error) error {
	switch {
	case r.Other != nil:
		return other(r.Other)
	case r.Collection != "":
		return s.alter(r.Collection, func(c *Collection) (*Collection, error) { return r.altered(c) })
	}
	t := &Txn{store: s}
	for _, w := range r.Writes {
		t.writes = append(t.writes, write{w.Namespace, string(w.ID), w.Doc})
	}
	t.publish()
	return nil
}

// altered is the collection with the indexes of the record.
func (r *record) altered(c *Collection) (*Collection, error) {
	if r.Gone {
		return nil, nil
	}
	if c == nil {
		c = newCollection()
	} else {
		c = c.clone()
	}
	same := func(raw bson.Raw) func(bson.Raw) bool {
		return func(other bson.Raw) bool { return slices.Equal(raw, other) }
	}
	for _, ix := range slices.Clone(c.Indexes) {
		if !ix.primary && !slices.ContainsFunc(r.Indexes, same(ix.asked)) {
			if err := c.dropIndex(ix.Name); err != nil {
				return nil, err
			}
		}
	}
	for _, spec := range r.Indexes {
		if !slices.ContainsFunc(c.Indexes, func(ix *Index) bool { return slices.Equal(ix.asked, spec) }) {
			if err := c.addIndex(r.Collection, spec); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Keep appends something that is not the store's own, if the store has a file.
func (s *Store) Keep(other any) {
	raw, err := bson.Marshal(other)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(&record{Other: raw})
}

// append writes one record in one piece. A test server that cannot write has nothing better to do than
// to end.
func (s *Store) append(r *record) {
	if s.file == nil {
		return
	}
	raw, err := bson.Marshal(r)
	if err == nil {
		_, err = s.file.Write(raw)
	}
	if err != nil {
		panic(fmt.Errorf("store: %w", err))
	}
}

func (t *Txn) record() *record {
	r := &record{}
	for _, w := range t.writes {
		r.Writes = append(r.Writes, writeRecord{w.namespace, []byte(w.id), w.doc})
	}
	return r
}

func recordOf(namespace string, c *Collection) *record {
	if c == nil {
		return &record{Collection: namespace, Gone: true}
	}
	r := &record{Collection: namespace}
	for _, ix := range c.Indexes {
		if !ix.primary {
			r.Indexes = append(r.Indexes, ix.asked)
		}
	}
	return r
}
