package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Kind of a discrepancy: the rule that what is stored breaks.
type Kind string

// The kinds. Nothing that breaks a rule is kept out of the journal: it is stored, and a discrepancy
// beside it says what is wrong.
const (
	SequenceGap   Kind = "sequence-gap"         // numbers of a producer's sequence have not come
	SequenceTwice Kind = "sequence-twice"       // two events carry one number of a sequence
	ReceiptTwice  Kind = "receipt-number-twice" // within a terminal's business date
	TotalsDiffer  Kind = "totals-differ"        // a transaction's amounts do not add up
	Incomplete    Kind = "incomplete"           // a log lacks what every entry must have
	SessionDiffer Kind = "session-differs"      // logs and close log say different things
	AfterClose    Kind = "after-close"          // the close log does not know of the event
	UnknownStaff  Kind = "unknown-staff"        // nobody of that id was signed in at the terminal
)

// KindRow is one row of the table of kinds.
type KindRow struct {
	Kind  Kind
	Money bool // money may be wrong or missing: somebody is told at once
	Heals bool // what arrives later can put it right; otherwise people accept it, with a reason
}

// Kinds is the table of kinds.
var Kinds = []KindRow{
	{SequenceGap, false, true},
	{SequenceTwice, true, false},
	{ReceiptTwice, true, false},
	{TotalsDiffer, true, false},
	{Incomplete, false, false},
	{SessionDiffer, true, true},
	{AfterClose, true, true},
	{UnknownStaff, false, true},
}

// KindNames lists the kinds.
var KindNames = func() (names []Kind) {
	for _, r := range Kinds {
		names = append(names, r.Kind)
	}
	return names
}()

// OfMoney tells whether money may be wrong or missing.
func (k Kind) OfMoney() bool {
	return slices.ContainsFunc(Kinds, func(r KindRow) bool { return r.Kind == k && r.Money })
}

// mostNamed is how many events a finding names; it counts the others.
const mostNamed = 20

// Finding is what is wrong now, in facts that another look at the same events finds again.
type Finding struct {
	Kind Kind `json:"kind"`
	// Key names what is wrong among the findings of its kind in a stream: a producer, an event, a
	// session, a receipt number.
	Key          string       `json:"key"`
	BusinessDate string       `json:"business_date,omitempty"`
	OpenCounter  int          `json:"open_counter,omitempty"`
	Detail       string       `json:"detail"`
	Producer     string       `json:"producer,omitempty"`
	Numbers      sequence.Set `json:"numbers,omitempty"` // of a sequence: missing, or used twice
	Events       []string     `json:"events,omitempty"`  // at most mostNamed of them
	Differences  []Difference `json:"differences,omitempty"`
}

// Same tells whether two findings say the same.
func (f *Finding) Same(other *Finding) bool { return reflect.DeepEqual(f, other) }

// DiscrepancyState is what became of a discrepancy.
type DiscrepancyState string

// The states. Only what is open can change; when the same thing goes wrong again it is another
// discrepancy.
const (
	DiscrepancyOpen     DiscrepancyState = "open"
	DiscrepancyClosed   DiscrepancyState = "closed"   // it was put right
	DiscrepancyAccepted DiscrepancyState = "accepted" // somebody looked at it and said why it stays so
)

// DiscrepancyStates lists them.
var DiscrepancyStates = []DiscrepancyState{DiscrepancyOpen, DiscrepancyClosed, DiscrepancyAccepted}

// Discrepancy is a finding with its history.
type Discrepancy struct {
	ID         string
	Stream     identity.Stream
	Occurrence int // how often this went wrong, from 1
	Finding
	State      DiscrepancyState
	OpenedAt   time.Time
	ChangedAt  time.Time
	ResolvedAt time.Time // zero while it is open
	ResolvedBy string
	Resolution string
}

// putRight is the resolution of what closed by itself.
const putRight = "put right by what arrived since"

// ByItself is who closes what was put right.
const ByItself = "journal"

// Settle says what is to be stored of a key of which found is wrong now (nil: nothing is), when
// latest is the newest discrepancy of that key (nil: there is none). It gives nil when nothing
// changes, so it may be asked again and again.
func Settle(stream identity.Stream, key FindingKey, found *Finding, latest *Discrepancy, now time.Time) *Discrepancy {
	switch {
	case found == nil && (latest == nil || latest.State != DiscrepancyOpen):
		return nil
	case found == nil:
		d := *latest
		d.State, d.ChangedAt, d.ResolvedAt, d.ResolvedBy, d.Resolution = DiscrepancyClosed, now, now, ByItself, putRight
		return &d
	case latest != nil && latest.State != DiscrepancyClosed && found.Same(&latest.Finding):
		return nil
	case latest != nil && latest.State == DiscrepancyOpen:
		d := *latest
		d.Finding, d.ChangedAt = *found, now
		return &d
	}
	d := &Discrepancy{Stream: stream, Occurrence: 1, Finding: *found, State: DiscrepancyOpen, OpenedAt: now, ChangedAt: now}
	if latest != nil {
		d.Occurrence = latest.Occurrence + 1
	}
	d.ID = discrepancyID(stream, key, d.Occurrence)
	return d
}

// FindingKey names a finding in its stream.
type FindingKey struct {
	Kind Kind
	Key  string
}

// discrepancyID is the same whoever finds it, and however often.
func discrepancyID(stream identity.Stream, key FindingKey, occurrence int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tillroll-discrepancy\n%s\n%s\n%s\n%d\n", stream.ID(), key.Kind, key.Key, occurrence))
	return hex.EncodeToString(sum[:16])
}
