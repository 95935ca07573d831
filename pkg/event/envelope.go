// Package event is the wire contract of the topics: what services tell each other, field by field.
//
// The golden files in testdata pin every type's JSON. A field is never renamed or given another
// meaning; a new one is optional, and a breaking change takes a new schema version. The package
// knows nothing of how events are stored or delivered.
package event

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/identity"
)

// The topics.
const (
	TopicTranLog        = "topic-tranlog"
	TopicCashLog        = "topic-cashlog"
	TopicOpenCloseLog   = "topic-opencloselog"
	TopicEvents         = "topic-events"
	TopicTerminal       = "topic-terminal"
	TopicSession        = "topic-session"
	TopicSnapshotWanted = "topic-snapshot-wanted"
	TopicJournalStatus  = "topic-journal-status"
)

// The producers. Only cart and terminal have sequences.
const (
	ProducerCart     = "cart"
	ProducerTerminal = "terminal"
	ProducerJournal  = "journal"
)

// SchemaVersion that this code writes and the newest that it reads.
const SchemaVersion = 1

// MaxSequence keeps counters exact through float64 (2^53 − 1).
const MaxSequence = 1<<53 - 1

// Envelope is in every event.
//
// EventID (UUID, version 7) is the only key by which a repeat is recognised. Sequence is gapless from
// 1 per stream and producer over all topics of that producer; 0 means that the event is outside any
// sequence (answers and requests that carry no record: session reports, snapshot requests, status).
// StoreCode is empty and TerminalNo 0 in a tenant's own stream.
type Envelope struct {
	EventID        string    `json:"event_id"`
	SchemaVersion  int       `json:"schema_version"`
	TenantID       string    `json:"tenant_id"`
	StoreCode      string    `json:"store_code,omitempty"`
	TerminalNo     int       `json:"terminal_no,omitempty"`
	Producer       string    `json:"producer"`
	Sequence       uint64    `json:"sequence,omitempty"`
	DeviceSequence uint64    `json:"device_sequence,omitempty"`
	OccurredAt     time.Time `json:"occurred_at"`
}

// Event is anything with an Envelope that knows its topic.
type Event interface {
	Topic() string
	Head() *Envelope
}

// Head gives the envelope, to be read and filled in.
func (e *Envelope) Head() *Envelope { return e }

// Stream is whose sequence the event stands in.
func (e *Envelope) Stream() identity.Stream {
	return identity.Stream{TenantID: e.TenantID, StoreCode: e.StoreCode, TerminalNo: e.TerminalNo}
}

// Validate tells what makes the envelope unusable, or returns nil. It says nothing of the rest.
func (e *Envelope) Validate() error {
	if _, err := uuid.Parse(e.EventID); err != nil || len(e.EventID) != 36 {
		return fmt.Errorf("event_id %q is not a UUID", clip(e.EventID))
	}
	if e.SchemaVersion < 1 {
		return fmt.Errorf("schema_version is missing")
	}
	if e.SchemaVersion > SchemaVersion {
		return fmt.Errorf("schema_version %d is newer than %d, the newest this service reads", e.SchemaVersion, SchemaVersion)
	}
	if err := e.Stream().Validate(); err != nil {
		return err
	}
	switch e.Producer {
	case ProducerCart, ProducerTerminal, ProducerJournal:
	default:
		return fmt.Errorf("producer %q is none of cart, terminal, journal", clip(e.Producer))
	}
	if e.Sequence > MaxSequence {
		return fmt.Errorf("sequence %d is above 2^53", e.Sequence)
	}
	if e.OccurredAt.IsZero() {
		return fmt.Errorf("occurred_at is missing")
	}
	return nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
