package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// Record is one event as it is stored: what it says, its canonical text, and the entry that it makes.
type Record struct {
	Event       event.Event
	Content     []byte // canonical JSON
	ContentHash Hash
	Entry       *Entry // nil when the event makes none
	EntryHash   Hash   // zero when there is no entry
	TraceParent string // of the publisher, for looking back
	Generation  int    // of the publisher's outbox, echoed in status messages
}

// Envelope of the event.
func (r *Record) Envelope() *event.Envelope { return r.Event.Head() }

// Stream whose sequence the event stands in.
func (r *Record) Stream() identity.Stream { return r.Envelope().Stream() }

// Stored is one event as it is read back, with its link.
type Stored struct {
	Link
	Hash      Hash // as stored; Link.Hash() says what it must be
	Topic     string
	Producer  string
	Sequence  uint64
	Content   []byte
	Entry     *Entry
	Generated time.Time // the entry's instant as it is indexed
	Number    *int64    // the entry's transaction number as it is indexed
	// Archived says that content and entry are not here, because a segment of the archive has them.
	Archived bool
}

// subject is one row of the table of topics: what comes on it, from whom, in which streams.
type subject struct {
	make      func() event.Event
	producers []string
	check     func(event.Event) error
}

// subjects are the topics that the journal stores.
var subjects = map[string]subject{
	event.TopicTranLog:      {func() event.Event { return new(event.TranLog) }, []string{event.ProducerCart}, checkTransaction},
	event.TopicCashLog:      {func() event.Event { return new(event.CashLog) }, []string{event.ProducerTerminal}, checkCash},
	event.TopicOpenCloseLog: {func() event.Event { return new(event.OpenCloseLog) }, []string{event.ProducerTerminal}, checkOpenClose},
	event.TopicEvents:       {func() event.Event { return new(event.Business) }, []string{event.ProducerCart, event.ProducerTerminal}, checkBusiness},
	event.TopicTerminal:     {func() event.Event { return new(event.Snapshot) }, []string{event.ProducerTerminal}, checkSnapshot},
}

// Consumes tells whether the journal stores what comes on topic.
func Consumes(topic string) bool { _, ok := subjects[topic]; return ok }

// Decode reads the data of one event of a topic and makes its record. It fails with a *Refusal when
// the event cannot be stored whatever happens; it never refuses an event for what it says of money,
// numbers or people: what happened at a till is recorded even when it breaks a rule.
func Decode(topic string, data []byte) (*Record, error) {
	form, err := canonical.JSON(data)
	if err != nil {
		return nil, &Refusal{Reason: Undecodable, Detail: err.Error()}
	}
	s, ok := subjects[topic]
	if !ok {
		return nil, refuse(form, Undecodable, fmt.Errorf("the journal takes nothing on topic %q", topic))
	}
	e := s.make()
	// The canonical form is read, not the data: it has whole numbers where a sidecar wrote 1e+06.
	if err := json.Unmarshal(form, e); err != nil {
		return nil, refuse(form, Undecodable, plain(err))
	}
	if err := e.Head().Validate(); err != nil {
		return nil, refuse(form, Undecodable, err)
	}
	if producer := e.Head().Producer; !slices.Contains(s.producers, producer) {
		return nil, refuse(form, WrongPublisher, fmt.Errorf("%s may not publish on %s", producer, topic))
	}
	if err := s.check(e); err != nil {
		return nil, refuse(form, Undecodable, err)
	}
	return newRecord(e, form)
}

// plain says what is wrong with a field in words that name no type of this program.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.Field == "":
		return fmt.Errorf("the event is a %s and no object", wrong.Value)
	}
	return fmt.Errorf("field %s cannot be a %s", wrong.Field, wrong.Value)
}

func newRecord(e event.Event, form []byte) (*Record, error) {
	r := &Record{Event: e, Content: form, ContentHash: HashOf(form), Entry: EntryOf(e)}
	if r.Entry == nil {
		return r, nil
	}
	var err error
	if r.EntryHash, err = r.Entry.Hash(); err != nil {
		return nil, refuse(form, Undecodable, err)
	}
	return r, nil
}

func checkTransaction(e event.Event) error {
	l := e.(*event.TranLog)
	switch Type(l.TransactionType) {
	case Sale, Return, VoidSale, VoidReturn:
	default:
		return fmt.Errorf("transaction_type %d is none of 101, 102, 201, 202", l.TransactionType)
	}
	return checkSession(&l.Envelope, l.BusinessDate)
}

func checkCash(e event.Event) error {
	l := e.(*event.CashLog)
	return checkSession(&l.Envelope, l.BusinessDate)
}

func checkOpenClose(e event.Event) error {
	l := e.(*event.OpenCloseLog)
	if l.Operation != event.OperationOpen && l.Operation != event.OperationClose {
		return fmt.Errorf("operation %q is neither open nor close", l.Operation)
	}
	return checkSession(&l.Envelope, l.BusinessDate)
}

// checkSession makes sure that a log can be attributed: to a terminal and to a business date.
func checkSession(h *event.Envelope, businessDate string) error {
	if h.TerminalNo == 0 {
		return fmt.Errorf("the log belongs to no terminal")
	}
	if !ValidBusinessDate(businessDate) {
		return fmt.Errorf("business_date %.20q is not a date of the form YYYYMMDD", businessDate)
	}
	return nil
}

// ValidBusinessDate tells whether s is a date of the form YYYYMMDD.
func ValidBusinessDate(s string) bool {
	_, err := time.Parse("20060102", s)
	return err == nil && len(s) == 8
}

func checkBusiness(e event.Event) error {
	b := e.(*event.Business)
	if b.EventType == "" {
		return fmt.Errorf("eventType is missing")
	}
	if b.TerminalNo == 0 {
		return fmt.Errorf("the business event belongs to no terminal")
	}
	return nil
}

// checkSnapshot makes sure that the state is there and is of the thing that the envelope names:
// otherwise one tenant's event could replace another's copy.
func checkSnapshot(e event.Event) error {
	s := e.(*event.Snapshot)
	switch {
	case s.Kind == event.KindTenant && s.Tenant != nil && s.Tenant.TenantID == s.TenantID:
	case s.Kind == event.KindStore && s.Store != nil && identity.ValidCode(s.Store.StoreCode):
	case s.Kind == event.KindTerminal && s.Terminal != nil && s.TerminalNo > 0 && s.Terminal.TerminalID == s.Stream().ID():
	default:
		return fmt.Errorf("the snapshot's kind %.20q, its state and its envelope do not fit together", s.Kind)
	}
	return nil
}

// ProvisionedBy is the tenant that a record calls into being, or "".
func (r *Record) ProvisionedBy() string {
	if s, ok := r.Event.(*event.Snapshot); ok && s.Kind == event.KindTenant {
		return s.TenantID
	}
	return ""
}
