package shopdays

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// Plan says what to make. The zero value of a field is the usual one.
type Plan struct {
	Tenant  string
	Seed    uint64    // another one makes other days in other stores, so that plans of one tenant never meet
	Entries int       // about so many journal entries, in whole days; never fewer
	Stores  int       // usually 5; every third one speaks English
	Tills   int       // of each store, usually 4
	First   time.Time // the first day, usually 1 April 2024
}

// Days gives the events of one day after the other, those of all tills by time. Nobody's sequence ever
// has a gap, and every session is closed with the right counts.
func (p Plan) Days(yield func(day []event.Event) bool) {
	p.Stores, p.Tills = cmp.Or(p.Stores, 5), cmp.Or(p.Tills, 4)
	if p.First.IsZero() {
		p.First = time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC)
	}
	var tills []*till
	for store := range p.Stores {
		for no := range p.Tills {
			tills = append(tills, p.newTill(store, no+1))
		}
	}
	made := 0
	for day := 0; made < p.Entries; day++ {
		var events []event.Event
		for _, t := range tills {
			of := t.day(p.First.AddDate(0, 0, day))
			for _, e := range of {
				if e.Topic() != event.TopicEvents {
					made++
				}
			}
			events = append(events, of...)
		}
		slices.SortStableFunc(events, func(a, b event.Event) int { return a.Head().OccurredAt.Compare(b.Head().OccurredAt) })
		if !yield(events) {
			return
		}
	}
}

// till is one till and what it remembers.
type till struct {
	identity.Terminal
	language  *language
	shop      string
	r         *rand.Rand
	zone      *time.Location
	now       time.Time
	sequences map[string]uint64
	ids       [16]byte // the next event id, counted up
	date      string
	opened    int
	number    int64
	receipt   int64
}

func (p Plan) newTill(store, no int) *till {
	l := &japanese
	if store%3 == 2 {
		l = &english
	}
	t := &till{
		Terminal: identity.Terminal{TenantID: p.Tenant, StoreCode: p.storeCode(store), TerminalNo: no},
		language: l, shop: l.shop[store%len(l.shop)], sequences: map[string]uint64{},
		r:    rand.New(rand.NewPCG(p.Seed, uint64(store)<<16|uint64(no))), //nolint:gosec // it is to be repeatable
		zone: time.FixedZone("", 9*3600),
	}
	space := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "shopdays/%d/%s", p.Seed, t.ID()))
	t.ids = space
	binary.BigEndian.PutUint32(t.ids[12:], 0)
	return t
}

// storeCode is another one for every seed: a terminal has one sequence.
func (p Plan) storeCode(store int) string {
	if p.Seed <= 1 {
		return fmt.Sprintf("store%02d", store+1)
	}
	return fmt.Sprintf("store%02d_%d", store+1, p.Seed)
}

// id mints the next event id: a UUID of the till, counted up.
func (t *till) id() string {
	n := binary.BigEndian.Uint32(t.ids[12:])
	binary.BigEndian.PutUint32(t.ids[12:], n+1)
	return uuid.UUID(t.ids).String()
}

func (t *till) envelope(producer string) event.Envelope {
	t.sequences[producer]++
	return event.Envelope{
		EventID: t.id(), SchemaVersion: event.SchemaVersion, TenantID: t.TenantID, StoreCode: t.StoreCode, TerminalNo: t.TerminalNo,
		Producer: producer, Sequence: t.sequences[producer], OccurredAt: t.now,
	}
}

func (t *till) generated() string { return t.now.In(t.zone).Format(time.RFC3339Nano) }

// pass lets time go by.
func (t *till) pass(most time.Duration) {
	t.now = t.now.Add(time.Duration(1+t.r.Int64N(most.Milliseconds())) * time.Millisecond)
}

func pick[T any](t *till, of []T) T { return of[t.r.IntN(len(of))] }
