// Package terminal is the domain: tenants, stores, staff, and terminals that are opened, closed and
// have cash moved. Everything here is pure: a method decides on what it holds and is given, changes
// its receiver and returns the events that tell the change. It must not know stores, transports or
// the clock, and it writes nothing.
package terminal

import (
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// Terminal is one till. Its fields are what is stored; only its methods change them.
//
// Version counts the snapshots that differ: whoever holds a copy keeps the highest. OpenCounter is how
// often the terminal was opened on its business date, BusinessCounter how often ever; neither skips.
type Terminal struct {
	Identity        identity.Terminal `json:"identity"`
	Description     string            `json:"description,omitempty"`
	APIKeySHA256    string            `json:"api_key_sha256"`
	IsActive        bool              `json:"is_active"`
	Version         uint64            `json:"version"`
	Status          string            `json:"status"`
	FunctionMode    string            `json:"function_mode"`
	BusinessDate    string            `json:"business_date,omitempty"`
	OpenCounter     int               `json:"open_counter"`
	BusinessCounter int               `json:"business_counter"`
	Staff           *event.Person     `json:"staff,omitempty"`
	Session         Session           `json:"session"`
	Closing         *Closing          `json:"closing,omitempty"` // while the status is Closing
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
}

// Session is the drawer from one open to the next. What sales put into it is the cart service's to
// know and comes with its report at the close.
type Session struct {
	InitialAmount *money.Decimal `json:"initial_amount,omitempty"`
	Drawer        money.Decimal  `json:"drawer"` // the float and every cash move
	CashMoves     int64          `json:"cash_moves"`
	LastCashMove  string         `json:"last_cash_move,omitempty"` // its generate_date_time
	Counted       *money.Decimal `json:"counted,omitempty"`        // given at the close
}

// Outcome is what a command did: the events that tell it and what the till prints.
type Outcome struct {
	Events []event.Event
	Slip   slip.Slip
}

// New makes a terminal and tells it. fingerprint is that of its API key.
func New(id identity.Terminal, description, fingerprint string, now time.Time) (*Terminal, []event.Event) {
	t := &Terminal{
		Identity: id, Description: description, APIKeySHA256: fingerprint, IsActive: true,
		Status: event.StatusIdle, FunctionMode: ModeMainMenu, CreatedAt: now,
	}
	return t, []event.Event{t.changed(now)}
}

// ID is the terminal_id.
func (t *Terminal) ID() string { return t.Identity.ID() }

// Change changes what an administrator decides; nil stays as it is. No events mean that nothing was
// different. An open terminal can be made inactive too: a stolen till cannot be asked to close.
func (t *Terminal) Change(description *string, isActive *bool, now time.Time) []event.Event {
	changed := set(&t.Description, description)
	if changed = set(&t.IsActive, isActive) || changed; !changed {
		return nil
	}
	return []event.Event{t.changed(now)}
}

// RotateKey makes another API key the only right one.
func (t *Terminal) RotateKey(fingerprint string, now time.Time) []event.Event {
	t.APIKeySHA256 = fingerprint
	return []event.Event{t.changed(now)}
}

// Snapshot of the terminal as it is now.
func (t *Terminal) Snapshot() *event.Snapshot {
	state := t.state()
	state.APIKeySHA256 = t.APIKeySHA256
	return &event.Snapshot{Kind: event.KindTerminal, Version: t.Version, Terminal: state}
}

// state without the key's fingerprint, as logs carry it.
func (t *Terminal) state() *event.TerminalState {
	s := &event.TerminalState{
		TerminalID: t.ID(), Description: t.Description, Status: t.Status, FunctionMode: t.FunctionMode,
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
		Staff: clone(t.Staff), IsActive: t.IsActive,
	}
	if t.Session.InitialAmount != nil {
		s.InitialAmount = *t.Session.InitialAmount
	}
	return s
}

// changed counts a new version and gives its snapshot, the last event of every change.
func (t *Terminal) changed(now time.Time) *event.Snapshot {
	t.Version++
	t.UpdatedAt = now
	return t.Snapshot()
}

// needs fails with WrongStatus unless the terminal has one of statuses.
func (t *Terminal) needs(operation string, statuses ...string) error {
	if slices.Contains(statuses, t.Status) {
		return nil
	}
	return WrongStatus.New("%s is not possible while the terminal is %s", operation, t.Status)
}

// staffID of who is signed in, or "".
func (t *Terminal) staffID() string { return idOf(t.Staff) }

func idOf(p *event.Person) string {
	if p == nil {
		return ""
	}
	return p.ID
}

func nameOf(p *event.Person) string {
	if p == nil {
		return ""
	}
	return p.Name
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	copied := *p
	return &copied
}
