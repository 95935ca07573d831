package journal

import "time"

// Access is one read of the journal by an auditor, on record.
type Access struct {
	ID      string
	At      time.Time
	Subject string // who
	Role    string
	Method  string
	Route   string // the pattern
	Path    string
	Query   string // as it was sent
	Status  int    // of the answer
	Items   int    // entries, events or lines in it
	TraceID string
}
