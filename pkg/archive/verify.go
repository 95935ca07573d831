package archive

import (
	"context"
	"fmt"

	"github.com/tillroll/tillroll/pkg/proof"
)

// Fault is the first thing that is wrong with a segment.
type Fault struct {
	Line    int // of the unpacked file, counted from 1, which is the header; 0: it is no line's
	EventID string
	Stream  string
	Seq     uint64
	Problem string
}

// Verify reads all of a segment and tells whether it is what the journal had when the checkpoint was
// signed. It needs one of the public keys. With want, the manifest as it was kept elsewhere, it also
// finds what is missing. It fails with a *Fault, or with the error of reading.
func (s *Segment) Verify(ctx context.Context, keys proof.Keys, want *Manifest) error {
	signed, err := keys.Open(s.dir.Manifest.Checkpoint)
	if err != nil {
		return &Fault{Line: 1, Problem: err.Error()}
	}
	var fault *Fault
	err = s.Each(ctx, 0, func(i int, m *Member, l *proof.Line) bool {
		if problem := l.Check(&signed); problem != "" {
			fault = &Fault{i + 2, l.EventID, l.Stream, l.Seq, problem}
		}
		return fault == nil
	})
	if fault != nil {
		return fault
	}
	return err
}

func (f *Fault) Error() string {
	switch {
	case f.EventID != "":
		return fmt.Sprintf("line %d (event %s, link %d of %s): %s", f.Line, f.EventID, f.Seq, f.Stream, f.Problem)
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, f.Problem)
	}
	return f.Problem
}
