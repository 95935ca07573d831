package event

import (
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// The kinds of Snapshot.
const (
	KindTenant   = "tenant"
	KindStore    = "store"
	KindTerminal = "terminal"
)

// Snapshot is the whole present state of a tenant, store or terminal (topic-terminal). A reader keeps
// the one with the highest Version per thing and ignores the rest. Tenant and store snapshots stand
// in the tenant's stream, so Code names the store there. That of a terminal says which versions its store
// and tenant had: who has older ones has missed a snapshot and can ask for it.
type Snapshot struct {
	Envelope
	Kind     string         `json:"kind"`
	Version  uint64         `json:"version"`
	Tenant   *TenantState   `json:"tenant,omitempty"`
	Store    *StoreState    `json:"store,omitempty"`
	Terminal *TerminalState `json:"terminal,omitempty"`

	StoreVersion  uint64 `json:"store_version,omitempty"`
	TenantVersion uint64 `json:"tenant_version,omitempty"`
}

// Topic of a Snapshot.
func (*Snapshot) Topic() string { return TopicTerminal }

// Code names the thing that the snapshot is of among those of its kind in the tenant.
func (s *Snapshot) Code() string {
	switch s.Kind {
	case KindStore:
		return s.Store.StoreCode
	case KindTerminal:
		return s.Terminal.TerminalID
	}
	return s.TenantID
}

// TenantState of a Snapshot.
type TenantState struct {
	TenantID   string `json:"tenant_id"`
	TenantName string `json:"tenant_name"`
	IsActive   bool   `json:"is_active"`
}

// StoreState of a Snapshot.
type StoreState struct {
	StoreCode                 string         `json:"store_code"`
	StoreName                 string         `json:"store_name"`
	TimeZone                  string         `json:"time_zone"`
	Language                  string         `json:"language"`
	Currency                  money.Currency `json:"currency"`
	InvoiceRegistrationNumber string         `json:"invoice_registration_number,omitempty"`
	ReceiptHeaders            []string       `json:"receipt_headers,omitempty"`
	ReceiptFooters            []string       `json:"receipt_footers,omitempty"`
	ReceiptWidth              int            `json:"receipt_width,omitempty"` // columns
	IsActive                  bool           `json:"is_active"`
}

// Terminal status.
const (
	StatusIdle    = "Idle" // never opened
	StatusOpened  = "Opened"
	StatusClosing = "Closing"
	StatusClosed  = "Closed"
)

// TerminalState of a Snapshot. APIKeySHA256 is the fingerprint of the terminal's key in hex; it is
// left out of terminal_info in logs.
type TerminalState struct {
	TerminalID      string        `json:"terminal_id"`
	Description     string        `json:"description,omitempty"`
	Status          string        `json:"status"`
	FunctionMode    string        `json:"function_mode,omitempty"`
	BusinessDate    string        `json:"business_date,omitempty"`
	OpenCounter     int           `json:"open_counter"`
	BusinessCounter int           `json:"business_counter"`
	InitialAmount   money.Decimal `json:"initial_amount"`
	Staff           *Person       `json:"staff,omitempty"`
	APIKeySHA256    string        `json:"api_key_sha256,omitempty"`
	IsActive        bool          `json:"is_active"`
}

// SessionReport is the cart service's answer to a terminal that is Closing (topic-session). It is
// for the closing whose snapshot had ClosingVersion. Either the session is sealed, and the counts
// are final, or CartsInProgress names what is in the way. CashAmount is the net cash of the session's
// transactions: what they put into the drawer less what they took out. It carries no sequence.
type SessionReport struct {
	Envelope
	BusinessDate      string        `json:"business_date"`
	OpenCounter       int           `json:"open_counter"`
	ClosingVersion    uint64        `json:"closing_version"`
	IsSealed          bool          `json:"is_sealed"`
	TransactionCount  int64         `json:"transaction_count"`
	TransactionLastNo int64         `json:"transaction_last_no"`
	LastSequence      uint64        `json:"last_sequence"`
	CashAmount        money.Decimal `json:"cash_amount"`
	CartsInProgress   []string      `json:"carts_in_progress,omitempty"`
}

// Topic of a SessionReport.
func (*SessionReport) Topic() string { return TopicSession }

// SnapshotWanted asks the owner to publish the current snapshot again (topic-snapshot-wanted):
// of the terminal named in the envelope and its store and tenant, or, with terminal_no 0, of the
// whole tenant. It carries no sequence.
type SnapshotWanted struct {
	Envelope
	AskedBy string `json:"asked_by"`
}

// Topic of a SnapshotWanted.
func (*SnapshotWanted) Topic() string { return TopicSnapshotWanted }

// JournalStatus tells a producer what the journal has (topic-journal-status), batched per stream and
// producer: everything through ReceivedThrough except Missing was received. Failed events lie in
// quarantine; Cleared ones were discarded there on purpose. Generation echoes the one that the
// delivered events carried, so that word from before a redelivery cannot be taken for word after it.
// The envelope names the stream and the producer that it is for. Checkpoint is the newest signed one of
// the tenant's log (pkg/proof), for whoever receives it to keep.
type JournalStatus struct {
	Envelope
	Generation      int           `json:"generation"`
	ReceivedThrough uint64        `json:"received_through"`
	Missing         sequence.Set  `json:"missing,omitempty"`
	Failed          []FailedEvent `json:"failed,omitempty"`
	Cleared         []uint64      `json:"cleared,omitempty"`
	Checkpoint      string        `json:"checkpoint,omitempty"`
}

// Topic of a JournalStatus.
func (*JournalStatus) Topic() string { return TopicJournalStatus }

// FailedEvent is an event that the journal could not store.
type FailedEvent struct {
	EventID  string `json:"event_id"`
	Sequence uint64 `json:"sequence"`
	Reason   string `json:"reason"`
}
