package mongostore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// colArchiveLease says who archives now.
const colArchiveLease = journaldb.ArchiveLease

// archived are the collections whose documents leave for the archive, and their terms, which can be found
// by no more.
var archived = []string{colTran, colCash, colOpenClose, colEvent, colDirect, colJournal, colTerms}

// Archiver implements app.Archiver. It is a program of its own with a credential of its own: that of the
// journal cannot do any of it.
type Archiver struct{ *Store }

// NewArchiver connects with the archiver's credential.
func NewArchiver(ctx context.Context, cfg Config) (*Archiver, error) {
	cfg.Archiver = true
	s, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Archiver{s}, nil
}

// made refuses a database that the journal of this release did not make or complete.
func made(ctx context.Context, sc *schema, db *mongo.Database) error {
	_, err := sc.check(ctx, db)
	if errors.Is(err, errLost) {
		return fmt.Errorf("database %s is not made yet, or gone: the journal makes it when it starts, and those of tenants when they are made", db.Name())
	}
	if err != nil {
		return err
	}
	var found schemaVersion
	if err := db.Collection(colSchema).FindOne(ctx, bson.D{{Key: "_id", Value: sc.Kind}}).Decode(&found); err != nil {
		return err
	}
	if found.Version < sc.Version {
		return fmt.Errorf("database %s has version %d, and the archiver needs %d: the journal of this release completes it when it uses it; start that first", db.Name(), found.Version, sc.Version)
	}
	return nil
}

// archiving is the one document of colArchiveLease.
const archiving = "archiving"

// ArchiveLease implements app.Archiver.
func (a *Archiver) ArchiveLease(ctx context.Context, tenant, holder string, life time.Duration) (bool, error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return false, err
	}
	return take(ctx, db.Collection(colArchiveLease), archiving, holder, a.clock.Now(), life)
}

// Archivable implements app.Archiver. Of each store the next date is looked up in the index of the journal,
// and that of events without one in theirs, so it costs a few reads for each day that is found.
func (a *Archiver) Archivable(ctx context.Context, tenant, before string, after journal.StoreDay, limit int) ([]journal.StoreDay, error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	terminals, err := terminalsByStore(ctx, db)
	if err != nil {
		return nil, err
	}
	var days []journal.StoreDay
	for store, numbers := range terminals {
		from := after.BusinessDate
		for n := 0; n < limit; {
			next, err := nextDay(ctx, db, store, numbers, from)
			if err != nil {
				return nil, err
			}
			if next == "" || next >= before {
				break
			}
			if day := (journal.StoreDay{StoreCode: store, BusinessDate: next}); after == (journal.StoreDay{}) || compareDays(day, after) > 0 {
				days = append(days, day)
				n++
			}
			from = dayAfter(next)
		}
	}
	slices.SortFunc(days, compareDays)
	return days[:min(limit, len(days))], nil
}

func compareDays(a, b journal.StoreDay) int {
	return cmp.Or(strings.Compare(a.BusinessDate, b.BusinessDate), strings.Compare(a.StoreCode, b.StoreCode))
}

func terminalsByStore(ctx context.Context, db *mongo.Database) (map[string][]int, error) {
	stores := map[string][]int{}
	err := each(ctx, db.Collection(colHeads), bson.D{}, options.Find().SetProjection(ascending("store_code", "terminal_no")), func(d *headDocument) error {
		if d.StoreCode != "" {
			stores[d.StoreCode] = append(stores[d.StoreCode], d.TerminalNo)
		}
		return nil
	})
	return stores, err
}

// nextDay is the first day from one on of which a store has something live; "" when there is none.
func nextDay(ctx context.Context, db *mongo.Database, store string, terminals []int, from string) (next string, err error) {
	of := bson.D{{Key: "store_code", Value: store}, {Key: "business_date", Value: bson.D{{Key: "$gte", Value: from}}}}
	opts := options.Find().SetSort(ascending("store_code", "business_date")).SetProjection(ascending("business_date")).SetLimit(1)
	err = each(ctx, db.Collection(colJournal), of, opts, func(d *journalDocument) error {
		next = d.BusinessDate
		return nil
	})
	start, failed := time.Parse(journal.DateForm, from)
	if failed != nil {
		start = time.Unix(0, 0)
	}
	type occurred struct {
		At int64 `bson:"occurred_at"`
	}
	for i := 0; err == nil && i < len(terminals); i++ {
		of := bson.D{{Key: "store_code", Value: store}, {Key: "terminal_no", Value: terminals[i]}, {Key: "occurred_at", Value: bson.D{{Key: "$gte", Value: micros(start)}}}}
		opts := options.Find().SetSort(ascending("store_code", "terminal_no", "occurred_at")).SetProjection(ascending("occurred_at")).SetLimit(1)
		err = each(ctx, db.Collection(colEvent), of, opts, func(d *occurred) error {
			if day := time.UnixMicro(d.At).UTC().Format(journal.DateForm); next == "" || day < next {
				next = day
			}
			return nil
		})
	}
	return next, err
}

