package server

import (
	"math"
	"sync"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Limits of a batch: how many documents the first one has unless the command
// says otherwise, and how many bytes any has.
const (
	firstBatch = 101
	batchBytes = 16 << 20
)

type cursor struct {
	namespace string
	docs      []bson.Raw
}

type cursors struct {
	mu   sync.Mutex
	last int64
	all  map[int64]*cursor
}

// open makes the reply with the first batch and keeps the rest.
func (c *cursors) open(namespace string, docs []bson.Raw, size int) bson.D {
	batch, rest := split(docs, size)
	return doc("cursor", doc("firstBatch", batch, "id", c.keep(0, &cursor{namespace, rest}), "ns", namespace))
}

func split(docs []bson.Raw, size int) (batch, rest []bson.Raw) {
	n, bytes := 0, 0
	for n < len(docs) && n < size && (n == 0 || bytes+len(docs[n]) <= batchBytes) {
		bytes += len(docs[n])
		n++
	}
	return append([]bson.Raw{}, docs[:n]...), docs[n:]
}

// keep stores what is left under id, a new one when that is 0, and gives 0 when nothing is left.
func (c *cursors) keep(id int64, rest *cursor) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(rest.docs) == 0 {
		delete(c.all, id)
		return 0
	}
	if c.all == nil {
		c.all = map[int64]*cursor{}
	}
	if id == 0 {
		c.last++
		id = c.last
	}
	c.all[id] = rest
	return id
}

func (c *cursors) get(id int64) (*cursor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.all[id]
	return found, ok
}

func getMore(s *Server, r *request) (bson.D, error) {
	id, _ := value.Int(r.body.Index(0).Value())
	c, ok := s.cursors.get(id)
	if !ok {
		return nil, fault.New(fault.CursorNotFound, "cursor id %d not found", id)
	}
	batch, rest := split(c.docs, batchSize(r.body, math.MaxInt))
	return doc("cursor", doc("nextBatch", batch, "id", s.cursors.keep(id, &cursor{c.namespace, rest}), "ns", c.namespace)), nil
}

func batchSize(d bson.Raw, otherwise int) int { return number(d, "batchSize", otherwise) }

func killCursors(s *Server, r *request) (bson.D, error) {
	killed, missing := bson.A{}, bson.A{}
	for _, v := range value.Items(r.body.Lookup("cursors")) {
		id, _ := value.Int(v)
		if _, ok := s.cursors.get(id); !ok {
			missing = append(missing, id)
			continue
		}
		s.cursors.keep(id, &cursor{})
		killed = append(killed, id)
	}
	return doc("cursorsKilled", killed, "cursorsNotFound", missing, "cursorsAlive", bson.A{}, "cursorsUnknown", bson.A{}), nil
}
