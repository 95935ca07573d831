package archive

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
)

// Format and Version are in the first line of every segment. Older versions are read, newer ones refused.
const (
	Format  = "tillroll-journal-segment"
	Version = 1
)

// Header says whose segment it is. It is the first line.
type Header struct {
	Format       string    `json:"segment"`
	Version      int       `json:"version"`
	TenantID     string    `json:"tenantId"`
	StoreCode    string    `json:"storeCode"`
	BusinessDate string    `json:"businessDate"` // YYYYMMDD
	Part         int       `json:"part"`         // 1, 2 …: what came after the day was archived makes a part of its own
	Checkpoint   string    `json:"checkpoint"`   // a signed note; every line proves that it belongs to it
	WrittenAt    time.Time `json:"writtenAt"`
}

// Validate explains what is wrong with h, or returns nil. The signature is not looked at.
func (h *Header) Validate() error {
	switch {
	case h.Format != Format:
		return fmt.Errorf("this is no segment of a journal: its first line does not say so")
	case h.Version > Version:
		return fmt.Errorf("the segment has version %d, this program reads up to %d: use a newer one", h.Version, Version)
	case h.Version < 1:
		return fmt.Errorf("the segment's version is missing")
	}
	return h.place()
}

// place explains why there can be no segment of such a store, day and part, or returns nil.
func (h *Header) place() error {
	switch {
	case !identity.ValidCode(h.TenantID):
		return fmt.Errorf("tenant %.40q does not match %s", h.TenantID, identity.CodePattern)
	case !identity.ValidCode(h.StoreCode):
		return fmt.Errorf("store %.40q does not match %s", h.StoreCode, identity.CodePattern)
	case h.Part < 1 || h.Part > maxPart:
		return fmt.Errorf("part %d is not in 1…%d", h.Part, maxPart)
	}
	if _, err := time.Parse(dateForm, h.BusinessDate); err != nil {
		return fmt.Errorf("business date %.20q is not of the form YYYYMMDD", h.BusinessDate)
	}
	return nil
}

const (
	dateForm = "20060102"
	maxPart  = 999_999
)

// Manifest is what has to be known of a segment to find it, to find something in it, and to tell whether
// it is still the same.
type Manifest struct {
	Header
	Events    int        `json:"events"`
	Entries   int        `json:"entries"` // events with a journal entry
	Streams   []Range    `json:"streams"` // by stream id
	Terminals []Terminal `json:"terminals"`
	Bytes     int64      `json:"bytes,omitempty"` // of the file; not in the file itself
	SHA256    proof.Hash `json:"sha256,omitzero"` // of the file; not in the file itself
}

// Range is what a segment holds of one stream's chain. Links between First and Last may stand elsewhere.
type Range struct {
	Stream string `json:"stream"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	Count  int    `json:"count"`
}

// Terminal sums up the entries of one terminal.
type Terminal struct {
	No               int       `json:"terminalNo"`
	Entries          int       `json:"entries"`
	FirstTransaction int64     `json:"firstTransaction"` // the lowest number; 0: none has one
	LastTransaction  int64     `json:"lastTransaction"`
	FirstReceipt     int64     `json:"firstReceipt"`
	LastReceipt      int64     `json:"lastReceipt"`
	FirstAt          time.Time `json:"firstAt"`
	LastAt           time.Time `json:"lastAt"`
}

// Name under which the segment is kept: t/TENANT/STORE/2026-01-31.1.seg. The same segment always has
// the same name, and a name never leads out of its folder: what cannot be a tenant, a store, a date or a
// part has none.
func (h Header) Name() string {
	if h.place() != nil {
		return ""
	}
	d := h.BusinessDate
	return Prefix(h.TenantID, h.StoreCode) + d[:4] + "-" + d[4:6] + "-" + d[6:] + "." + strconv.Itoa(h.Part) + ".seg"
}

// Prefix of the names of all segments of a tenant, or of one store of it.
func Prefix(tenant, store string) string {
	if store == "" {
		return "t/" + tenant + "/"
	}
	return "t/" + tenant + "/" + store + "/"
}