// dayAfter is the next business date that there can be. A date that is none has itself behind it.
func dayAfter(date string) string {
	d, err := time.Parse(journal.DateForm, date)
	if err != nil {
		return date + "0"
	}
	return d.AddDate(0, 0, 1).Format(journal.DateForm)
}

// Day implements app.Archiver.
func (a *Archiver) Day(ctx context.Context, tenant string, of journal.StoreDay) (*journal.Day, error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	ids, err := dayIDs(ctx, db, of)
	if err != nil {
		return nil, err
	}
	examined := map[string]int64{}
	if err := each(ctx, db.Collection(colExaminations), bson.D{}, options.Find().SetProjection(ascending("chain_seq")), func(d *examinationDocument) error {
		examined[d.Stream] = d.ChainSeq
		return nil
	}); err != nil {
		return nil, err
	}
	links := map[string]*journal.DayLink{}
	var streams []string
	fields := ascending("stream", "chain_seq", "producer", "sequence")
	for part := range slices.Chunk(ids, maxNamed) {
		err := each(ctx, db.Collection(colIDs), named(part), options.Find().SetProjection(fields), func(d *idDocument) error {
			links[d.EventID] = &journal.DayLink{Stream: d.Stream, Seq: uint64(d.ChainSeq), EventID: d.EventID, Producer: d.Producer, Sequence: uint64(d.Sequence)}
			streams = append(streams, d.Stream)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(streams)
	sets, err := moved(ctx, db, slices.Compact(streams))
	if err != nil {
		return nil, err
	}
	day := &journal.Day{StoreDay: of}
	var open []string
	for _, id := range ids {
		l := links[id]
		if l == nil || sets[l.Stream].Contains(l.Seq) { // what no link covers is no event, and verifying names it
			continue
		}
		if int64(l.Seq) > examined[l.Stream] {
			day.Unexamined++
		}
		open = append(open, id)
	}
	logged := 0
	for part := range slices.Chunk(open, maxNamed) {
		in := bson.D{{Key: "event_id", Value: bson.D{{Key: "$in", Value: part}}}}
		err := each(ctx, db.Collection(colLeaves), in, options.Find().SetProjection(ascending("event_id")), func(d *leafDocument) error {
			l := links[d.EventID]
			l.Index = uint64(d.Index)
			day.Links = append(day.Links, *l)
			logged++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	day.Unlogged = len(open) - logged
	slices.SortFunc(day.Links, func(a, b journal.DayLink) int { return cmp.Compare(a.Index, b.Index) })
	return day, nil
}

// dayIDs are the events of a store's day that are live.
func dayIDs(ctx context.Context, db *mongo.Database, of journal.StoreDay) (ids []string, err error) {
	from, to, err := of.Bounds()
	if err != nil {
		return nil, fmt.Errorf("%w: %s is no day", app.ErrRefused, of)
	}
	add := func(d *identified) error { ids = append(ids, d.ID); return nil }
	entries := bson.D{{Key: "store_code", Value: of.StoreCode}, {Key: "business_date", Value: of.BusinessDate}}
	if err := each(ctx, db.Collection(colJournal), entries, options.Find().SetProjection(ascending("_id")), add); err != nil {
		return nil, err
	}
	terminals, err := terminalsByStore(ctx, db)
	for i := 0; err == nil && i < len(terminals[of.StoreCode]); i++ {
		events := bson.D{{Key: "store_code", Value: of.StoreCode}, {Key: "terminal_no", Value: terminals[of.StoreCode][i]},
			{Key: "occurred_at", Value: bson.D{{Key: "$gte", Value: micros(from)}, {Key: "$lt", Value: micros(to)}}}}
		err = each(ctx, db.Collection(colEvent), events, options.Find().SetProjection(ascending("_id")), add)
	}
	return ids, err
}

// Bodies implements app.Archiver.
func (a *Archiver) Bodies(ctx context.Context, tenant string, indexes []uint64, visit func(uint64, *journal.Stored) error) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(indexes, walked) {
		numbers := make([]int64, len(part))
		for i, n := range part {
			numbers[i] = int64(n)
		}
		leaves, err := find[leafDocument](ctx, db.Collection(colLeaves), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: numbers}}}}, options.Find().SetSort(ascending("_id")))
		if err != nil {
			return err
		}
		stored, err := ofLeaves(ctx, db, leaves)
		if err != nil {
			return err
		}
		for i, index := range part {
			if i >= len(leaves) || uint64(leaves[i].Index) != index || stored[leaves[i].EventID] == nil || len(stored[leaves[i].EventID].Content) == 0 {
				return fmt.Errorf("%w: event %d of the log has no body", app.ErrDamaged, index)
			}
			if err := app.Visited(visit(index, stored[leaves[i].EventID])); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofLeaves reads everything of some leaves, by event id.
func ofLeaves(ctx context.Context, db *mongo.Database, leaves []leafDocument) (map[string]*journal.Stored, error) {
	ids := make([]string, len(leaves))
	for i := range leaves {
		ids[i] = leaves[i].EventID
	}
	found, err := find[idDocument](ctx, db.Collection(colIDs), named(ids), options.Find())
	if err != nil {
		return nil, err
	}
	links := make([]*idDocument, len(found))
	for i := range found {
		links[i] = &found[i]
	}
	all, err := together(ctx, db, links)
	by := map[string]*journal.Stored{}
	for _, s := range all {
		by[s.EventID] = s
	}
	return by, err
}

// Register implements app.Archiver. Of two who register the same links one is refused: both read the
// catalogue in their transactions, and each inserts the parts, whose beginnings are unique.
func (a *Archiver) Register(ctx context.Context, tenant string, s *app.Segment) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(&s.Manifest)
	if err != nil {
		return err
	}
	doc := segmentDocument{
		Name: s.Name(), StoreCode: s.StoreCode, BusinessDate: s.BusinessDate, Part: s.Part, KeepUntil: s.KeepUntil, SHA256: s.SHA256[:],
		Manifest: string(manifest), Parts: []partDocument{}, RegisteredAt: micros(s.RegisteredAt),
	}
	parts := make([]any, len(s.Parts))
	for i, p := range s.Parts {
		d := partDocument{Stream: p.Stream, First: int64(p.First), Last: int64(p.Last)}
		doc.Parts = append(doc.Parts, d)
		d.Segment = doc.Name
		parts[i] = d
	}
	err = a.transact(ctx, func(ctx mongo.SessionContext) error {
		if err := a.untaken(ctx, db, &doc); err != nil {
			return err
		}
		if err := a.step("insert segment"); err != nil {
			return err
		}
		if _, err := db.Collection(colSegments).InsertOne(ctx, doc); err != nil {
			return err
		}
		if len(parts) == 0 {
			return nil
		}
		if err := a.step("insert parts"); err != nil {
			return err
		}
		if _, err := db.Collection(colParts).InsertMany(ctx, parts); err != nil {
			return err
		}
		return a.step("commit segment")
	})
	if err != nil {
		return err
	}
	return classify(a.step("registered"))
}

// untaken makes sure that nobody has registered the name or any of the links.
func (a *Archiver) untaken(ctx context.Context, db *mongo.Database, d *segmentDocument) error {
	if err := a.step("read catalogue"); err != nil {
		return err
	}
	taken, err := find[identified](ctx, db.Collection(colSegments), named([]string{d.Name}), options.Find().SetProjection(ascending("_id")))
	if err != nil || len(taken) > 0 {
		return app.OrMoved(err)
	}
	for _, p := range d.Parts {
		before, err := partAt(ctx, db, p.Stream, uint64(p.Last))
		if err != nil {
			return err
		}
		if before != nil && before.Last >= p.First {
			return app.ErrMoved
		}
		heads, err := find[headDocument](ctx, db.Collection(colHeads), named([]string{p.Stream}), options.Find().SetProjection(ascending("chain_seq")))
		if err != nil {
			return err
		}
		if len(heads) == 0 || heads[0].ChainSeq < p.Last {
			return fmt.Errorf("%w: %s has no links %d to %d", app.ErrDamaged, p.Stream, p.First, p.Last)
		}
	}
	return nil
}

// removedAtOnce is how many events one transaction removes.
const removedAtOnce = 200

// Remove implements app.Archiver.
func (a *Archiver) Remove(ctx context.Context, tenant, name string) (removed int, err error) {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return 0, err
	}
	found, err := segment(ctx, db, name)
	if err != nil {
		return 0, err
	}
	if found == nil {
		return 0, app.ErrNotFound
	}
	if found.Removed {
		return 0, nil
	}
	for _, p := range found.Parts {
		for first := p.First; first <= p.Last; first += removedAtOnce {
			n, err := a.removePart(ctx, db, name, journal.Part{Stream: p.Stream, First: first, Last: min(p.Last, first+removedAtOnce-1)})
			removed += n
			if err != nil {
				return removed, err
			}
		}
	}
	if err := a.step("insert removed"); err != nil {
		return removed, classify(err)
	}
	_, err = db.Collection(colRemoved).InsertOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "removed_at", Value: micros(a.clock.Now())}})
	if mongo.IsDuplicateKeyError(err) {
		err = nil // somebody else did the same
	}
	return removed, classify(err)
}

