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
	switch {
	case err == nil:
		return nil
	case app.Classified(err):
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
