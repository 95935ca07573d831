package sqlitestore

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// classify says whether a failure is the data's own fault, which no repetition mends, or a passing
// one. A damaged file counts as passing: the event is whole, and it must not end in quarantine
// because a disk is dying. Errors of the port pass as they are.
func classify(err error) error {
	var visited *visitorError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &visited):
		return err
	case errors.Is(err, app.ErrUnavailable), errors.Is(err, app.ErrRefused), errors.Is(err, app.ErrNotFound),
		errors.Is(err, app.ErrDamaged), errors.Is(err, app.ErrTooWide), errors.Is(err, app.ErrUnknownTenant), errors.Is(err, app.ErrMoved):
		return err
	}
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		switch failure.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
			return fmt.Errorf("%w: %w", app.ErrRefused, err)
		}
	}
	return fmt.Errorf("%w: %w", app.ErrUnavailable, err)
}

// damaged says that what is stored cannot be read.
func damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", app.ErrDamaged, err)
}

// visitorError carries an error of a caller's function through unchanged.
type visitorError struct{ err error }

func (e *visitorError) Error() string { return e.err.Error() }
func (e *visitorError) Unwrap() error { return e.err }

func visited(err error) error {
	if err == nil {
		return nil
	}
	return &visitorError{err}
}
