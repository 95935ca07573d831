// Package identity says who sells: tenant, store and terminal, and how their names are made.
//
// A terminal_id is made here and nowhere else, and it is never taken apart again: whoever needs the
// parts carries them beside it.
package identity

import (
	"fmt"
	"regexp"
	"strconv"
)

// CodePattern is what tenant and store codes look like. They become parts of database names, file
// names and state keys, so nothing else is let in.
const CodePattern = `^[a-z0-9][a-z0-9_]{0,31}$`

// MaxTerminalNo is the largest terminal number of a store; the smallest is 1.
const MaxTerminalNo = 9999

var code = regexp.MustCompile(CodePattern)

// ValidCode tells whether s can be a tenant or store code.
func ValidCode(s string) bool { return code.MatchString(s) }

// Terminal names one till of a store of a tenant.
type Terminal struct {
	TenantID   string `json:"tenant_id"`
	StoreCode  string `json:"store_code"`
	TerminalNo int    `json:"terminal_no"`
}

// ID is the terminal_id: tenant-store-number.
func (t Terminal) ID() string {
	return t.TenantID + "-" + t.StoreCode + "-" + strconv.Itoa(t.TerminalNo)
}

// Validate explains what is wrong with t, or returns nil.
func (t Terminal) Validate() error {
	switch {
	case !ValidCode(t.TenantID):
		return fmt.Errorf("tenant %q does not match %s", t.TenantID, CodePattern)
	case !ValidCode(t.StoreCode):
		return fmt.Errorf("store %q does not match %s", t.StoreCode, CodePattern)
	case t.TerminalNo < 1 || t.TerminalNo > MaxTerminalNo:
		return fmt.Errorf("terminal number %d is not in 1…%d", t.TerminalNo, MaxTerminalNo)
	}
	return nil
}

// Stream is the owner of one gapless sequence of events: a terminal, or a tenant itself for what
// belongs to no terminal (its own and its stores' snapshots). A tenant's stream has no store and
// terminal number 0.
type Stream struct {
	TenantID   string
	StoreCode  string
	TerminalNo int
}

// TerminalStream is the stream of one terminal.
func TerminalStream(t Terminal) Stream { return Stream(t) }

// TenantStream is the stream of a tenant's own events.
func TenantStream(tenantID string) Stream { return Stream{TenantID: tenantID} }

// ID is the terminal_id, or the tenant code, which has no dash and so never looks like one.
func (s Stream) ID() string {
	if s.TerminalNo == 0 {
		return s.TenantID
	}
	return Terminal(s).ID()
}

// Validate explains what is wrong with s, or returns nil.
func (s Stream) Validate() error {
	if s.TerminalNo == 0 && s.StoreCode == "" {
		if !ValidCode(s.TenantID) {
			return fmt.Errorf("tenant %q does not match %s", s.TenantID, CodePattern)
		}
		return nil
	}
	return Terminal(s).Validate()
}
