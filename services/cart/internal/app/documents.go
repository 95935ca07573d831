package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// The keys of the service's own state, beside those of the outbox.
func cartKey(cartID string) string { return "cart/" + cartID }

func terminalCopyKey(terminalID string) string { return "copy/terminal/" + terminalID }

func storeCopyKey(tenantID, storeCode string) string {
	return "copy/store/" + tenantID + "/" + storeCode
}

func tenantCopyKey(tenantID string) string { return "copy/tenant/" + tenantID }

func transactionKey(terminalID string, no int64) string {
	return "transaction/" + terminalID + "/" + strconv.FormatInt(no, 10)
}

// documentVersion of everything that is stored here. Older ones are upgraded when read, newer ones
// refused.
const documentVersion = 1

// keepEnded is how long a completed or cancelled cart can still be read: longer than any terminal is
// offline with a bill whose answer it never got. Its transaction stays for ever.
const keepEnded = 30 * 24 * time.Hour

// schema is the first field of every document.
type schema struct {
	SchemaVersion int `json:"schema_version"`
}

func (s *schema) schemaVersion() *int { return &s.SchemaVersion }

// current is the schema of what this code writes.
var current = schema{documentVersion}

// read gives the document in item; a new one when there is none.
func read[T any, P interface {
	*T
	schemaVersion() *int
}](item state.Item) (T, error) {
	var doc T
	version := P(&doc).schemaVersion()
	*version = documentVersion
	if !item.Exists() {
		return doc, nil
	}
	if err := item.Decode(&doc); err != nil {
		return doc, err
	}
	if *version > documentVersion {
		return doc, fmt.Errorf("app: %s has version %d, this program reads up to %d: run a newer one", item.Key, *version, documentVersion)
	}
	return doc, nil
}

// cartDocument is a stored cart.
type cartDocument struct {
	schema
	// LastCommand is the id of the command that wrote this. A command that finds its own id has
	// happened already: something below it repeated a write whose reply was lost.
	LastCommand string    `json:"last_command"`
	Cart        cart.Cart `json:"cart"`
}

// terminalCopy is what the terminal service last said of a terminal.
type terminalCopy struct {
	schema
	Terminal identity.Terminal   `json:"terminal"`
	Version  uint64              `json:"version"`
	State    event.TerminalState `json:"state"`
}

type storeCopy struct {
	schema
	Version uint64           `json:"version"`
	State   event.StoreState `json:"state"`
}

type tenantCopy struct {
	schema
	Version uint64            `json:"version"`
	State   event.TenantState `json:"state"`
}

// transaction is a stored transaction. It is never changed.
type transaction struct {
	schema
	Log *event.TranLog `json:"log"`
}
