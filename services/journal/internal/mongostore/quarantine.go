package mongostore

import (
	"context"
	"slices"
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

// itemDocument is one quarantined event. Instants are microseconds since 1970 UTC.
type itemDocument struct {
	ID          string             `bson:"_id"`
	Place       primitive.ObjectID `bson:"place"`
	TenantID    string             `bson:"tenant_id"`
	EventID     string             `bson:"event_id"`
	ContentHash []byte             `bson:"content_hash"`
	Topic       string             `bson:"topic"`
	StoreCode   string             `bson:"store_code"`
	TerminalNo  int                `bson:"terminal_no"`
	Producer    string             `bson:"producer"`
	Sequence    int64              `bson:"sequence"`
	Reason      journal.Reason     `bson:"reason"`
	Detail      string             `bson:"detail"`
	CloudEvent  []byte             `bson:"cloud_event"`
	TraceParent string             `bson:"traceparent"`
	Generation  int                `bson:"generation"`
	FirstSeen   int64              `bson:"first_seen"`
	LastSeen    int64              `bson:"last_seen"`
	Times       int                `bson:"times"`

	State      journal.QuarantineState `bson:"state"`
	ResolvedAt int64                   `bson:"resolved_at"`
	ResolvedBy string                  `bson:"resolved_by"`
	Resolution string                  `bson:"resolution"`

	Owes []journal.Debt `bson:"owes,omitempty"`
}

func newItemDocument(q *journal.Quarantined, place primitive.ObjectID) *itemDocument {
	return &itemDocument{
		ID: q.ID, Place: place, TenantID: q.TenantID, EventID: q.EventID, ContentHash: q.ContentHash[:], Topic: q.Topic,
		StoreCode: q.Stream.StoreCode, TerminalNo: q.Stream.TerminalNo, Producer: q.Producer, Sequence: int64(q.Sequence),
		Reason: q.Reason, Detail: q.Detail, CloudEvent: q.CloudEvent, TraceParent: q.TraceParent, Generation: q.Generation,
		FirstSeen: micros(q.FirstSeen), LastSeen: micros(q.LastSeen), Times: 1, State: journal.QuarantineOpen,
	}
}

// countAgain notes that the item came again. The reason that the journal found last stands; a
// sidecar's word never replaces it.
func (d *itemDocument) countAgain(q *journal.Quarantined) {
	d.LastSeen, d.Generation = micros(q.LastSeen), q.Generation
	d.Times++
	if q.Reason != journal.DeadLetter && d.State != journal.QuarantineDiscarded {
		d.Reason, d.Detail = q.Reason, q.Detail
	}
	if d.State == journal.QuarantineReplayed {
		d.State, d.ResolvedAt, d.ResolvedBy, d.Resolution = journal.QuarantineOpen, 0, "", ""
	}
}

func (d *itemDocument) item() (*journal.Quarantined, error) {
	q := &journal.Quarantined{
		ID: d.ID, TenantID: d.TenantID, EventID: d.EventID, Topic: d.Topic,
		Stream:   identity.Stream{TenantID: d.TenantID, StoreCode: d.StoreCode, TerminalNo: d.TerminalNo},
		Producer: d.Producer, Sequence: uint64(d.Sequence), Reason: d.Reason, Detail: d.Detail, CloudEvent: d.CloudEvent,
		TraceParent: d.TraceParent, Generation: d.Generation, Times: d.Times, State: d.State,
		FirstSeen: time.UnixMicro(d.FirstSeen).UTC(), LastSeen: time.UnixMicro(d.LastSeen).UTC(),
		ResolvedBy: d.ResolvedBy, Resolution: d.Resolution,
	}
	if d.ResolvedAt != 0 {
		q.ResolvedAt = time.UnixMicro(d.ResolvedAt).UTC()
	}
	var err error
	q.ContentHash, err = asHash(d.ContentHash)
	return q, err
}

func (s *Store) quarantine() *mongo.Collection { return s.platform.Collection(colQuarantine) }

// Put implements app.Quarantine.
func (s *Store) Put(ctx context.Context, items []*journal.Quarantined) error {
	return s.transact(ctx, func(ctx mongo.SessionContext) error {
		for _, q := range items {
			if err := s.step("put into quarantine"); err != nil {
				return err
			}
			if err := s.put(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) put(ctx context.Context, q *journal.Quarantined) error {
	same := bson.D{{Key: "tenant_id", Value: q.TenantID}, {Key: "event_id", Value: q.EventID}, {Key: "content_hash", Value: q.ContentHash[:]}}
	found, err := find[itemDocument](ctx, s.quarantine(), same, options.Find().SetLimit(1))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		doc := newItemDocument(q, s.places.next(s.clock.Now()))
		if q.AlertOwed(nil) {
			doc.Owes = []journal.Debt{journal.OwesAlert}
		}
		_, err = s.quarantine().InsertOne(ctx, doc)
		return err
	}
	if before := (&journal.Quarantined{Reason: found[0].Reason, State: found[0].State}); q.AlertOwed(before) && !slices.Contains(found[0].Owes, journal.OwesAlert) {
		found[0].Owes = append(found[0].Owes, journal.OwesAlert)
	}
	found[0].countAgain(q)
	_, err = s.quarantine().ReplaceOne(ctx, bson.D{{Key: "_id", Value: found[0].ID}}, &found[0])
	return err
}

// Item implements app.Quarantine.
func (s *Store) Item(ctx context.Context, id string) (*journal.Quarantined, error) {
	found, err := s.items(ctx, bson.D{{Key: "_id", Value: id}}, options.Find())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Items implements app.Quarantine.
func (s *Store) Items(ctx context.Context, q app.QuarantineQuery) (items []*journal.Quarantined, total int, err error) {
	where := bson.D{{Key: "tenant_id", Value: q.TenantID}, {Key: "state", Value: q.State}}
	if q.Reason != "" {
		where = append(where, bson.E{Key: "reason", Value: q.Reason})
	}
	if q.Limit > 0 {
		without := bson.D{{Key: "cloud_event", Value: 0}}
		items, err = s.items(ctx, where, options.Find().SetSort(ascending("place")).SetProjection(without).SetSkip(int64(q.Skip)).SetLimit(int64(q.Limit)))
		if err != nil {
			return nil, 0, err
		}
	}
	total, err = s.countItems(ctx, where)
	return items, total, err
}

func (s *Store) countItems(ctx context.Context, where bson.D) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	n, err := s.quarantine().CountDocuments(ctx, where, options.Count().SetMaxTime(readWait))
	return int(n), classify(err)
}

// Waiting implements app.Quarantine.
func (s *Store) Waiting(ctx context.Context, tenant, after string, limit int) ([]*journal.Quarantined, error) {
	where := bson.D{{Key: "state", Value: journal.QuarantineOpen}, {Key: "reason", Value: journal.UnknownTenant}, {Key: "tenant_id", Value: tenant}}
	if after != "" {
		last, err := find[itemDocument](ctx, s.quarantine(), bson.D{{Key: "_id", Value: after}}, options.Find().SetProjection(ascending("place")))
		if err != nil {
			return nil, err
		}
		for _, d := range last {
			where = append(where, bson.E{Key: "place", Value: bson.D{{Key: "$gt", Value: d.Place}}})
		}
	}
	return s.items(ctx, where, options.Find().SetSort(ascending("place")).SetLimit(int64(limit)))
}

// WaitingFor implements app.Quarantine.
func (s *Store) WaitingFor(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	where := bson.D{{Key: "state", Value: journal.QuarantineOpen}, {Key: "reason", Value: journal.UnknownTenant}}
	var tenants []string
	type owner struct {
		TenantID string `bson:"tenant_id"`
	}
	// The index gives them in order; there are as many as events wait, which are few.
	err := each(ctx, s.quarantine(), where, options.Find().SetProjection(ascending("tenant_id")).SetSort(ascending("tenant_id")), func(o *owner) error {
		tenants = append(tenants, o.TenantID)
		return nil
	})
	return slices.Compact(tenants), err
}

// Resolve implements app.Quarantine.
func (s *Store) Resolve(ctx context.Context, id string, r app.Resolution) (closed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	owes := []journal.Debt{}
	if r.Owes != "" {
		owes = append(owes, r.Owes)
	}
	res, err := s.quarantine().UpdateOne(ctx,
		bson.D{{Key: "_id", Value: id}, {Key: "state", Value: journal.QuarantineOpen}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: r.State}, {Key: "resolved_at", Value: micros(r.At)},
			{Key: "resolved_by", Value: r.By}, {Key: "resolution", Value: r.Why}, {Key: "owes", Value: owes}}}})
	if err != nil {
		return false, classify(err)
	}
	return res.MatchedCount == 1, nil
}

// fatesKept is how many events of one stream a status can tell of.
const fatesKept = 1000

// Fates implements app.Quarantine.
func (s *Store) Fates(ctx context.Context, stream identity.Stream, producer string) (open []event.FailedEvent, discarded []uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	where := bson.D{
		{Key: "tenant_id", Value: stream.TenantID}, {Key: "store_code", Value: stream.StoreCode}, {Key: "terminal_no", Value: stream.TerminalNo},
		{Key: "producer", Value: producer}, {Key: "sequence", Value: bson.D{{Key: "$gt", Value: 0}}},
		{Key: "state", Value: bson.D{{Key: "$in", Value: []journal.QuarantineState{journal.QuarantineOpen, journal.QuarantineDiscarded}}}},
	}
	newest := options.Find().SetSort(bson.D{{Key: "place", Value: -1}}).SetLimit(fatesKept).SetProjection(ascending("event_id", "sequence", "reason", "detail", "state"))
	err = each(ctx, s.quarantine(), where, newest, func(d *itemDocument) error {
		if d.State == journal.QuarantineDiscarded {
			discarded = append(discarded, uint64(d.Sequence))
			return nil
		}
		open = append(open, event.FailedEvent{EventID: d.EventID, Sequence: uint64(d.Sequence), Reason: string(d.Reason) + ": " + d.Detail})
		return nil
	})
	return open, discarded, err
}

// Depth implements app.Quarantine.
func (s *Store) Depth(ctx context.Context) (int, error) {
	return s.countItems(ctx, bson.D{{Key: "state", Value: journal.QuarantineOpen}})
}

func (s *Store) items(ctx context.Context, where bson.D, opts *options.FindOptions) ([]*journal.Quarantined, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var out []*journal.Quarantined
	err := each(ctx, s.quarantine(), where, opts, func(d *itemDocument) error {
		q, err := d.item()
		if err == nil {
			out = append(out, q)
		}
		return err
	})
	return out, err
}