// removePart removes the bodies of some links of a chain, if the segment is registered.
func (a *Archiver) removePart(ctx context.Context, db *mongo.Database, name string, p journal.Part) (removed int, err error) {
	of := bson.D{{Key: "stream", Value: p.Stream}, {Key: "chain_seq", Value: bson.D{{Key: "$gte", Value: int64(p.First)}, {Key: "$lte", Value: int64(p.Last)}}}}
	err = a.transact(ctx, func(ctx mongo.SessionContext) error {
		removed = 0
		part, err := partAt(ctx, db, p.Stream, p.First)
		if err != nil {
			return err
		}
		if part == nil || part.Segment != name || part.Last < int64(p.Last) {
			return fmt.Errorf("%w: no segment has links %d to %d of %s", app.ErrRefused, p.First, p.Last, p.Stream)
		}
		if err := a.step("read originals"); err != nil {
			return err
		}
		var ids []string
		opts := options.Find().SetSort(ascending("stream", "chain_seq")).SetProjection(ascending("_id"))
		if err := each(ctx, db.Collection(colIDs), of, opts, func(d *identified) error { ids = append(ids, d.ID); return nil }); err != nil {
			return err
		}
		for _, collection := range archived {
			if len(ids) == 0 {
				return nil
			}
			if err := a.step("delete from " + collection); err != nil {
				return err
			}
			res, err := db.Collection(collection).DeleteMany(ctx, named(ids))
			if err != nil {
				return fmt.Errorf("delete from %s: %w", collection, err)
			}
			if collection != colJournal && collection != colTerms { // every event has one body beside its entry
				removed += int(res.DeletedCount)
			}
		}
		return a.step("commit removal")
	})
	if err != nil {
		return 0, err
	}
	return removed, classify(a.step("removed"))
}

