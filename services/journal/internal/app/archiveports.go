package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Archive is what the store knows of the archive: what was moved to which segment, and for how long it is
// kept. Nothing that is in is ever changed or removed; segments are registered by an archiver alone
// (Archiver), with a credential or a connection of its own.
//
// A reader looks into the live journal first. What it does not find there while the event is in the log
// (LeafOf, which stays) stands in the segment that SegmentAt gives for the leaf's stream and place; what
// belongs to a store and business date stands in those that Segments gives. Registered comes before
// removed, so one look into the live journal and then one into the catalogue finds everything, whatever
// the archiver does meanwhile.
type Archive interface {
	// Retentions lists the policies of a tenant, the newest, which counts, first; none when it never had
	// one.
	Retentions(ctx context.Context, tenant string, limit int) ([]journal.Retention, error)
	// SetRetention keeps a policy as the newest.
	SetRetention(ctx context.Context, tenant string, r journal.Retention) error
	// Segments lists what q asks for, by business date, store and part. It fails with ErrNotFound when there
	// is no segment q.After.
	Segments(ctx context.Context, tenant string, q SegmentQuery) ([]*Segment, error)
	// SegmentAt gives the segment that holds a link of a chain, or ErrNotFound.
	SegmentAt(ctx context.Context, tenant, stream string, seq uint64) (*Segment, error)
	// Hold keeps a segment for longer. It fails with ErrNotFound when there is none of that name, and with
	// ErrRefused when it was purged, or is kept that long anyway.
	Hold(ctx context.Context, tenant, name string, h Hold) error
	// ArchiveRuns lists what the archiver did for a tenant, the newest first.
	ArchiveRuns(ctx context.Context, tenant string, limit int) ([]*ArchiveRun, error)
}

// SegmentQuery says which segments are wanted; zero values want all.
type SegmentQuery struct {
	StoreCode string
	Date      journal.Span[string] // of business, YYYYMMDD, both included
	Name      string
	Remaining bool   // only those whose originals may still be in the live journal
	Ended     string // only those that are there, and were to be kept until an earlier day than this
	Erasing   bool   // only those that were purged and whose file may still be there
	Newest    bool   // the newest business date first
	After     string // a name: only what comes behind it in the order
	Limit     int    // 0: all
}

// Segment is a row of the catalogue.
type Segment struct {
	archive.Manifest
	Parts        []journal.Part // exactly which links of which chains
	RegisteredAt time.Time
	// KeepUntil is the last day (YYYYMMDD) on which the segment must be there, with all holds; "": for ever.
	// It is fixed when the segment is registered, and can only be extended.
	KeepUntil string
	Removed   bool   // the originals are gone from the live journal
	Purge     *Purge // nil: the segment is there
}

// Hold says that a segment is kept until a day, or for ever when Until is "".
type Hold struct {
	Until, By, Why string
	At             time.Time
}

// Purge says that a segment's retention had ended, and who removed it. Its hashes stay in the journal.
type Purge struct {
	By, Why string
	At      time.Time
	SHA256  journal.Hash // of the segment
}

// ArchiveRun is what one run of the archiver did for a tenant.
type ArchiveRun struct {
	Started  time.Time `json:"startedAt"`
	Finished time.Time `json:"finishedAt"`
	By       string    `json:"by"` // who asked for it; the schedule is "schedule"
	Segments int       `json:"segments"`
	Events   int       `json:"events"`  // in these segments
	Bytes    int64     `json:"bytes"`   // of these segments
	Removed  int       `json:"removed"` // events from the live journal
	Purged   int       `json:"purged"`  // segments
	Held     []HeldDay `json:"held"`    // days that are past their time and stay
	More     int       `json:"more"`    // of them beyond those that are named
}

// HeldDay is a store's day that must not be archived yet.
type HeldDay struct {
	StoreCode    string `json:"storeCode"`
	BusinessDate string `json:"businessDate"`
	Why          string `json:"why"`
}

// Archiver is the side of a store by which originals leave the live journal. No service has it: it needs
// a credential or a connection that can remove. What it removes it removes only when a registered segment
// has it.
type Archiver interface {
	Store
	// ArchiveLease gives holder the right to archive a tenant for a time, unless somebody else has it. It
	// spares work; that two who archive at once do no harm is Register's business. A life of zero gives the
	// right back.
	ArchiveLease(ctx context.Context, tenant, holder string, life time.Duration) (bool, error)
	// Archivable lists at most limit store days before a business date, the oldest first, of which
	// anything is live behind those that come with or before after.
	Archivable(ctx context.Context, tenant, before string, after journal.StoreDay, limit int) ([]journal.StoreDay, error)
	// Day gives what there is to move of a day.
	Day(ctx context.Context, tenant string, day journal.StoreDay) (*journal.Day, error)
	// Bodies calls visit with everything that is stored of the leaves at indexes, which ascend. It fails
	// with ErrDamaged when one has no link or no body, and with the first error of visit.
	Bodies(ctx context.Context, tenant string, indexes []uint64, visit func(index uint64, s *journal.Stored) error) error
	// Register enters a segment into the catalogue. It fails with ErrMoved when there is one of its name, or
	// one that has any of its links.
	Register(ctx context.Context, tenant string, s *Segment) error
	// Remove removes the originals of a registered segment, some events in a transaction, and gives how
	// many events it removed. It may be repeated, and fails with ErrNotFound when no such segment is
	// registered.
	Remove(ctx context.Context, tenant, name string) (removed int, err error)
	// Purge puts on record that a segment is given up. It fails with ErrNotFound, with ErrMoved when that
	// was done, and with ErrRefused while the segment must be kept on the day of p.At.
	Purge(ctx context.Context, tenant, name string, p Purge) error
	// Erased puts on record that the file of a purged segment is gone.
	Erased(ctx context.Context, tenant, name string, at time.Time) error
	// NoteRun keeps what a run did.
	NoteRun(ctx context.Context, tenant string, r *ArchiveRun) error
}
