package journal

import (
	"encoding/json"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// Reason why an event lies in quarantine.
type Reason string

// The reasons. DeadLetter is the sidecar's word only: any reason that the journal finds itself is
// the better one.
const (
	Undecodable    Reason = "undecodable"     // it cannot be read, or lacks what places it
	WrongPublisher Reason = "wrong-publisher" // its producer may not publish on this topic
	ContentChanged Reason = "content-changed" // its id is known with other content
	UnknownTenant  Reason = "unknown-tenant"  // its tenant was never provisioned
	Poison         Reason = "poison"          // handling it failed again and again
	DeadLetter     Reason = "dead-letter"     // a sidecar gave it up
)

// Reasons lists them all.
var Reasons = []Reason{Undecodable, WrongPublisher, ContentChanged, UnknownTenant, Poison, DeadLetter}

// Refusal is why an event cannot be stored. Envelope is what could be read of the event's envelope;
// it is nil unless that says whose event it is.
type Refusal struct {
	Reason   Reason
	Detail   string
	Envelope *event.Envelope
}

func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.Detail }

func refuse(form []byte, reason Reason, why error) *Refusal {
	return &Refusal{Reason: reason, Detail: why.Error(), Envelope: Attribute(form)}
}

// Attribute reads the envelope of an event that may be broken elsewhere; nil when it does not tell
// whose event it is.
func Attribute(data []byte) *event.Envelope {
	var h event.Envelope
	// A field of the wrong type spoils only itself; what matters is checked below.
	_ = json.Unmarshal(data, &h)
	sequenced := h.Producer == event.ProducerCart || h.Producer == event.ProducerTerminal || h.Producer == event.ProducerJournal
	if !sequenced || h.Stream().Validate() != nil || h.Sequence > event.MaxSequence {
		return nil
	}
	return &h
}

// QuarantineState is what became of a quarantined event.
type QuarantineState string

// The states. Open waits for somebody; the others are final unless the same event is refused again
// after its replay.
const (
	QuarantineOpen      QuarantineState = "open"
	QuarantineReplayed  QuarantineState = "replayed"
	QuarantineDiscarded QuarantineState = "discarded"
)

// Quarantined is one event that could not be stored, as it came. The same content under the same id
// of the same tenant is kept once, however often it comes.
type Quarantined struct {
	ID          string // its own
	TenantID    string // "" when it cannot be attributed: then it is the platform operator's
	EventID     string // as it claims; may be ""
	ContentHash Hash
	Topic       string
	Stream      identity.Stream // zero unless the envelope could be read
	Producer    string
	Sequence    uint64 // 0: unknown, or outside any sequence
	Reason      Reason
	Detail      string
	CloudEvent  []byte
	TraceParent string
	Generation  int
	FirstSeen   time.Time
	LastSeen    time.Time
	Times       int
	State       QuarantineState
	ResolvedAt  time.Time
	ResolvedBy  string
	Resolution  string
}

// Reported tells whether the publisher can be told of the event's fate.
func (q *Quarantined) Reported() bool {
	return q.Sequence > 0 && (q.Producer == event.ProducerCart || q.Producer == event.ProducerTerminal)
}
