package app

import (
	"errors"
	"net/http"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
)

// The journal's own problems; the numbers to 410105 are those of the journal model.
var (
	EntryNotFound = &problem.Kind{Code: 410001, Status: http.StatusNotFound, Name: "journal-entry-not-found",
		Title: "There is no such journal entry", Hint: "Check the journal id; what was sold seconds ago may still be on its way."}
	BadSearch = &problem.Kind{Code: 410002, Status: http.StatusUnprocessableEntity, Name: "journal-search-invalid",
		Title: "The search cannot be understood", Hint: "Mend the parameters named in errors."}
	EntryNotStored = &problem.Kind{Code: 410003, Status: http.StatusInternalServerError, Name: "journal-entry-not-stored",
		Title: "The entry cannot be stored", Hint: "The database refuses this entry whatever the time; tell the operator the traceId."}
	SearchTooWide = &problem.Kind{Code: 410004, Status: http.StatusUnprocessableEntity, Name: "journal-search-too-wide",
		Title: "The search would read too much", Hint: "Add a filter that leaves less to read: businessDateFrom and businessDateTo, a store, terminalNo, or receiptNoFrom and receiptNoTo."}
	DirectInvalid = &problem.Kind{Code: 410005, Status: http.StatusUnprocessableEntity, Name: "journal-entry-invalid",
		Title: "The entry breaks a rule", Hint: "Mend the fields named in errors; a request that was refused has used up no Idempotency-Key."}
	DirectDateInvalid = &problem.Kind{Code: 410006, Status: http.StatusUnprocessableEntity, Name: "journal-date-invalid",
		Title: "The business date cannot be", Hint: "Give the store's trading day as YYYYMMDD."}
	EntryDamaged = &problem.Kind{Code: 410007, Status: http.StatusInternalServerError, Name: "journal-data-damaged",
		Title: "Stored data cannot be read", Hint: "Ask the operator to verify the tenant's journal and to restore it from its backup if it is damaged."}
	TenantUnknown = &problem.Kind{Code: 410008, Status: http.StatusNotFound, Name: "journal-tenant-not-found",
		Title: "The journal has no such tenant", Hint: "Check the tenant in the path; a platform operator makes a tenant's journal with POST /api/v1/tenants."}
	OrderNotFound = &problem.Kind{Code: 410009, Status: http.StatusNotFound, Name: "journal-order-not-found",
		Title: "Nothing is known of this order", Hint: "Check the order id: it is the cart's id."}
	QuarantineNotFound = &problem.Kind{Code: 410010, Status: http.StatusNotFound, Name: "quarantine-item-not-found",
		Title: "There is no such quarantined event", Hint: "List the quarantine for the ids that there are."}
	QuarantineClosed = &problem.Kind{Code: 410011, Status: http.StatusConflict, Name: "quarantine-item-closed",
		Title: "This quarantined event was dealt with before", Hint: "Show it to see how; nothing is left to do."}
	ReplayRefused = &problem.Kind{Code: 410012, Status: http.StatusConflict, Name: "quarantine-replay-refused",
		Title: "The event cannot be stored even now", Hint: "Mend what the reason names and replay it again, or discard it with a reason."}
	DiscrepancyNotFound = &problem.Kind{Code: 410013, Status: http.StatusNotFound, Name: "discrepancy-not-found",
		Title: "There is no such discrepancy", Hint: "List the discrepancies for the ids that there are."}
	DiscrepancyResolved = &problem.Kind{Code: 410014, Status: http.StatusConflict, Name: "discrepancy-resolved",
		Title: "This discrepancy is not open any more", Hint: "Show it to see how it ended; nothing is left to do."}
	CheckpointNotFound = &problem.Kind{Code: 410016, Status: http.StatusNotFound, Name: "journal-checkpoint-not-found",
		Title: "There is no such checkpoint", Hint: "List the checkpoints for the sizes that there are. One that you kept and that is missing there is a reason to verify the journal."}
	LogRewritten = &problem.Kind{Code: 410017, Status: http.StatusInternalServerError, Name: "journal-log-rewritten",
		Title: "The journal does not continue what was signed before", Hint: "Somebody changed the journal, or set it back: keep your exports and checkpoints, verify it, and have the operator restore it."}
	RetentionInvalid = &problem.Kind{Code: 410018, Status: http.StatusUnprocessableEntity, Name: "journal-retention-invalid",
		Title: "The retention policy breaks a rule", Hint: "Mend the fields named in errors."}
	SegmentNotFound = &problem.Kind{Code: 410019, Status: http.StatusNotFound, Name: "archive-segment-not-found",
		Title: "The archive has no such segment", Hint: "List the archive for the segments that there are."}
	HoldRefused = &problem.Kind{Code: 410020, Status: http.StatusConflict, Name: "archive-hold-refused",
		Title: "The segment cannot be held until then", Hint: "Show the segment: it is kept that long anyway, or its retention has ended and it is gone. What is kept can only be kept longer."}
	ArchiverBusy = &problem.Kind{Code: 410021, Status: http.StatusConflict, Name: "archive-run-under-way",
		Title: "The journal is being archived already", Hint: "Wait for that run to end; list the runs to see what it did."}
	ArchiverElsewhere = &problem.Kind{Code: 410022, Status: http.StatusConflict, Name: "archive-elsewhere",
		Title: "This journal does not archive by itself", Hint: "Another program does, with a credential of its own: run journal-archiver --tenant CODE, or make a job of the CronJob journal-archiver."}
	TerminalUnknown = &problem.Kind{Code: 410101, Status: http.StatusNotFound, Name: "journal-terminal-not-found",
		Title: "The journal knows no such terminal", Hint: "Check store and number; a new terminal is known here shortly after the terminal service made it."}
	StoreUnknown = &problem.Kind{Code: 410102, Status: http.StatusNotFound, Name: "journal-store-not-found",
		Title: "The journal knows no such store", Hint: "Check the store code; a new store is known here shortly after the terminal service made it."}
	DirectNumbersInvalid = &problem.Kind{Code: 410104, Status: http.StatusUnprocessableEntity, Name: "journal-numbers-invalid",
		Title: "The entry's numbers break a rule", Hint: "Give the numbers named in errors: a transaction has a transaction and a receipt number."}
	DirectTypeInvalid = &problem.Kind{Code: 410105, Status: http.StatusUnprocessableEntity, Name: "journal-transaction-invalid",
		Title: "Transaction type and amount do not fit", Hint: "An entry's amount is what the operation does to the till: sales are positive, returns and voids of sales negative."}
	SessionNotFound = &problem.Kind{Code: 410103, Status: http.StatusNotFound, Name: "journal-session-not-found",
		Title: "There are no logs of this session", Hint: "Check terminal, businessDate and openCounter; what happened seconds ago may still be on its way."}
	SidecarAway = &problem.Kind{Code: 411002, Status: http.StatusServiceUnavailable, Name: "journal-sidecar-unavailable",
		Title: "The journal's sidecar does not answer", Hint: "Nothing is delivered until it does; publishers keep what is not delivered. Look after the Dapr sidecar of the journal."}
	StateStoreAway = &problem.Kind{Code: 411003, Status: http.StatusServiceUnavailable, Name: "journal-state-store-unavailable",
		Title: "The state store of processed ids does not answer", Hint: "Nothing is lost or doubled: repeats cost a transaction each until it answers."}
	BrokerAway = &problem.Kind{Code: 411004, Status: http.StatusServiceUnavailable, Name: "journal-broker-unavailable",
		Title: "The broker takes no events of the journal", Hint: "Publishers keep their events and are told when it is back."}
	AlertsAway = &problem.Kind{Code: 411005, Status: http.StatusServiceUnavailable, Name: "journal-alerts-unavailable",
		Title: "Alerts do not reach anybody", Hint: "Look at the output binding that TILLROLL_ALERT_BINDING names and at its webhook; until then alerts are in the journal's log."}
	AccessNotRecorded = &problem.Kind{Code: 411006, Status: http.StatusServiceUnavailable, Name: "journal-access-not-recorded",
		Title: "The read could not be put on record, so it is refused", Hint: "Try again after Retry-After seconds; if it stays, the operator looks after the journal's database."}
	ArchiveAway = &problem.Kind{Code: 411007, Status: http.StatusServiceUnavailable, Name: "journal-archive-unavailable",
		Title: "The archive does not answer", Hint: "Look at where segments are kept (TILLROLL_ARCHIVE): is there room, is it mounted? Nothing leaves the live journal until it is written, read back and registered."}
	DatabaseAway = &problem.Kind{Code: 411001, Status: http.StatusServiceUnavailable, Name: "journal-database-unavailable",
		Title: "The journal's database does not answer", Hint: "Try again after Retry-After seconds, with the same Idempotency-Key if the request changes something."}
)

