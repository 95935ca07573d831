package mongostore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// The collections of the archive. Only archive_hold and the platform's retention are the service's to add
// to; the others it reads (journaldb.Watch).
const (
	colSegments  = journaldb.ArchiveSegments
	colParts     = journaldb.ArchiveParts
	colRemoved   = journaldb.ArchiveRemoved
	colHolds     = journaldb.ArchiveHolds
	colPurges    = journaldb.ArchivePurges
	colErased    = journaldb.ArchiveErased
	colRuns      = journaldb.ArchiveRuns
	colRetention = journaldb.Retention
)

// segmentDocument is a row of the catalogue. The manifest is kept as it is signed for, as a text.
type segmentDocument struct {
	Name         string         `bson:"_id"`
	StoreCode    string         `bson:"store_code"`
	BusinessDate string         `bson:"business_date"`
	Part         int            `bson:"part"`
	KeepUntil    string         `bson:"keep_until"` // "": for ever
	SHA256       []byte         `bson:"sha256"`
	Manifest     string         `bson:"manifest"`
	Parts        []partDocument `bson:"parts"`
	RegisteredAt int64          `bson:"registered_at"`
}

// partDocument says that a segment has some links of a chain. Parts never overlap, so the part that has a
// link is the last that begins at or before it.
type partDocument struct {
	Stream  string `bson:"stream"`
	First   int64  `bson:"first"`
	Last    int64  `bson:"last"`
	Segment string `bson:"segment,omitempty"`
}

type holdDocument struct {
	Segment string `bson:"segment"`
	Until   string `bson:"until"`
	By      string `bson:"by"`
	Why     string `bson:"why"`
	At      int64  `bson:"at"`
}

type purgeDocument struct {
	Segment string `bson:"_id"`
	SHA256  []byte `bson:"sha256"`
	By      string `bson:"by"`
	Why     string `bson:"why"`
	At      int64  `bson:"at"`
}

// retentionDocument is one policy; the newest of a tenant counts.
type retentionDocument struct {
	TenantID string             `bson:"tenant_id"`
	Place    primitive.ObjectID `bson:"place"`
	LiveDays int                `bson:"live_days"`
	KeepDays int                `bson:"keep_days"`
	Time     string             `bson:"at"`
	SetBy    string             `bson:"set_by"`
	SetAt    int64              `bson:"set_at"`
}

// Retentions implements app.Archive.
func (s *Store) Retentions(ctx context.Context, tenant string, limit int) ([]journal.Retention, error) {
	if _, err := s.tenant(ctx, tenant); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var out []journal.Retention
	newest := options.Find().SetSort(bson.D{{Key: "tenant_id", Value: -1}, {Key: "place", Value: -1}}).SetLimit(int64(limit))
	err := each(ctx, s.platform.Collection(colRetention), bson.D{{Key: "tenant_id", Value: tenant}}, newest, func(d *retentionDocument) error {
		out = append(out, journal.Retention{LiveDays: d.LiveDays, KeepDays: d.KeepDays, At: d.Time, SetBy: d.SetBy, SetAt: time.UnixMicro(d.SetAt).UTC()})
		return nil
	})
	return out, err
}

// SetRetention implements app.Archive.
func (s *Store) SetRetention(ctx context.Context, tenant string, r journal.Retention) error {
	if _, err := s.tenant(ctx, tenant); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	_, err := s.platform.Collection(colRetention).InsertOne(ctx, retentionDocument{tenant, s.places.next(s.clock.Now()), r.LiveDays, r.KeepDays, r.At, r.SetBy, micros(r.SetAt)})
	return classify(err)
}

// Segments implements app.Archive. What became of the segments stands beside them: it is looked up before
// their manifests are read.
func (s *Store) Segments(ctx context.Context, tenant string, q app.SegmentQuery) ([]*app.Segment, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	where, order, err := segmentFilter(ctx, db, &q)
	if err != nil {
		return nil, err
	}
	found, err := find[segmentDocument](ctx, db.Collection(colSegments), where, options.Find().SetSort(order).SetProjection(ascending("keep_until")))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].Name
	}
	fates, err := readFates(ctx, db, names)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for i := range found {
		if fates.fulfil(&q, &found[i]) && (q.Limit == 0 || len(wanted) < q.Limit) {
			wanted = append(wanted, found[i].Name)
		}
	}
	return readSegments(ctx, db, fates, wanted)
}

