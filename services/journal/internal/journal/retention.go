package journal

import (
	"errors"
	"fmt"
	"time"
)

// DateForm is how business dates are written.
const DateForm = "20060102"

// MostDays is the longest time that a policy can name: a century.
const MostDays = 36_525

// Retention is a tenant's policy: how long what happened stays in the live journal, and how long it is
// kept at all. The zero policy archives nothing and keeps everything.
type Retention struct {
	LiveDays int    // after the business date what happened moves to the archive; 0: it never does
	KeepDays int    // after the business date it may be purged; 0: it is kept for ever
	At       string // time of day (UTC) from which the archiver runs, HH:MM
	SetBy    string
	SetAt    time.Time
}

// DefaultArchiveTime is when the archiver runs where nobody said otherwise: shops sleep, mostly.
const DefaultArchiveTime = "03:00"

// Errors of a policy, each about one field.
var (
	ErrLiveDays = fmt.Errorf("must be from 0 (nothing is archived) to %d days", MostDays)
	ErrKeepDays = fmt.Errorf("must be from 0 (everything is kept) to %d days", MostDays)
	ErrKeepLess = errors.New("must be at least liveDays: nothing is purged that is not archived")
	ErrTime     = errors.New("must be a time of day (UTC) such as 03:00")
)

// Check gives what is wrong with the policy, by the name of the field.
func (r *Retention) Check() map[string]error {
	wrong := map[string]error{}
	if r.LiveDays < 0 || r.LiveDays > MostDays {
		wrong["liveDays"] = ErrLiveDays
	}
	switch {
	case r.KeepDays < 0 || r.KeepDays > MostDays:
		wrong["keepDays"] = ErrKeepDays
	case r.KeepDays > 0 && (r.LiveDays == 0 || r.KeepDays < r.LiveDays):
		wrong["keepDays"] = ErrKeepLess
	}
	if _, err := time.Parse("15:04", r.At); err != nil || len(r.At) != len("15:04") {
		wrong["at"] = ErrTime
	}
	return wrong
}

// Before is the first business date that stays live: every earlier one is past LiveDays. It is "" when
// nothing is archived. Days are counted in UTC, so that a day is over everywhere before it counts.
func (r *Retention) Before(now time.Time) string {
	if r.LiveDays == 0 {
		return ""
	}
	return now.UTC().AddDate(0, 0, -r.LiveDays).Format(DateForm)
}

// KeepUntil is the last day on which what happened on a business date must be there; "" is for ever.
func (r *Retention) KeepUntil(businessDate string) string {
	day, err := time.Parse(DateForm, businessDate)
	if r.KeepDays == 0 || err != nil {
		return ""
	}
	return day.AddDate(0, 0, r.KeepDays).Format(DateForm)
}

// Due tells whether the archiver is to run: the time of day has come since it last finished.
func (r *Retention) Due(now, finished time.Time) bool {
	at, err := time.Parse("15:04", r.At)
	if r.LiveDays == 0 || err != nil {
		return false
	}
	now = now.UTC()
	today := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if now.Before(today) {
		today = today.AddDate(0, 0, -1)
	}
	return finished.Before(today)
}

// StoreDay is what is archived at a time: one business date of one store. Events without a business date
// belong to the day (UTC) on which they occurred.
type StoreDay struct{ StoreCode, BusinessDate string }

func (d StoreDay) String() string { return d.StoreCode + " " + d.BusinessDate }

// Bounds are the instants between which events without a business date belong to the day, the second
// excluded.
func (d StoreDay) Bounds() (from, to time.Time, err error) {
	from, err = time.Parse(DateForm, d.BusinessDate)
	return from, from.AddDate(0, 0, 1), err
}

// DayLink is one event of a store's day by its place in the chain and in the tenant's log.
type DayLink struct {
	Index    uint64 // in the log
	Stream   string
	Seq      uint64
	EventID  string
	Producer string
	Sequence uint64
}

// Day is what there is to move of a store's day.
type Day struct {
	StoreDay
	Links      []DayLink // in the order of the log; those that are in no segment yet
	Unlogged   int       // events that the log lacks
	Unexamined int       // events that were not held against the rules yet
}

// Part of a chain: the links First…Last of a stream.
type Part struct {
	Stream string `json:"stream"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
}

// PartsOf are the parts of the chains that the links make, which are in the order of each chain.
func PartsOf(links []DayLink) (parts []Part) {
	last := map[string]int{}
	for _, l := range links {
		if i, ok := last[l.Stream]; ok && parts[i].Last+1 == l.Seq {
			parts[i].Last = l.Seq
			continue
		}
		last[l.Stream] = len(parts)
		parts = append(parts, Part{l.Stream, l.Seq, l.Seq})
	}
	return parts
}

// Holds tells why the day may not be archived while a discrepancy is open, "" when it may: the
// discrepancy is about the day, or is a gap among the numbers that the day has.
func (d *Day) Holds(open *Discrepancy) string {
	if open.Stream.StoreCode != d.StoreCode {
		return ""
	}
	if open.BusinessDate == d.BusinessDate || open.Kind == SequenceGap && d.within(open) {
		return fmt.Sprintf("discrepancy %s (%s of %s) is open", open.ID, open.Kind, open.Stream.ID())
	}
	return ""
}

// within tells whether numbers that are missing lie between those of the day.
func (d *Day) within(gap *Discrepancy) bool {
	var low, high uint64
	for _, l := range d.Links {
		if l.Stream != gap.Stream.ID() || l.Producer != gap.Producer || l.Sequence == 0 {
			continue
		}
		if low == 0 {
			low = l.Sequence
		}
		low, high = min(low, l.Sequence), max(high, l.Sequence)
	}
	for _, r := range gap.Numbers {
		if low > 0 && r.First <= high && r.Last >= low {
			return true
		}
	}
	return false
}