// Catalogue lists the journal's own problems.
var Catalogue = []*problem.Kind{
	EntryNotFound, BadSearch, SearchTooWide, EntryDamaged, TenantUnknown, OrderNotFound,
	EntryNotStored, DirectInvalid, DirectDateInvalid, TerminalUnknown, StoreUnknown, DirectNumbersInvalid, DirectTypeInvalid, DatabaseAway, SidecarAway, StateStoreAway, BrokerAway, AlertsAway, AccessNotRecorded,
	QuarantineNotFound, QuarantineClosed, ReplayRefused, SessionNotFound, DiscrepancyNotFound, DiscrepancyResolved,
	CheckpointNotFound, LogRewritten,
	RetentionInvalid, SegmentNotFound, HoldRefused, ArchiverBusy, ArchiverElsewhere, ArchiveAway,
}

// asProblem turns a failure of the store into what a caller is told; notFound is what ErrNotFound
// means there.
func asProblem(err error, notFound *problem.Kind) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return notFound.New("").Because(err)
	case errors.Is(err, ErrUnknownTenant):
		return TenantUnknown.New("").Because(err)
	case errors.Is(err, ErrDamaged):
		return EntryDamaged.New("").Because(err)
	case errors.Is(err, ErrUnavailable):
		return DatabaseAway.New("").Because(err).After(2 * time.Second)
	}
	return err
}
