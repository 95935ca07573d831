package documents

import "strconv"

// The key layout is part of the contract: another version of the service finds the same things under
// the same keys. Heads, events and stored answers have theirs in pkg/outbox and pkg/idempotency.

// TenantKey of a tenant.
func TenantKey(tenantID string) string { return "tenant/" + tenantID }

// StoreKey of a store.
func StoreKey(tenantID, storeCode string) string { return "store/" + tenantID + "/" + storeCode }

// StaffKey of a staff member.
func StaffKey(tenantID, storeCode, staffID string) string {
	return "staff/" + tenantID + "/" + storeCode + "/" + staffID
}

// PINTriesKey of a staff member.
func PINTriesKey(tenantID, storeCode, staffID string) string {
	return "pin-tries/" + tenantID + "/" + storeCode + "/" + staffID
}

// TerminalKey of a terminal.
func TerminalKey(terminalID string) string { return "terminal/" + terminalID }

// CloseResultKey of the closing that began with a snapshot version.
func CloseResultKey(terminalID string, version uint64) string {
	return "close-result/" + terminalID + "/" + strconv.FormatUint(version, 10)
}

// CheckpointKey of the newest checkpoint that is known of a tenant's journal.
func CheckpointKey(tenantID string) string { return "checkpoint/" + tenantID }
