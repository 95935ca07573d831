package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// ErrUnusable says that an event can never be used, however often it comes.
var ErrUnusable = errors.New("app: unusable event")

// Follow takes a snapshot of a tenant, a store or a terminal into the service's own copies. The highest
// version of each wins; older ones change nothing. A terminal that is Closing is answered on
// topic-session, also when its snapshot comes again.
//
// It fails with ErrUnusable for what is no snapshot; any other error passes, and the event shall
// come again.
func (a *App) Follow(ctx context.Context, s *event.Snapshot) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	switch {
	case s.Producer != event.ProducerTerminal:
		return fmt.Errorf("%w: a snapshot from %q", ErrUnusable, s.Producer)
	case s.Version == 0:
		return fmt.Errorf("%w: the version is missing", ErrUnusable)
	case s.Kind == event.KindTenant && s.Tenant != nil && s.Tenant.TenantID == s.TenantID:
		return keepCopy(ctx, a.Store, tenantCopyKey(s.TenantID), tenantCopy{current, s.Version, *s.Tenant})
	case s.Kind == event.KindStore && s.Store != nil && identity.ValidCode(s.Store.StoreCode):
		return keepCopy(ctx, a.Store, storeCopyKey(s.TenantID, s.Store.StoreCode), storeCopy{current, s.Version, *s.Store})
	case s.Kind == event.KindTerminal && s.Terminal != nil && s.TerminalNo > 0 && s.Terminal.TerminalID == s.Stream().ID():
		return a.followTerminal(ctx, s)
	}
	return fmt.Errorf("%w: kind %q does not fit its content", ErrUnusable, s.Kind)
}

// versioned is a copy that knows its version.
type versioned interface{ copyVersion() uint64 }

func (c tenantCopy) copyVersion() uint64   { return c.Version }
func (c storeCopy) copyVersion() uint64    { return c.Version }
func (c terminalCopy) copyVersion() uint64 { return c.Version }

// keepCopy writes a copy unless a newer one is there, whoever writes at the same time.
func keepCopy[T versioned, P interface {
	*T
	schemaVersion() *int
}](ctx context.Context, store state.Store, key string, fresh T) error {
	item, err := state.Get(ctx, store, key)
	if err != nil {
		return err
	}
	known, err := read[T, P](item)
	if err != nil || item.Exists() && known.copyVersion() >= fresh.copyVersion() {
		return err
	}
	op, err := state.Put(item, fresh)
	if err != nil {
		return err
	}
	return store.Write(ctx, op)
}

// followTerminal writes the copy and judges the session by it in one command on the terminal's
// stream, so that every cart made or billed at the same moment comes before or after it. The answer
// goes out afterwards; when it cannot, the snapshot is delivered again and answered again.
func (a *App) followTerminal(ctx context.Context, s *event.Snapshot) error {
	terminal := identity.Terminal(s.Stream())
	fresh := terminalCopy{current, terminal, s.Version, *s.Terminal}
	var report *event.SessionReport
	newest := false
	err := a.do(ctx, s.Stream(), func(ctx context.Context, u *outbox.Unit) error {
		report, newest = nil, false
		items, err := u.Get(ctx, terminalCopyKey(terminal.ID()))
		if err != nil {
			return err
		}
		known, err := read[terminalCopy](items[0])
		if err != nil || items[0].Exists() && known.Version > s.Version {
			return err
		}
		newest = true
		book, err := readBook(u)
		if err != nil {
			return err
		}
		before := book.Session
		view := TillOf(principalOf(fresh)).View
		book.Follow(view)
		if answers(book.Session, view) {
			report = a.report(s.Stream(), u.NextSequence()-1, book)
		}
		if known.Version < s.Version {
			if err := u.Put(items[0], fresh); err != nil {
				return err
			}
		}
		if same(before, book.Session) {
			return nil
		}
		return u.SetCounters(book)
	})
	if err == nil && newest {
		a.copies.put(terminal.ID(), fresh)
		a.missed(ctx, terminal, s)
	}
	if err != nil || report == nil {
		return err
	}
	if err := a.Sender.Send(ctx, report); err != nil {
		return problem.Unavailable.New("the session report could not be sent").Because(err)
	}
	return nil
}

// missed asks for the store and tenant of a terminal when its snapshot knows newer versions of them than
// the copies here: the broker may have lost theirs after the journal had confirmed them. They may be on
// their way, too; then the answer changes nothing. What cannot be asked now is seen again with the
// terminal's next snapshot, of its next sign-in at the latest.
func (a *App) missed(ctx context.Context, terminal identity.Terminal, s *event.Snapshot) {
	if s.StoreVersion == 0 && s.TenantVersion == 0 {
		return // of an older release, or of the terminal's making
	}
	items, err := a.Store.Get(ctx, placeKeys(terminal)...)
	if err != nil {
		return
	}
	store, storeErr := read[storeCopy](items[0])
	tenant, tenantErr := read[tenantCopy](items[1])
	if storeErr == nil && store.Version < s.StoreVersion || tenantErr == nil && tenant.Version < s.TenantVersion {
		a.doubt(ctx, terminal)
	}
}

func same(a, b register.Session) bool {
	return a.Session == b.Session && a.Version == b.Version && a.Status == b.Status && a.SealedVersion == b.SealedVersion
}

// answers tells whether the session's state is the answer to a view: to the closing that it was last
// judged by.
func answers(s register.Session, v register.View) bool {
	return v.Status == event.StatusClosing && v.Session == s.Session && v.Version == s.Version
}

// report answers a closing: the final counts when the session is sealed, else the carts that are in
// the way.
func (a *App) report(stream identity.Stream, lastSequence uint64, book register.Book) *event.SessionReport {
	r := &event.SessionReport{
		Envelope:     a.envelope(stream),
		BusinessDate: book.Session.BusinessDate, OpenCounter: book.Session.OpenCounter,
		ClosingVersion: book.Session.Version, IsSealed: book.Session.Sealed(),
		TransactionCount: book.Session.Count, TransactionLastNo: book.Session.LastNo,
		LastSequence: lastSequence, CashAmount: book.Session.CashAmount,
	}
	if !r.IsSealed {
		r.CartsInProgress = book.InProgress()
	}
	return r
}