func segmentFilter(ctx context.Context, db *mongo.Database, q *app.SegmentQuery) (where, order bson.D, err error) {
	var c conditions
	if q.StoreCode != "" {
		c.is("store_code", "$eq", q.StoreCode)
	}
	if q.Date.From != nil {
		c.is("business_date", "$gte", *q.Date.From)
	}
	if q.Date.To != nil {
		c.is("business_date", "$lte", *q.Date.To)
	}
	if q.Name != "" {
		c.is("_id", "$eq", q.Name)
	}
	compare, direction := "$gt", 1
	if q.Newest {
		compare, direction = "$lt", -1
	}
	if q.After != "" {
		var d segmentDocument
		if err := db.Collection(colSegments).FindOne(ctx, bson.D{{Key: "_id", Value: q.After}}).Decode(&d); err != nil {
			return nil, nil, notFound(err)
		}
		beyond := func(v any) bson.D { return bson.D{{Key: compare, Value: v}} }
		c = append(c, bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "business_date", Value: beyond(d.BusinessDate)}},
			bson.D{{Key: "business_date", Value: d.BusinessDate}, {Key: "store_code", Value: beyond(d.StoreCode)}},
			bson.D{{Key: "business_date", Value: d.BusinessDate}, {Key: "store_code", Value: d.StoreCode}, {Key: "part", Value: beyond(d.Part)}},
		}}})
	}
	return c.document(), bson.D{{Key: "business_date", Value: direction}, {Key: "store_code", Value: direction}, {Key: "part", Value: direction}}, nil
}

// fates are what became of segments, by their names.
type fates struct {
	removed, erased map[string]bool
	purged          map[string]*app.Purge
	holds           map[string][]string
}

