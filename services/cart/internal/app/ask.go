package app

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

const (
	// askEvery is how often a snapshot of one terminal is asked for at most, and askedMax of how many
	// terminals in that time: a key may name any terminal, so asking costs a stranger nothing.
	askEvery = time.Second
	// doubtEvery is the same for a terminal whose copy is there and may be out of date: a till that is
	// simply closed and asks to sell must not fill the journal with snapshots.
	doubtEvery = time.Minute
	askedMax   = 100
	// askTimeout bounds the wait for the broker inside a request.
	askTimeout = time.Second
)

// asks remembers what was asked for lately.
type asks struct {
	mu    sync.Mutex
	clock clockwork.Clock
	every time.Duration
	last  map[string]time.Time
}

func newAsks(clock clockwork.Clock, every time.Duration) *asks {
	return &asks{clock: clock, every: every, last: map[string]time.Time{}}
}

// permit tells whether it is time to ask about the terminal, and remembers that it was.
func (a *asks) permit(terminalID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now()
	for id, at := range a.last {
		if now.Sub(at) >= a.every {
			delete(a.last, id)
		}
	}
	if _, lately := a.last[terminalID]; lately || len(a.last) >= askedMax {
		return false
	}
	a.last[terminalID] = now
	return true
}

// ask asks the terminal service for the snapshots of a terminal, its store and its tenant. It may
// fail: whoever needs them comes again.
func (a *App) ask(ctx context.Context, terminal identity.Terminal) {
	if a.asks.permit(terminal.ID()) {
		a.want(ctx, terminal)
	}
}

// doubt asks for the snapshots of a terminal whose copy may be out of date: the broker may have lost
// the newest one after the journal had confirmed it.
func (a *App) doubt(ctx context.Context, terminal identity.Terminal) {
	if a.doubts.permit(terminal.ID()) {
		a.want(ctx, terminal)
	}
}

func (a *App) want(ctx context.Context, terminal identity.Terminal) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	wanted := &event.SnapshotWanted{Envelope: a.envelope(identity.TerminalStream(terminal)), AskedBy: event.ProducerCart}
	if err := a.Sender.Send(ctx, wanted); err != nil {
		a.Log.Warn("a snapshot could not be asked for", zap.String("terminal_id", terminal.ID()), zap.Error(err))
	}
}

// askAbout asks about a terminal of which only the id is known, from an API key.
func (a *App) askAbout(ctx context.Context, terminalID string) {
	if terminal, ok := addressee(terminalID); ok {
		a.ask(ctx, terminal)
	}
}

// addressee reads out of a terminal_id to whom a request for a snapshot goes. Ids are not taken
// apart anywhere else: this is a guess that decides nothing, and it is dropped unless the id is
// made of these parts again.
func addressee(terminalID string) (identity.Terminal, bool) {
	parts := strings.Split(terminalID, "-")
	if len(parts) != 3 {
		return identity.Terminal{}, false
	}
	no, err := strconv.Atoi(parts[2])
	t := identity.Terminal{TenantID: parts[0], StoreCode: parts[1], TerminalNo: no}
	return t, err == nil && t.Validate() == nil && t.ID() == terminalID
}

// envelope of an event outside any sequence.
func (a *App) envelope(stream identity.Stream) event.Envelope {
	return event.Envelope{
		EventID: a.NewID(), SchemaVersion: event.SchemaVersion, Producer: event.ProducerCart,
		TenantID: stream.TenantID, StoreCode: stream.StoreCode, TerminalNo: stream.TerminalNo, OccurredAt: a.Clock.Now(),
	}
}
