package app

import (
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// MaxContent is how many bytes the content of one event may have, in any store. A document of MongoDB
// ends at 16 MiB, and what a publisher can send at 1 MiB.
const MaxContent = 8 << 20

// CheckSize fails with ErrRefused for a record that no store takes.
func CheckSize(r *journal.Record) error {
	if len(r.Content) > MaxContent {
		return fmt.Errorf("%w: event %s has %d bytes, an event may have %d", ErrRefused, r.Envelope().EventID, len(r.Content), MaxContent)
	}
	return nil
}

// Classified tells that an error of a store is one of the port's already, or one that a caller's own
// function returned: it passes as it is.
func Classified(err error) bool {
	var visited *visitorError
	if errors.As(err, &visited) {
		return true
	}
	for _, known := range []error{ErrUnavailable, ErrRefused, ErrNotFound, ErrDamaged, ErrTooWide, ErrUnknownTenant, ErrMoved} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// Damaged says that what is stored cannot be read; nil stays nil.
func Damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// Visited marks an error of a function that a store was given to call, so that the store passes it
// through unchanged; nil stays nil.
func Visited(err error) error {
	if err == nil {
		return nil
	}
	return &visitorError{err}
}

type visitorError struct{ err error }

func (e *visitorError) Error() string { return e.err.Error() }
func (e *visitorError) Unwrap() error { return e.err }

// OrMoved is err, or ErrMoved when nothing failed and so somebody else was first.
func OrMoved(err error) error {
	if err == nil {
		return ErrMoved
	}
	return err
}
