package app

import (
	"context"
	"errors"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Errors of the store. Everything else that it fails with is a programming error.
var (
	// ErrUnknownTenant says that the tenant was never provisioned.
	ErrUnknownTenant = errors.New("store: tenant not provisioned")
	// ErrNotFound says that there is no such entry, item or copy.
	ErrNotFound = errors.New("store: not found")
	// ErrTooWide says that a search would have to look at too much.
	ErrTooWide = errors.New("store: search too wide")
	// ErrUnavailable is a passing fault, whoever's: nothing was stored, or it is not known whether it
	// was. The same call may work later.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrDamaged says that what was stored cannot be read back.
	ErrDamaged = errors.New("store: damaged")
	// ErrMoved says that another process did the same in the meantime.
	ErrMoved = errors.New("store: somebody else was first")
	// ErrRefused says that the store will never take this, whatever the time: the fault is the
	// event's own.
	ErrRefused = errors.New("store: refused")
)

// Outcome is what became of one event of a commit.
type Outcome int

// The outcomes.
const (
	Stored  Outcome = iota + 1 // it is in the journal now
	Repeat                     // it was there before, with the same content
	Changed                    // its id was there before, with other content
)

func (o Outcome) String() string {
	return [...]string{"", "stored", "repeat", "changed"}[o]
}

// Store keeps the journal. Both adapters pass the suite in storetest. All of it is safe for
// concurrent use, and every call but Provision fails with ErrUnknownTenant for a tenant that was not
// provisioned, and with ErrUnavailable when the database does not answer.
type Store interface {
	Recorder
	Reader
	Quarantine
	Log
	Examiner
	AccessLog
	Archive
	// Ping tells whether the database can be read and written now.
	Ping(ctx context.Context) error
	// Describe tells which database it is and, of a cluster, who its members are.
	Describe(ctx context.Context) (DatabaseState, error)
	Close() error
}

// DatabaseState is what a database says of itself. The replica set is empty where there is none.
type DatabaseState struct {
	Engine     string
	ReplicaSet string
	Primary    string // "": nobody is
	Members    []string
}

// Recorder is how events get in. Nothing that is in is ever changed or removed.
type Recorder interface {
	// Provision makes all that a tenant needs, and mends what of it is missing. It tells whether the
	// tenant is new.
	Provision(ctx context.Context, tenant string) (created bool, err error)
	// Tenants lists the provisioned tenants in order.
	Tenants(ctx context.Context) ([]string, error)
	// Commit stores records of one tenant in one transaction, each completely (event id, log, entry,
	// chain link, progress, and the copy of a snapshot), and says of each what became of it. When it
	// fails nothing of any was stored, or, with ErrUnavailable, nobody knows; to commit them again is
	// always right. It fails with ErrRefused when one of the records can never be stored, as one with more
	// than MaxContent bytes.
	Commit(ctx context.Context, tenant string, records []*journal.Record) ([]Outcome, error)
	// Backfill makes a small part of what a tenant's database lacks because an older program wrote it
	// (nothing that was committed is touched), and tells how far it has come. Searches do without it until
	// then. Whoever is interrupted goes on where he was.
	Backfill(ctx context.Context, tenant string) (Backlog, error)
	// Known gives the content hashes of those of the events that are stored.
	Known(ctx context.Context, tenant string, eventIDs []string) (map[string]journal.Hash, error)
}

// Backlog is how much of a backfill is done, in events; both are 0 when there is nothing to do.
type Backlog struct{ Done, All int64 }

// Left is how much there is to do.
func (b Backlog) Left() int64 { return b.All - b.Done }

// Reader is how the journal is read.
type Reader interface {
	// Search gives one page. It fails with ErrNotFound when there is no entry q.After, and with
	// ErrTooWide. An order by relevance is not its business.
	Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error)
	// Each calls visit with the entries that fulfil q, its page and After apart, in order, until visit
	// returns false. It fails with ErrTooWide as Search does.
	Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error
	// Entry gives one entry by its event's id, or ErrNotFound.
	Entry(ctx context.Context, tenant, eventID string) (*journal.Listed, error)
	// Direct gives what a request made of the entry with that event id, or ErrNotFound.
	Direct(ctx context.Context, tenant, eventID string) (*journal.Direct, error)
	// Order gives the business events of one order by time, and the entries of its transactions.
	Order(ctx context.Context, tenant, orderID string) ([]*event.Business, []journal.Listed, error)
	// Events gives business events in the order of the query, and whether there are more. It fails with
	// ErrNotFound when there is no event q.After, and with ErrTooWide.
	Events(ctx context.Context, tenant string, q journal.EventQuery) (found []*event.Business, more bool, err error)
	// Session gives the logs of one session, each kind by sequence; all are empty when there are none.
	Session(ctx context.Context, tenant string, key journal.SessionKey) (*journal.Session, error)
	// Progress gives what of one producer's sequence in a stream is stored; empty when nothing is.
	Progress(ctx context.Context, stream identity.Stream, producer string) (journal.Progress, error)
	// Streams lists the streams of a tenant by id, with their heads and progress.
	Streams(ctx context.Context, tenant string) ([]journal.StreamState, error)
	// Walk reads everything of a tenant in one consistent view. It ends with the first error that one
	// of the walker's functions returns, and fails with it.
	Walk(ctx context.Context, tenant string, w Walker) error
	// Terminal gives the newest snapshot of a terminal, or ErrNotFound.
	Terminal(ctx context.Context, terminalID string) (*event.Snapshot, error)
	// Stores gives the newest snapshots of a tenant's stores, by store code.
	Stores(ctx context.Context, tenant string) ([]*event.Snapshot, error)
}

