package terminal

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/problem"
)

// The problems of this service. Codes follow the peer's ranges: 406 terminals and staff, 407 tenants
// and stores. A row never changes its number once published.
var (
	TerminalNotFound  = &problem.Kind{Code: 406001, Status: http.StatusNotFound, Name: "terminal-not-found", Title: "There is no such terminal", Hint: "Check the terminal id: tenant-store-number, of the credential's own tenant."}
	TerminalExists    = &problem.Kind{Code: 406002, Status: http.StatusBadRequest, Name: "terminal-exists", Title: "The store has a terminal with this number already", Hint: "Take another number, or change the terminal that is there."}
	WrongStatus       = &problem.Kind{Code: 406003, Status: http.StatusBadRequest, Name: "wrong-terminal-status", Title: "Not possible in the terminal's present status", Hint: "Read the terminal first, then do what its status allows."}
	UnknownStaff      = &problem.Kind{Code: 406004, Status: http.StatusUnauthorized, Name: "unknown-staff", Title: "Nobody with this staff id works in the store", Hint: "Check the staff id; an administrator adds staff and makes them active."}
	SignInRequired    = &problem.Kind{Code: 406005, Status: http.StatusUnauthorized, Name: "sign-in-required", Title: "Nobody is signed in at the terminal", Hint: "Sign in with staff id and PIN first."}
	WrongPIN          = &problem.Kind{Code: 406006, Status: http.StatusUnauthorized, Name: "wrong-pin", Title: "The PIN is wrong", Hint: "Try again; after too many wrong PINs the staff member is locked for a while."}
	CartsInProgress   = &problem.Kind{Code: 406008, Status: http.StatusBadRequest, Name: "carts-in-progress", Title: "The terminal cannot be closed while carts are in progress", Hint: "Bill or cancel the carts named in errors, then close again with a new Idempotency-Key."}
	NotSignedIn       = &problem.Kind{Code: 406013, Status: http.StatusUnauthorized, Name: "not-signed-in", Title: "Cash moves need somebody who is signed in", Hint: "Sign in with staff id and PIN first."}
	AlreadySignedIn   = &problem.Kind{Code: 406014, Status: http.StatusBadRequest, Name: "already-signed-in", Title: "Somebody is signed in at the terminal already", Hint: "Sign out first."}
	Disabled          = &problem.Kind{Code: 406016, Status: http.StatusForbidden, Name: "terminal-disabled", Title: "The terminal, its store or its tenant is disabled", Hint: "An administrator can make it active again."}
	PINLocked         = &problem.Kind{Code: 406017, Status: http.StatusTooManyRequests, Name: "pin-locked", Title: "Too many wrong PINs", Hint: "Wait as long as Retry-After says, or let an administrator set a new PIN."}
	DrawerLimit       = &problem.Kind{Code: 406101, Status: http.StatusBadRequest, Name: "drawer-limit", Title: "The drawer cannot hold this", Hint: "Take out less; a store can allow its drawers to go below zero (allowNegativeDrawer)."}
	AmountInvalid     = &problem.Kind{Code: 406102, Status: http.StatusBadRequest, Name: "amount-invalid", Title: "The amount cannot be one of cash", Hint: "Give a positive amount with at most the digits of the store's currency."}
	AmountTooLarge    = &problem.Kind{Code: 406104, Status: http.StatusBadRequest, Name: "amount-above-limit", Title: "The amount is above the tenant's limit", Hint: "Move it in parts, or let an administrator raise the limit."}
	AmountTooSmall    = &problem.Kind{Code: 406105, Status: http.StatusBadRequest, Name: "amount-below-limit", Title: "The amount is below the tenant's limit", Hint: "Give a larger amount, or let an administrator lower the limit."}
	StaffNotFound     = &problem.Kind{Code: 406201, Status: http.StatusNotFound, Name: "staff-not-found", Title: "There is no such staff member", Hint: "Check the store and the staff id."}
	StaffExists       = &problem.Kind{Code: 406202, Status: http.StatusBadRequest, Name: "staff-exists", Title: "The store has a staff member with this id already", Hint: "Take another id, or change the one that is there."}
	TenantNotFound    = &problem.Kind{Code: 407001, Status: http.StatusNotFound, Name: "tenant-not-found", Title: "There is no such tenant", Hint: "Check the tenant's code; a platform operator makes tenants."}
	TenantExists      = &problem.Kind{Code: 407002, Status: http.StatusBadRequest, Name: "tenant-exists", Title: "A tenant with this code is there already", Hint: "Take another code."}
	StoreNotFound     = &problem.Kind{Code: 407101, Status: http.StatusNotFound, Name: "store-not-found", Title: "There is no such store", Hint: "Check the store's code."}
	StoreExists       = &problem.Kind{Code: 407102, Status: http.StatusBadRequest, Name: "store-exists", Title: "The tenant has a store with this code already", Hint: "Take another code, or change the store that is there."}
	BusinessDateWrong = &problem.Kind{Code: 407106, Status: http.StatusBadRequest, Name: "business-date", Title: "The terminal cannot be opened on this business date", Hint: "Leave businessDate out: it follows from the store's time zone and cut-over."}
)

// Catalogue of this service beside the kinds that all services share.
var Catalogue = []*problem.Kind{
	TerminalNotFound, TerminalExists, WrongStatus, UnknownStaff, SignInRequired, WrongPIN, CartsInProgress,
	NotSignedIn, AlreadySignedIn, Disabled, PINLocked, DrawerLimit, AmountInvalid, AmountTooLarge,
	AmountTooSmall, StaffNotFound, StaffExists, TenantNotFound, TenantExists, StoreNotFound, StoreExists,
	BusinessDateWrong,
}
