package mongostore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// examinationDocument is how far a stream was held against the rules. It is derived: what is lost is
// made again from the first link.
type examinationDocument struct {
	Stream   string `bson:"_id"`
	ChainSeq int64  `bson:"chain_seq"` // examined through this link
	DueAt    int64  `bson:"due_at"`    // when to look again, 0: when something new comes
	Turn     int64  `bson:"turn"`
	State    []byte `bson:"state"`
}

// discrepancyDocument is one discrepancy. Instants are microseconds since 1970 UTC.
type discrepancyDocument struct {
	ID           string                   `bson:"_id"`
	Place        primitive.ObjectID       `bson:"place"`
	Stream       string                   `bson:"stream"`
	StoreCode    string                   `bson:"store_code"`
	TerminalNo   int                      `bson:"terminal_no"`
	Kind         journal.Kind             `bson:"kind"`
	Key          string                   `bson:"key"`
	Occurrence   int                      `bson:"occurrence"`
	BusinessDate string                   `bson:"business_date"`
	OpenCounter  int                      `bson:"open_counter"`
	State        journal.DiscrepancyState `bson:"state"`
	Finding      string                   `bson:"finding"` // JSON
	OpenedAt     int64                    `bson:"opened_at"`
	ChangedAt    int64                    `bson:"changed_at"`
	ResolvedAt   int64                    `bson:"resolved_at"`
	ResolvedBy   string                   `bson:"resolved_by"`
	Resolution   string                   `bson:"resolution"`
	Owes         []journal.Debt           `bson:"owes,omitempty"`
}

func newDiscrepancyDocument(d *journal.Discrepancy, place primitive.ObjectID) (*discrepancyDocument, error) {
	finding, err := json.Marshal(&d.Finding)
	doc := &discrepancyDocument{
		ID: d.ID, Place: place, Stream: d.Stream.ID(), StoreCode: d.Stream.StoreCode, TerminalNo: d.Stream.TerminalNo,
		Kind: d.Kind, Key: d.Key, Occurrence: d.Occurrence, BusinessDate: d.BusinessDate, OpenCounter: d.OpenCounter,
		State: d.State, Finding: string(finding), OpenedAt: micros(d.OpenedAt), ChangedAt: micros(d.ChangedAt),
		ResolvedBy: d.ResolvedBy, Resolution: d.Resolution,
	}
	if !d.ResolvedAt.IsZero() {
		doc.ResolvedAt = micros(d.ResolvedAt)
	}
	return doc, err
}

func (d *discrepancyDocument) discrepancy(tenant string) (*journal.Discrepancy, error) {
	out := &journal.Discrepancy{
		ID: d.ID, Stream: identity.Stream{TenantID: tenant, StoreCode: d.StoreCode, TerminalNo: d.TerminalNo}, Occurrence: d.Occurrence,
		State: d.State, OpenedAt: time.UnixMicro(d.OpenedAt).UTC(), ChangedAt: time.UnixMicro(d.ChangedAt).UTC(),
		ResolvedBy: d.ResolvedBy, Resolution: d.Resolution,
	}
	if d.ResolvedAt != 0 {
		out.ResolvedAt = time.UnixMicro(d.ResolvedAt).UTC()
	}
	return out, app.Damaged(json.Unmarshal([]byte(d.Finding), &out.Finding))
}

