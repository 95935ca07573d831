package app

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// verifyAtOnce is how many verifications run at the same time: each reads a whole tenant.
const verifyAtOnce = 2

// Proof proves that nothing of a tenant's journal was changed.
type Proof struct {
	store     Store
	blobs     archive.Blobs // nil: there is no archive
	keeper    *logKeeper
	publicKey string
	clock     clockwork.Clock
	slots     chan struct{}
	alarm     *alarm
}

func newProof(c Config, keeper *logKeeper) *Proof {
	return &Proof{store: c.Store, blobs: c.Blobs, keeper: keeper, publicKey: c.PublicKey, clock: c.Clock, slots: make(chan struct{}, verifyAtOnce)}
}

// Verification is what verifying a tenant found.
type Verification struct {
	Streams []journal.StreamReport
	Strays  []Stray
	Log     LogReport
	Archive ArchiveReport
	At      time.Time
}

// Stray is something stored that no chain covers.
type Stray struct{ Where, ID string }

// Holds tells whether nothing is wrong.
func (v *Verification) Holds() bool {
	for _, s := range v.Streams {
		if s.Bad != nil {
			return false
		}
	}
	return len(v.Strays) == 0 && v.Log.Bad == nil && v.Archive.Bad == nil
}

// Verify recomputes every hash of a tenant's journal from what is stored. It fails with
// TenantUnknown, or with problem.Unavailable when others are being verified.
func (p *Proof) Verify(ctx context.Context, tenant string) (*Verification, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return nil, problem.Unavailable.New("%d verifications are under way", verifyAtOnce).After(5 * time.Second)
	}
	v := &Verification{At: p.clock.Now().UTC()}
	// Everything that the log has by now is in the chains that are read after it.
	logged, err := p.store.LogSize(ctx, tenant)
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	var check *journal.StreamCheck
	finish := func() {
		if check != nil {
			v.Streams = append(v.Streams, check.Report())
		}
	}
	err = p.store.Walk(ctx, tenant, Walker{
		Stream: func(state journal.StreamState) error {
			finish()
			check = journal.CheckStream(state)
			return nil
		},
		Link:  func(s *journal.Stored) error { check.Add(s); return nil },
		Stray: func(where, id string) error { v.Strays = append(v.Strays, Stray{where, id}); return nil },
	})
	finish()
	if err == nil {
		v.Log, err = p.verifyLog(ctx, tenant, logged)
	}
	v.Log.Waiting = v.events() - min(v.events(), v.Log.Size)
	if err == nil {
		v.Archive, err = p.verifyArchive(ctx, tenant)
	}
	if err == nil && !v.Holds() {
		p.alarm.damage(tenant, v.firstBad(), "a verification found that the journal was changed")
	}
	return v, asProblem(err, TenantUnknown)
}

// events that the chains have.
func (v *Verification) events() (n uint64) {
	for _, s := range v.Streams {
		n += s.Count
	}
	return n
}

// firstBad is the stream of the first chain that does not hold, "" when it is something else.
func (v *Verification) firstBad() string {
	for _, s := range v.Streams {
		if s.Bad != nil {
			return s.Stream.ID()
		}
	}
	return ""
}
