package app

import (
	"context"
	"errors"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
)

// ArchiveReport is what checking the segments of a tenant's archive found.
type ArchiveReport struct {
	Segments int
	Events   int
	Purged   int         // segments that are given up; their hashes are in the chains and in the log
	Bad      *BadSegment // nil: the archive holds
}

// BadSegment is the first segment that is not as it was registered.
type BadSegment struct {
	Name    string
	Line    int // of the unpacked file, counted from 1; 0: it is no line's
	EventID string
	Problem string
}

// verifyArchive reads every segment of a tenant and holds it against its manifest in the catalogue, and
// against what the catalogue says of which links it has. The hashes in the segments are those of the
// chains: both prove that they belong to the same log. It fails with ArchiveAway when there are segments
// and nothing to read or check them with: a verification that left them out would be taken for a whole one.
func (p *Proof) verifyArchive(ctx context.Context, tenant string) (ArchiveReport, error) {
	var report ArchiveReport
	rows, err := p.store.Segments(ctx, tenant, SegmentQuery{})
	if err != nil || len(rows) == 0 {
		return report, err
	}
	switch {
	case p.blobs == nil:
		return report, ArchiveAway.New("the catalogue has %d segments of this tenant, and this journal was not told where segments are kept: they cannot be verified", len(rows))
	case p.publicKey == "":
		return report, ArchiveAway.New("the catalogue has %d segments of this tenant, and this journal has no public key to verify them with", len(rows)).
			WithHint("Give the journal its checkpoint key; or check the segments with tillctl archive verify --key FILE.")
	}
	keys, err := proof.ParseKeys(p.publicKey)
	if err != nil {
		return report, err
	}
	shelf := newShelf(p.store, p.blobs, tenant)
	defer shelf.close()
	for _, row := range rows {
		if row.Purge != nil {
			report.Purged++
			continue
		}
		err := verifySegment(ctx, shelf, row, keys)
		var fault *archive.Fault
		switch {
		case errors.As(err, &fault):
			report.Bad = &BadSegment{row.Name(), fault.Line, fault.EventID, fault.Problem}
		case errors.Is(err, ErrDamaged), errors.Is(err, archive.ErrDamaged):
			report.Bad = &BadSegment{Name: row.Name(), Problem: err.Error()}
		case err != nil:
			return report, err
		}
		if report.Bad != nil {
			return report, nil
		}
		report.Segments++
		report.Events += row.Events
	}
	return report, nil
}

func verifySegment(ctx context.Context, shelf *shelf, row *Segment, keys proof.Keys) error {
	v, err := shelf.volume(ctx, row)
	if err != nil {
		return err
	}
	if err := proveSegment(ctx, v.Segment, row, keys); err != nil {
		return shelf.classify(ctx, row, err)
	}
	return nil
}
