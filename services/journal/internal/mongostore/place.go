package mongostore

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// places gives everything that is stored its place in one order: by time, within a process exactly in
// the order of asking, and never two alike. A number that all processes count up together would be
// one document over which every commit of a tenant stumbles.
//
// A place is an ObjectID, seconds first as usual; behind them stand the microseconds (20 bits), a
// counter (12 bits), and four random bytes of the process.
type places struct {
	mu      sync.Mutex
	last    uint64
	process [4]byte
}

func newPlaces() *places {
	p := &places{}
	_, _ = rand.Read(p.process[:]) // it never fails
	return p
}

func (p *places) next(now time.Time) primitive.ObjectID {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := uint64(now.Unix())<<32 | uint64(now.Nanosecond()/1000)<<12
	p.last = max(n, p.last+1)
	var id primitive.ObjectID
	binary.BigEndian.PutUint64(id[:8], p.last)
	copy(id[8:], p.process[:])
	return id
}
