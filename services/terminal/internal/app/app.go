// Package app has the use cases, one a file. A use case reads what it needs, lets the domain decide and
// writes state and events in one outbox transaction. It must not know HTTP or how a delivery is
// answered.
package app

import (
	"context"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// PINs hashes and compares the PINs of staff.
type PINs interface {
	Hash(pin string) (string, error)
	Match(pin, hash string) (bool, error)
}

// Tokens signs the tokens of terminals.
type Tokens interface {
	Issue(p auth.Principal, life time.Duration) (string, error)
}

// Needs are what the use cases work with.
type Needs struct {
	Store  state.Store
	Box    *outbox.Box
	Clock  clockwork.Clock
	Random io.Reader
	PINs   PINs
	Tokens Tokens
	Log    *zap.Logger
	// CloseWait is how long a close request waits for the cart service before it answers that the
	// close goes on by itself.
	CloseWait time.Duration
}

// App is all use cases. It is safe for concurrent use.
type App struct {
	Needs
	settled *bell
	recent  *recent
	tenants *queue
	proofs  *checkpoints
}

// New makes the use cases.
func New(n Needs) *App {
	return &App{Needs: n, settled: newBell(), recent: newRecent(n.Clock), tenants: newQueue(), proofs: newCheckpoints()}
}

// scene is what a terminal's command has before it: the terminal, and the rules of its store and tenant.
type scene struct {
	*outbox.Unit
	terminal documents.Doc[terminal.Terminal]
	site     terminal.Site
}

// command runs fn on a terminal as one outbox transaction; fn runs again when it was outrun. It
// fails with TerminalNotFound besides what Do and fn fail with.
func (a *App) command(ctx context.Context, id identity.Terminal, fn func(ctx context.Context, s *scene) error) error {
	return a.Box.Do(ctx, identity.TerminalStream(id), func(ctx context.Context, u *outbox.Unit) error {
		s, err := readScene(ctx, u, id)
		if err != nil {
			return err
		}
		return fn(ctx, s)
	}, sceneKeys(id)...)
}

func sceneKeys(id identity.Terminal) []string {
	return []string{documents.TerminalKey(id.ID()), documents.TenantKey(id.TenantID), documents.StoreKey(id.TenantID, id.StoreCode)}
}

func readScene(ctx context.Context, u *outbox.Unit, id identity.Terminal) (*scene, error) {
	items, err := u.Get(ctx, sceneKeys(id)...)
	if err != nil {
		return nil, err
	}
	t, err := documents.Parse[terminal.Terminal](items[0])
	if err != nil {
		return nil, err
	}
	if !t.Exists() {
		return nil, terminal.TerminalNotFound.New("there is no terminal %s", id.ID())
	}
	tenant, tenantErr := documents.Parse[terminal.Tenant](items[1])
	store, storeErr := documents.Parse[terminal.Store](items[2])
	site := terminal.Site{Tenant: tenant.Body, Store: store.Body, Now: u.Now()}
	return &scene{Unit: u, terminal: t, site: site}, errors.Join(tenantErr, storeErr)
}

// till is the terminal of the scene.
func (s *scene) till() *terminal.Terminal { return &s.terminal.Body }

// emit writes events of the terminal; its snapshots say which versions of store and tenant belong to it.
func (s *scene) emit(events []event.Event) error {
	for _, e := range events {
		if snapshot, ok := e.(*event.Snapshot); ok {
			snapshot.StoreVersion, snapshot.TenantVersion = s.site.Store.Version, s.site.Tenant.Version
		}
	}
	return emit(s.Unit, events)
}

// record writes the terminal and its events with the rest of the command.
func (s *scene) record(events []event.Event) error {
	if err := s.emit(events); err != nil {
		return err
	}
	return s.terminal.Put(s.Unit)
}

func emit(u *outbox.Unit, events []event.Event) error {
	for _, e := range events {
		if err := u.Emit(e); err != nil {
			return err
		}
	}
	return nil
}

// once runs fn unless the request was carried out before; then it gives the answer of that time.
func once[T any](ctx context.Context, u *outbox.Unit, stream identity.Stream, r idempotency.Request, fn func() (T, error)) (T, error) {
	var answer T
	items, err := u.Get(ctx, r.StateKey(stream.ID()))
	if err != nil {
		return answer, err
	}
	if repeated, err := r.Repeat(items[0], &answer); err != nil || repeated {
		return answer, err
	}
	if answer, err = fn(); err != nil {
		return answer, err
	}
	op, err := r.Remember(items[0], answer)
	if err == nil {
		u.Add(op)
	}
	return answer, err
}

// onTenant runs fn as one transaction of the tenant's own stream.
func (a *App) onTenant(ctx context.Context, tenantID string, fn func(ctx context.Context, u *outbox.Unit) error) error {
	return a.Box.Do(ctx, identity.TenantStream(tenantID), fn)
}

// reader reads outside a command. It fails with problem.Unavailable.
type reader struct{ store state.Store }

func (a *App) reader() reader { return reader{a.Store} }

func (r reader) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	items, err := r.store.Get(ctx, keys...)
	return items, state.Problem(err)
}

// terminalID is what may stand in a key as one; whether there is such a terminal is another matter.
var terminalID = regexp.MustCompile(`^[a-z0-9_-]{1,80}$`)

// get reads one document; a missing one, or a name that cannot be one, is the problem notFound.
func get[T any](ctx context.Context, r documents.Reader, valid bool, key string, notFound *problem.Kind) (documents.Doc[T], error) {
	if !valid {
		return documents.Doc[T]{}, notFound.New("")
	}
	d, err := documents.Get[T](ctx, r, key)
	if err == nil && !d.Exists() {
		err = notFound.New("")
	}
	return d, err
}

func getTenant(ctx context.Context, r documents.Reader, tenantID string) (documents.Doc[terminal.Tenant], error) {
	return get[terminal.Tenant](ctx, r, identity.ValidCode(tenantID), documents.TenantKey(tenantID), terminal.TenantNotFound)
}

func getStore(ctx context.Context, r documents.Reader, tenantID, storeCode string) (documents.Doc[terminal.Store], error) {
	return get[terminal.Store](ctx, r, identity.ValidCode(storeCode), documents.StoreKey(tenantID, storeCode), terminal.StoreNotFound)
}

func getStaff(ctx context.Context, r documents.Reader, tenantID, storeCode, staffID string) (documents.Doc[terminal.Staff], error) {
	return get[terminal.Staff](ctx, r, identity.ValidCode(storeCode) && terminal.ValidStaffID(staffID),
		documents.StaffKey(tenantID, storeCode, staffID), terminal.StaffNotFound)
}

func getTerminal(ctx context.Context, r documents.Reader, id string) (documents.Doc[terminal.Terminal], error) {
	return get[terminal.Terminal](ctx, r, terminalID.MatchString(id), documents.TerminalKey(id), terminal.TerminalNotFound)
}
