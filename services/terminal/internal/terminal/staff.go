package terminal

import (
	"regexp"
	"slices"
	"time"
)

// StaffIDPattern is what staff ids look like. They become parts of state keys and stand on receipts.
const StaffIDPattern = `^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`

var staffID = regexp.MustCompile(StaffIDPattern)

// ValidStaffID tells whether s can be a staff id.
func ValidStaffID(s string) bool { return staffID.MatchString(s) }

// Staff is somebody who works in a store. PINHash is never told to anybody.
type Staff struct {
	TenantID  string    `json:"tenant_id"`
	StoreCode string    `json:"store_code"`
	StaffID   string    `json:"staff_id"`
	Name      string    `json:"name"`
	Roles     []string  `json:"roles,omitempty"`
	PINHash   string    `json:"pin_hash"`
	IsActive  bool      `json:"is_active"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// StaffChange is what a request wants changed; nil stays as it is.
type StaffChange struct {
	Name     *string
	Roles    *[]string
	PINHash  *string
	IsActive *bool
}

// Change changes the staff member and tells whether anything was different.
func (s *Staff) Change(c StaffChange, now time.Time) bool {
	changes := []bool{set(&s.Name, c.Name), setList(&s.Roles, c.Roles), set(&s.PINHash, c.PINHash), set(&s.IsActive, c.IsActive)}
	if !slices.Contains(changes, true) {
		return false
	}
	s.UpdatedAt = now
	return true
}

// Limits of guessing PINs. Each lock is twice as long as the one before: whoever has a till to himself
// over a weekend gets some dozens of guesses at a staff member's PIN, not thousands.
const (
	MaxPINTries = 5
	PINLock     = 5 * time.Minute // the first
	MaxPINLock  = 8 * time.Hour
)

// PINTries counts the PINs that were tried for one staff member since the last right one, and the locks
// since then. A try is counted before it is checked, so that many at once are no more than many in a row.
type PINTries struct {
	Count       int       `json:"count"`
	Locks       int       `json:"locks,omitempty"`
	LockedUntil time.Time `json:"locked_until"`
}

// Try counts one more try. It fails with PINLocked while there are none left.
func (p *PINTries) Try(now time.Time) error {
	if p.Count >= MaxPINTries {
		// More than a whole lock is left only when the clock was put back since: nobody waits for that.
		if wait := p.LockedUntil.Sub(now); wait > 0 && wait <= p.lock() {
			return PINLocked.New("%d wrong PINs in a row", MaxPINTries).After(wait)
		}
		p.Count = 0
	}
	p.Count++
	if p.Count == MaxPINTries {
		p.Locks++
		p.LockedUntil = now.Add(p.lock())
	}
	return nil
}

// lock is how long the last lock lasts.
func (p *PINTries) lock() time.Duration {
	return min(PINLock<<min(max(p.Locks-1, 0), 10), MaxPINLock)
}

// Wrong is the problem of a try that failed.
func (p *PINTries) Wrong() error {
	if p.Count >= MaxPINTries {
		return PINLocked.New("%d wrong PINs in a row", MaxPINTries).After(p.lock())
	}
	return WrongPIN.New("%d tries are left", MaxPINTries-p.Count)
}