func readFates(ctx context.Context, db *mongo.Database, names []string) (*fates, error) {
	f := &fates{removed: map[string]bool{}, erased: map[string]bool{}, purged: map[string]*app.Purge{}, holds: map[string][]string{}}
	for part := range slices.Chunk(names, maxNamed) {
		for collection, set := range map[string]map[string]bool{colRemoved: f.removed, colErased: f.erased} {
			err := each(ctx, db.Collection(collection), named(part), options.Find().SetProjection(ascending("_id")), func(d *identified) error {
				set[d.ID] = true
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		err := each(ctx, db.Collection(colPurges), named(part), options.Find(), func(d *purgeDocument) (err error) {
			p := &app.Purge{By: d.By, Why: d.Why, At: time.UnixMicro(d.At).UTC()}
			p.SHA256, err = asHash(d.SHA256)
			f.purged[d.Segment] = p
			return err
		})
		if err != nil {
			return nil, err
		}
		of := bson.D{{Key: "segment", Value: bson.D{{Key: "$in", Value: part}}}}
		if err := each(ctx, db.Collection(colHolds), of, options.Find(), func(d *holdDocument) error {
			f.holds[d.Segment] = append(f.holds[d.Segment], d.Until)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// kept is until when a segment is kept: what it was registered with, or the longest hold.
func (f *fates) kept(d *segmentDocument) string {
	until := d.KeepUntil
	for _, hold := range f.holds[d.Name] {
		if app.KeptLonger(until, hold) {
			until = hold
		}
	}
	return until
}

func (f *fates) fulfil(q *app.SegmentQuery, d *segmentDocument) bool {
	purged, until := f.purged[d.Name] != nil, f.kept(d)
	return (!q.Remaining || !f.removed[d.Name]) &&
		(q.Ended == "" || !purged && until != "" && until < q.Ended) &&
		(!q.Erasing || purged && !f.erased[d.Name])
}

// segmentsAtOnce is how many manifests are read at a time.
const segmentsAtOnce = 100

// readSegments gives segments in the order of their names here.
func readSegments(ctx context.Context, db *mongo.Database, f *fates, names []string) ([]*app.Segment, error) {
	var out []*app.Segment
	for part := range slices.Chunk(names, segmentsAtOnce) {
		by := map[string]*app.Segment{}
		err := each(ctx, db.Collection(colSegments), named(part), options.Find(), func(d *segmentDocument) error {
			s := &app.Segment{RegisteredAt: time.UnixMicro(d.RegisteredAt).UTC(), KeepUntil: f.kept(d), Removed: f.removed[d.Name], Purge: f.purged[d.Name]}
			for _, p := range d.Parts {
				s.Parts = append(s.Parts, journal.Part{Stream: p.Stream, First: uint64(p.First), Last: uint64(p.Last)})
			}
			by[d.Name] = s
			return app.Damaged(json.Unmarshal([]byte(d.Manifest), &s.Manifest))
		})
		if err != nil {
			return nil, err
		}
		for _, name := range part {
			if by[name] != nil {
				out = append(out, by[name])
			}
		}
	}
	return out, nil
}

// segment reads one segment; nil when there is none of that name.
func segment(ctx context.Context, db *mongo.Database, name string) (*app.Segment, error) {
	f, err := readFates(ctx, db, []string{name})
	if err != nil {
		return nil, err
	}
	found, err := readSegments(ctx, db, f, []string{name})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// SegmentAt implements app.Archive.
func (s *Store) SegmentAt(ctx context.Context, tenant, stream string, seq uint64) (*app.Segment, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	p, err := partAt(ctx, db, stream, seq)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Last < int64(seq) {
		return nil, app.ErrNotFound
	}
	found, err := segment(ctx, db, p.Segment)
	if err == nil && found == nil {
		err = app.Damaged(errors.New("segment " + p.Segment + " is gone from the catalogue"))
	}
	return found, err
}

// partAt gives the last part of a chain that begins at or before a link; nil when there is none.
func partAt(ctx context.Context, db *mongo.Database, stream string, seq uint64) (*partDocument, error) {
	before := bson.D{{Key: "stream", Value: stream}, {Key: "first", Value: bson.D{{Key: "$lte", Value: int64(seq)}}}}
	last := options.Find().SetSort(bson.D{{Key: "stream", Value: -1}, {Key: "first", Value: -1}}).SetLimit(1)
	found, err := find[partDocument](ctx, db.Collection(colParts), before, last)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// moved are the links of some chains that segments have.
func moved(ctx context.Context, db *mongo.Database, streams []string) (map[string]sequence.Set, error) {
	sets := map[string]sequence.Set{}
	for part := range slices.Chunk(streams, maxNamed) {
		of := bson.D{{Key: "stream", Value: bson.D{{Key: "$in", Value: part}}}}
		err := each(ctx, db.Collection(colParts), of, options.Find().SetSort(ascending("stream", "first")), func(d *partDocument) error {
			sets[d.Stream] = append(sets[d.Stream], sequence.Range{First: uint64(d.First), Last: uint64(d.Last)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// markArchived tells of links whose body or entry is not here whether a segment has them. The catalogue is
// read after they were looked for: a segment is registered before anything is removed. What was removed
// between the look for the one and for the other is there altogether.
func markArchived(ctx context.Context, db *mongo.Database, links []*journal.Stored) error {
	missing := func(l *journal.Stored) bool {
		return len(l.Content) == 0 || l.Entry == nil && l.EntryHash != (journal.Hash{})
	}
	var streams []string
	for _, l := range links {
		if missing(l) {
			streams = append(streams, l.Stream)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	slices.Sort(streams)
	sets, err := moved(ctx, db, slices.Compact(streams))
	if err != nil {
		return err
	}
	for _, l := range links {
		if missing(l) && sets[l.Stream].Contains(l.Seq) {
			l.Archived, l.Content, l.Entry, l.Number, l.Generated = true, nil, nil, nil, time.Time{}
		}
	}
	return nil
}

// Hold implements app.Archive.
func (s *Store) Hold(ctx context.Context, tenant, name string, h app.Hold) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return s.transact(ctx, func(ctx mongo.SessionContext) error {
		found, err := segment(ctx, db, name)
		switch {
		case err != nil:
			return err
		case found == nil:
			return app.ErrNotFound
		case found.Purge != nil || !app.KeptLonger(found.KeepUntil, h.Until):
			return app.ErrRefused
		}
		if err := s.step("insert hold"); err != nil {
			return err
		}
		_, err = db.Collection(colHolds).InsertOne(ctx, holdDocument{name, h.Until, h.By, h.Why, micros(h.At)})
		return err
	})
}

// ArchiveRuns implements app.Archive.
func (s *Store) ArchiveRuns(ctx context.Context, tenant string, limit int) ([]*app.ArchiveRun, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	type run struct {
		Report string `bson:"report"`
	}
	var out []*app.ArchiveRun
	newest := options.Find().SetSort(bson.D{{Key: "place", Value: -1}}).SetLimit(int64(limit))
	err = each(ctx, db.Collection(colRuns), bson.D{}, newest, func(d *run) error {
		r := &app.ArchiveRun{}
		out = append(out, r)
		return app.Damaged(json.Unmarshal([]byte(d.Report), r))
	})
	return out, err
}