// Unexamined implements app.Examiner.
func (s *Store) Unexamined(ctx context.Context, tenant string, now time.Time) ([]identity.Stream, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	examined := map[string]*examinationDocument{}
	fields := options.Find().SetProjection(ascending("chain_seq", "due_at"))
	err = each(ctx, db.Collection(colExaminations), bson.D{}, fields, func(d *examinationDocument) error {
		examined[d.Stream] = d
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []identity.Stream
	fields = options.Find().SetProjection(ascending("chain_seq", "store_code", "terminal_no")).SetSort(ascending("_id"))
	err = each(ctx, db.Collection(colHeads), bson.D{}, fields, func(h *headDocument) error {
		x := examined[h.Stream]
		if x == nil || h.ChainSeq > x.ChainSeq || x.DueAt != 0 && x.DueAt <= micros(now) {
			out = append(out, identity.Stream{TenantID: tenant, StoreCode: h.StoreCode, TerminalNo: h.TerminalNo})
		}
		return nil
	})
	return out, err
}

// Examination implements app.Examiner.
func (s *Store) Examination(ctx context.Context, stream identity.Stream) (app.Saved, error) {
	var saved app.Saved
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return saved, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	// What is open is read first: if it changes before the rest is read, the turn is another one.
	saved.Open, err = discrepancies(ctx, db, stream.TenantID,
		bson.D{{Key: "stream", Value: stream.ID()}, {Key: "state", Value: journal.DiscrepancyOpen}}, options.Find().SetSort(ascending("place")))
	if err != nil {
		return saved, err
	}
	err = each(ctx, db.Collection(colExaminations), bson.D{{Key: "_id", Value: stream.ID()}}, options.Find(), func(d *examinationDocument) error {
		saved.Turn, saved.State = d.Turn, d.State
		return nil
	})
	return saved, err
}

// Behind implements app.Examiner.
func (s *Store) Behind(ctx context.Context, stream identity.Stream, seq uint64, limit int) ([]*journal.Examined, error) {
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var out []*journal.Examined
	byLog := map[string][]string{}
	of := bson.D{{Key: "stream", Value: stream.ID()}, {Key: "chain_seq", Value: bson.D{{Key: "$gt", Value: int64(seq)}}}}
	fields := options.Find().SetProjection(ascending("chain_seq", "topic", "producer", "sequence")).SetSort(ascending("stream", "chain_seq")).SetLimit(int64(limit))
	err = each(ctx, db.Collection(colIDs), of, fields, func(d *idDocument) error {
		out = append(out, &journal.Examined{Seq: uint64(d.ChainSeq), EventID: d.EventID, Topic: d.Topic, Producer: d.Producer, Sequence: uint64(d.Sequence)})
		byLog[collectionOf[d.Topic]] = append(byLog[collectionOf[d.Topic]], d.EventID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	contents, err := examinedContents(ctx, db, byLog)
	if err != nil {
		return nil, err
	}
	sets, err := moved(ctx, db, []string{stream.ID()})
	for _, l := range out {
		l.Content = contents[l.EventID]
		l.Archived = len(l.Content) == 0 && sets[stream.ID()].Contains(l.Seq)
	}
	return out, err
}

// examinedContents reads what of the events is looked at.
func examinedContents(ctx context.Context, db *mongo.Database, byLog map[string][]string) (map[string][]byte, error) {
	type document struct {
		ID      string `bson:"_id"`
		Content string `bson:"content"`
	}
	contents := map[string][]byte{}
	delete(byLog, "") // a topic that somebody made up has no log
	for log, ids := range byLog {
		where := named(ids)
		if log == colEvent {
			where = append(where, bson.E{Key: "event_type", Value: event.SignedIn{}.EventType()})
		}
		err := each(ctx, db.Collection(log), where, options.Find().SetProjection(ascending("content")), func(d *document) error {
			contents[d.ID] = []byte(d.Content)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// Receipts implements app.Examiner. The shard key names the terminal and its date, so one shard answers.
func (s *Store) Receipts(ctx context.Context, t identity.Terminal, businessDate string, numbers []int64) ([]journal.ReceiptUse, error) {
	db, err := s.tenant(ctx, t.TenantID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var out []journal.ReceiptUse
	for len(numbers) > 0 {
		part := numbers[:min(len(numbers), maxNamed)]
		numbers = numbers[len(part):]
		where := bson.D{{Key: "shard_key", Value: shardKey(identity.TerminalStream(t), businessDate)}, {Key: "receipt_no", Value: bson.D{{Key: "$in", Value: part}}}}
		fields := options.Find().SetProjection(ascending("receipt_no", "chain_seq")).SetSort(ascending("shard_key", "receipt_no"))
		err := each(ctx, db.Collection(colJournal), where, fields, func(d *journalDocument) error {
			if d.ReceiptNo != nil {
				out = append(out, journal.ReceiptUse{ReceiptNo: *d.ReceiptNo, EventID: d.EventID, Seq: uint64(d.ChainSeq)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Settle implements app.Examiner.
func (s *Store) Settle(ctx context.Context, st *app.Settlement) ([]*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, st.Stream.TenantID)
	if err != nil {
		return nil, err
	}
	var changed []*journal.Discrepancy
	err = s.transact(ctx, func(ctx mongo.SessionContext) error {
		changed = nil
		if err := s.step("save examination"); err != nil {
			return err
		}
		if err := saveExamination(ctx, db, st); err != nil {
			return err
		}
		for key, found := range st.Findings {
			d, err := s.settleOne(ctx, db, st, key, found)
			if err != nil {
				return err
			}
			if d != nil {
				changed = append(changed, d)
			}
		}
		return nil
	})
	if err == nil {
		err = classify(s.step("settled"))
	}
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func (s *Store) settleOne(ctx context.Context, db *mongo.Database, st *app.Settlement, key journal.FindingKey, found *journal.Finding) (*journal.Discrepancy, error) {
	where := bson.D{{Key: "stream", Value: st.Stream.ID()}, {Key: "kind", Value: key.Kind}, {Key: "key", Value: key.Key}}
	latest, err := find[discrepancyDocument](ctx, db.Collection(colDiscrepancies), where, options.Find().SetSort(bson.D{{Key: "occurrence", Value: -1}}).SetLimit(1))
	if err != nil {
		return nil, err
	}
	var old *journal.Discrepancy
	place := s.places.next(s.clock.Now())
	if len(latest) > 0 {
		if old, err = latest[0].discrepancy(st.Stream.TenantID); err != nil {
			return nil, err
		}
	}
	d := journal.Settle(st.Stream, key, found, old, st.Now)
	if d == nil {
		return nil, nil
	}
	if old != nil && old.ID == d.ID {
		place = latest[0].Place
	}
	doc, err := newDiscrepancyDocument(d, place)
	if err != nil {
		return nil, err
	}
	switch {
	case d.AlertOwed(old):
		doc.Owes = []journal.Debt{journal.OwesAlert}
	case d.State == journal.DiscrepancyOpen && old != nil:
		doc.Owes = latest[0].Owes // still
	}
	if err := s.step("write discrepancy"); err != nil {
		return nil, err
	}
	_, err = db.Collection(colDiscrepancies).ReplaceOne(ctx, bson.D{{Key: "_id", Value: d.ID}}, doc, options.Replace().SetUpsert(true))
	return d, err
}

// saveExamination replaces what was read, if it is still that. Another process meets the same document.
func saveExamination(ctx context.Context, db *mongo.Database, st *app.Settlement) error {
	d := examinationDocument{Stream: st.Stream.ID(), ChainSeq: int64(st.Seq), Turn: st.Turn + 1, State: st.State}
	if !st.Due.IsZero() {
		d.DueAt = micros(st.Due)
	}
	examinations := db.Collection(colExaminations)
	if st.Turn == 0 {
		n, err := examinations.CountDocuments(ctx, bson.D{{Key: "_id", Value: d.Stream}})
		switch {
		case err != nil:
			return err
		case n > 0:
			return app.ErrMoved
		}
		_, err = examinations.InsertOne(ctx, d)
		return err
	}
	res, err := examinations.ReplaceOne(ctx, bson.D{{Key: "_id", Value: d.Stream}, {Key: "turn", Value: st.Turn}}, d)
	if err == nil && res.MatchedCount == 0 {
		err = fmt.Errorf("examination of %s: %w", d.Stream, app.ErrMoved)
	}
	return err
}

func discrepancies(ctx context.Context, db *mongo.Database, tenant string, where bson.D, opts *options.FindOptions) ([]*journal.Discrepancy, error) {
	var out []*journal.Discrepancy
	err := each(ctx, db.Collection(colDiscrepancies), where, opts, func(doc *discrepancyDocument) error {
		d, err := doc.discrepancy(tenant)
		if err == nil {
			out = append(out, d)
		}
		return err
	})
	return out, err
}

// Discrepancies implements app.Examiner.
func (s *Store) Discrepancies(ctx context.Context, tenant string, q app.DiscrepancyQuery) ([]*journal.Discrepancy, int, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var c conditions
	for _, f := range []struct {
		field string
		given bool
		value any
	}{
		{"store_code", q.StoreCode != "", q.StoreCode}, {"terminal_no", q.TerminalNo != 0, q.TerminalNo}, {"state", q.State != "", q.State},
		{"kind", q.Kind != "", q.Kind}, {"business_date", q.BusinessDate != "", q.BusinessDate},
	} {
		if f.given {
			c.is(f.field, "$eq", f.value)
		}
	}
	if q.Session != 0 {
		c.is("open_counter", "$in", []int{0, q.Session})
	}
	var items []*journal.Discrepancy
	if q.Limit > 0 {
		opts := options.Find().SetSort(bson.D{{Key: "place", Value: -1}}).SetSkip(int64(q.Skip)).SetLimit(int64(q.Limit))
		if items, err = discrepancies(ctx, db, tenant, c.document(), opts); err != nil {
			return nil, 0, err
		}
	}
	n, err := db.Collection(colDiscrepancies).CountDocuments(ctx, c.document(), options.Count().SetMaxTime(readWait))
	return items, int(n), classify(err)
}

// Discrepancy implements app.Examiner.
func (s *Store) Discrepancy(ctx context.Context, tenant, id string) (*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	found, err := discrepancies(ctx, db, tenant, bson.D{{Key: "_id", Value: id}}, options.Find())
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Accept implements app.Examiner.
func (s *Store) Accept(ctx context.Context, tenant, id string, by, why string, at time.Time) (done bool, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	res, err := db.Collection(colDiscrepancies).UpdateOne(ctx,
		bson.D{{Key: "_id", Value: id}, {Key: "state", Value: journal.DiscrepancyOpen}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: journal.DiscrepancyAccepted}, {Key: "changed_at", Value: micros(at)},
			{Key: "resolved_at", Value: micros(at)}, {Key: "resolved_by", Value: by}, {Key: "resolution", Value: why}}},
			{Key: "$unset", Value: bson.D{{Key: "owes", Value: ""}}}})
	if err != nil {
		return false, classify(err)
	}
	return res.MatchedCount == 1, nil
}

// OpenDiscrepancies implements app.Examiner.
func (s *Store) OpenDiscrepancies(ctx context.Context, tenant string) (map[journal.Kind]int, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	open := map[journal.Kind]int{}
	counted, err := db.Collection(colDiscrepancies).Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "state", Value: journal.DiscrepancyOpen}}}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$kind"}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
	}, options.Aggregate().SetMaxTime(readWait))
	if err != nil {
		return nil, classify(err)
	}
	var kinds []struct {
		Kind journal.Kind `bson:"_id"`
		N    int          `bson:"n"`
	}
	if err := counted.All(ctx, &kinds); err != nil {
		return nil, classify(err)
	}
	for _, k := range kinds {
		open[k.Kind] = k.N
	}
	return open, nil
}