// Walker is called with every stream of a tenant, after it with each of its links in the order of
// their places, and at last with everything stored that no link covers. A link is Link's until it returns:
// whoever keeps one keeps a copy.
type Walker struct {
	Stream func(journal.StreamState) error
	Link   func(*journal.Stored) error
	Stray  func(where, id string) error
}

// Quarantine keeps what could not be stored.
type Quarantine interface {
	// Put keeps items, all or none. What is kept already (the same tenant, event id and content hash)
	// is counted again; a replayed one is open again, and the journal's own reason replaces a dead
	// letter's.
	Put(ctx context.Context, items []*journal.Quarantined) error
	// Item gives one item, or ErrNotFound.
	Item(ctx context.Context, id string) (*journal.Quarantined, error)
	// Items lists what q asks for, newest last, without the events themselves, and counts all of it.
	Items(ctx context.Context, q QuarantineQuery) (items []*journal.Quarantined, total int, err error)
	// Resolve closes an open item. It tells whether the item was open.
	Resolve(ctx context.Context, id string, r Resolution) (closed bool, err error)
	// Fates gives what of a producer's stream lies open, and which sequences were discarded.
	Fates(ctx context.Context, stream identity.Stream, producer string) (open []event.FailedEvent, discarded []uint64, err error)
	// Waiting lists at most limit open items of a tenant that wait for the tenant, with their events,
	// beginning after the item with the id after.
	Waiting(ctx context.Context, tenant, after string, limit int) ([]*journal.Quarantined, error)
	// WaitingFor lists the tenants that open items wait for.
	WaitingFor(ctx context.Context) ([]string, error)
	// Depth counts the open items.
	Depth(ctx context.Context) (int, error)
	// Owing lists at most limit items that word is owed of, without the events, oldest first. Put and
	// Resolve incur debts, in one with what they store: Put an alert (journal.Quarantined.AlertOwed says
	// when), Resolve what the resolution says; it cancels an alert.
	Owing(ctx context.Context, debt journal.Debt, limit int) ([]*journal.Quarantined, error)
	// Paid notes that the word was given; ids that owe nothing, or are not there, are ignored.
	Paid(ctx context.Context, debt journal.Debt, ids []string) error
}

// QuarantineQuery says which items are wanted.
type QuarantineQuery struct {
	TenantID string // "": those that belong to no tenant
	State    journal.QuarantineState
	Reason   journal.Reason // "": any
	Skip     int
	Limit    int
}

// Resolution is how an item ends.
type Resolution struct {
	State journal.QuarantineState
	By    string
	Why   string
	At    time.Time
	Owes  journal.Debt // "": nobody is owed word of it
}

