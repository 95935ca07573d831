package journal

import "slices"

// Debt is word of something stored that somebody is owed. It is stored together with what it is about
// and paid when somebody has it: a process that dies in between costs time, and never the word.
type Debt string

// The debts of a quarantined event. A discrepancy owes an alert only.
const (
	OwesAlert  Debt = "alert"  // people must be told that it is there; it is open
	OwesStatus Debt = "status" // its publisher must be told that it was closed
)

// Alarming reasons are those that no time mends: somebody must look.
func (r Reason) Alarming() bool {
	return slices.Contains([]Reason{ContentChanged, Poison, WrongPublisher}, r)
}

// AlertOwed tells whether people are owed an alert because q is put into quarantine. before is what
// is kept of it already, of which reason and state count; nil: nothing is.
func (q *Quarantined) AlertOwed(before *Quarantined) bool {
	switch {
	case !q.Reason.Alarming():
		return false
	case before == nil, before.State == QuarantineReplayed:
		return true
	}
	return before.State == QuarantineOpen && before.Reason != q.Reason
}

// AlertOwed tells whether people are owed an alert because d is saved: money may be wrong, and nobody
// knew. before is the newest discrepancy of the same key, nil: there is none.
func (d *Discrepancy) AlertOwed(before *Discrepancy) bool {
	return d.State == DiscrepancyOpen && d.Kind.OfMoney() && (before == nil || before.ID != d.ID)
}
