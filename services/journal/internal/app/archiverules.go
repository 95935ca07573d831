package app

import (
	"fmt"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// KeptLonger tells whether a hold until a day says more than what a segment is kept until already; "" is
// for ever.
func KeptLonger(until, hold string) bool {
	return until != "" && (hold == "" || hold > until)
}

// MayPurge tells whether a segment may be given up, for a store that has just read it: nil when it may,
// and otherwise what Archiver.Purge fails with.
func MayPurge(s *Segment, p Purge) error {
	switch {
	case s == nil:
		return ErrNotFound
	case s.Purge != nil:
		return ErrMoved
	case s.KeepUntil == "":
		return fmt.Errorf("%w: %s is kept for ever", ErrRefused, s.Name())
	case p.At.UTC().Format(journal.DateForm) <= s.KeepUntil:
		return fmt.Errorf("%w: %s must be kept until %s", ErrRefused, s.Name(), s.KeepUntil)
	case p.SHA256 != s.SHA256:
		return fmt.Errorf("%w: %s has another hash than the one that is to be purged", ErrRefused, s.Name())
	case !s.Removed:
		return fmt.Errorf("%w: originals of %s may still be in the live journal", ErrRefused, s.Name())
	}
	return nil
}