// Examiner is how what is stored is held against the rules afterwards (examine.go). Everything it keeps
// is derived from the journal: nothing of it is part of a commit, and a commit that nobody has looked
// at yet is known by its chain's head alone.
type Examiner interface {
	// Unexamined lists the streams of a tenant that have links behind their examination, or that are to
	// be looked at again by now.
	Unexamined(ctx context.Context, tenant string, now time.Time) ([]identity.Stream, error)
	// Examination gives what was saved of a stream; zero when it was never examined.
	Examination(ctx context.Context, stream identity.Stream) (Saved, error)
	// Behind gives at most limit links of a stream behind a place, in order.
	Behind(ctx context.Context, stream identity.Stream, seq uint64, limit int) ([]*journal.Examined, error)
	// Receipts gives the transactions of a terminal and business date that carry one of numbers.
	Receipts(ctx context.Context, t identity.Terminal, businessDate string, numbers []int64) ([]journal.ReceiptUse, error)
	// Settle saves an examination together with what it found, and gives what was changed by it
	// (journal.Settle says what). It fails with ErrMoved when the stream was examined since it was read.
	Settle(ctx context.Context, s *Settlement) ([]*journal.Discrepancy, error)
	// Discrepancies lists what q asks for, newest first, and counts all of it.
	Discrepancies(ctx context.Context, tenant string, q DiscrepancyQuery) (items []*journal.Discrepancy, total int, err error)
	// Discrepancy gives one, or ErrNotFound.
	Discrepancy(ctx context.Context, tenant, id string) (*journal.Discrepancy, error)
	// Accept resolves an open discrepancy. It tells whether it was open.
	Accept(ctx context.Context, tenant, id string, by, why string, at time.Time) (done bool, err error)
	// OpenDiscrepancies counts those of a tenant that are open, by kind.
	OpenDiscrepancies(ctx context.Context, tenant string) (map[journal.Kind]int, error)
	// Unalerted lists at most limit open discrepancies of which people are owed an alert, oldest first.
	// Settle incurs that, in one with what it saves (journal.Discrepancy.AlertOwed says when); what is
	// closed or accepted owes none.
	Unalerted(ctx context.Context, tenant string, limit int) ([]*journal.Discrepancy, error)
	// Alerted notes that people have the alert; ids that owe none, or are not there, are ignored.
	Alerted(ctx context.Context, tenant string, ids []string) error
}

// Saved is an examination as it is kept.
type Saved struct {
	State []byte
	Turn  int64 // counts how often it was saved
	Open  []*journal.Discrepancy
}

// Settlement is an examination to be kept.
type Settlement struct {
	Stream   identity.Stream
	Turn     int64 // as it was read
	Seq      uint64
	State    []byte
	Due      time.Time // zero: only when something new comes
	Findings map[journal.FindingKey]*journal.Finding
	Now      time.Time
}

// DiscrepancyQuery says which discrepancies are wanted; zero values want all.
type DiscrepancyQuery struct {
	StoreCode    string
	TerminalNo   int
	State        journal.DiscrepancyState
	Kind         journal.Kind
	BusinessDate string
	Session      int // the open counter of one; those that belong to no session are listed, too
	Skip, Limit  int
}

// AccessLog keeps who read what. Nothing that is in is ever changed or removed.
type AccessLog interface {
	// RecordAccess keeps one read.
	RecordAccess(ctx context.Context, tenant string, a *journal.Access) error
	// Accesses lists what q asks for, newest first, and counts all of it.
	Accesses(ctx context.Context, tenant string, q AccessQuery) (items []*journal.Access, total int, err error)
}

// AccessQuery says which reads are wanted; zero values want all.
type AccessQuery struct {
	Subject     string
	At          journal.Span[time.Time] // From included, To excluded
	Skip, Limit int
}

// Publisher sends events; cloudevent.Publisher is one.
type Publisher interface {
	// Publish sends messages in order and tells how many, counted from the front, went out.
	Publish(ctx context.Context, topic string, messages []outbox.Message) (int, error)
}

// Hints is where processed events are marked; any state store will do, since nobody relies on it.
type Hints = state.Store