// Purge implements app.Archiver.
func (a *Archiver) Purge(ctx context.Context, tenant, name string, p app.Purge) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	err = a.transact(ctx, func(ctx mongo.SessionContext) error {
		found, err := segment(ctx, db, name)
		if err != nil {
			return err
		}
		if err := app.MayPurge(found, p); err != nil {
			return err
		}
		if err := a.step("insert purge"); err != nil {
			return err
		}
		_, err = db.Collection(colPurges).InsertOne(ctx, purgeDocument{name, p.SHA256[:], p.By, p.Why, micros(p.At)})
		return err
	})
	if err != nil {
		return err
	}
	return classify(a.step("purged"))
}

// Erased implements app.Archiver.
func (a *Archiver) Erased(ctx context.Context, tenant, name string, at time.Time) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	found, err := segment(ctx, db, name)
	if err == nil && found == nil {
		err = app.ErrNotFound
	}
	if err == nil {
		err = classify(a.step("insert erased"))
	}
	if err != nil {
		return err
	}
	_, err = db.Collection(colErased).InsertOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "erased_at", Value: micros(at)}})
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return classify(err)
}

// NoteRun implements app.Archiver.
func (a *Archiver) NoteRun(ctx context.Context, tenant string, r *app.ArchiveRun) error {
	db, err := a.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	report, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	if err := a.step("insert run"); err != nil {
		return classify(err)
	}
	_, err = db.Collection(colRuns).InsertOne(ctx, bson.D{{Key: "place", Value: a.places.next(a.clock.Now())}, {Key: "report", Value: string(report)}})
	return classify(err)
}
