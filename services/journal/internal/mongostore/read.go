package mongostore

import (
	"context"
	"encoding/json"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Entry implements app.Reader.
func (s *Store) Entry(ctx context.Context, tenant, eventID string) (*journal.Listed, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var d journalDocument
	if err := db.Collection(colJournal).FindOne(ctx, bson.D{{Key: "_id", Value: eventID}}).Decode(&d); err != nil {
		return nil, notFound(err)
	}
	return d.listed()
}

// Direct implements app.Reader.
func (s *Store) Direct(ctx context.Context, tenant, eventID string) (*journal.Direct, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	found, err := contents[journal.Direct](ctx, db.Collection(colDirect), bson.D{{Key: "_id", Value: eventID}}, ascending("_id"))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Order implements app.Reader.
func (s *Store) Order(ctx context.Context, tenant, orderID string) (events []*event.Business, found []journal.Listed, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(ctx mongo.SessionContext) (err error) {
		events, err = contents[event.Business](ctx, db.Collection(colEvent), bson.D{{Key: "correlation_id", Value: orderID}}, ascending("occurred_at"))
		if err != nil {
			return err
		}
		found, err = transactionsOf(ctx, db, orderID)
		return err
	})
	// One instant can hold several events of a command: their sequence tells which came first.
	slices.SortStableFunc(events, func(a, b *event.Business) int {
		if c := a.OccurredAt.Compare(b.OccurredAt); c != 0 || a.Stream() != b.Stream() || a.Producer != b.Producer {
			return c
		}
		return int(a.Sequence) - int(b.Sequence)
	})
	return events, found, err
}

// transactionsOf finds the entries of an order's transactions by time.
func transactionsOf(ctx context.Context, db *mongo.Database, orderID string) (found []journal.Listed, err error) {
	type log struct {
		ID string `bson:"_id"`
	}
	logs, err := find[log](ctx, db.Collection(colTran), bson.D{{Key: "cart_id", Value: orderID}}, options.Find().SetProjection(ascending("_id")))
	if err != nil || len(logs) == 0 {
		return nil, err
	}
	ids := make([]string, len(logs))
	for i, l := range logs {
		ids[i] = l.ID
	}
	err = each(ctx, db.Collection(colJournal), named(ids), options.Find().SetSort(ascending("generated_at", "place")), func(d *journalDocument) error {
		l, err := d.listed()
		if err == nil {
			found = append(found, *l)
		}
		return err
	})
	return found, err
}

// contents decodes the content of every document that is found.
func contents[T any](ctx context.Context, c *mongo.Collection, filter, sort bson.D) ([]*T, error) {
	type document struct {
		Content string `bson:"content"`
	}
	var out []*T
	err := each(ctx, c, filter, options.Find().SetSort(sort).SetProjection(ascending("content")), func(d *document) error {
		v := new(T)
		out = append(out, v)
		return app.Damaged(json.Unmarshal([]byte(d.Content), v))
	})
	return out, err
}

// Session implements app.Reader.
func (s *Store) Session(ctx context.Context, tenant string, k journal.SessionKey) (*journal.Session, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	session := &journal.Session{}
	of := bson.D{
		{Key: "tenant_id", Value: tenant}, {Key: "store_code", Value: k.Terminal.StoreCode}, {Key: "terminal_no", Value: k.Terminal.TerminalNo},
		{Key: "business_date", Value: k.BusinessDate}, {Key: "open_counter", Value: k.OpenCounter},
	}
	bySequence := ascending("sequence", "_id")
	err = s.view(ctx, func(ctx mongo.SessionContext) (err error) {
		if session.Transactions, err = contents[event.TranLog](ctx, db.Collection(colTran), of, bySequence); err != nil {
			return err
		}
		if session.Cash, err = contents[event.CashLog](ctx, db.Collection(colCash), of, bySequence); err != nil {
			return err
		}
		session.OpenClose, err = contents[event.OpenCloseLog](ctx, db.Collection(colOpenClose), of, bySequence)
		return err
	})
	return session, err
}

// Progress implements app.Reader.
func (s *Store) Progress(ctx context.Context, stream identity.Stream, producer string) (journal.Progress, error) {
	none := journal.Progress{Producer: producer}
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	heads, err := find[headDocument](ctx, db.Collection(colHeads), bson.D{{Key: "_id", Value: stream.ID()}}, options.Find())
	if err != nil {
		return none, err
	}
	for _, head := range heads {
		for _, p := range head.Progress {
			if p.Producer == producer {
				return p.progress(), nil
			}
		}
	}
	return none, nil
}

// Streams implements app.Reader.
func (s *Store) Streams(ctx context.Context, tenant string) ([]journal.StreamState, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var states []journal.StreamState
	err = s.view(ctx, func(ctx mongo.SessionContext) error {
		states = nil
		return each(ctx, db.Collection(colHeads), bson.D{}, options.Find().SetSort(ascending("_id")), func(d *headDocument) error {
			state, err := d.state(tenant)
			states = append(states, state)
			return err
		})
	})
	return states, err
}

func (d *headDocument) state(tenant string) (journal.StreamState, error) {
	state := journal.StreamState{Head: journal.Head{
		Stream: identity.Stream{TenantID: tenant, StoreCode: d.StoreCode, TerminalNo: d.TerminalNo}, Seq: uint64(d.ChainSeq),
	}}
	for _, p := range d.Progress {
		state.Progress = append(state.Progress, p.progress())
	}
	var err error
	state.Hash, err = asHash(d.Hash)
	return state, err
}

// Terminal implements app.Reader.
func (s *Store) Terminal(ctx context.Context, terminalID string) (*event.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var owner struct {
		TenantID string `bson:"tenant_id"`
	}
	if err := s.platform.Collection(colTerminals).FindOne(ctx, bson.D{{Key: "_id", Value: terminalID}}).Decode(&owner); err != nil {
		return nil, notFound(err)
	}
	db, err := s.tenant(ctx, owner.TenantID)
	if err != nil {
		return nil, err
	}
	found, err := contents[event.Snapshot](ctx, db.Collection(colCopies), bson.D{{Key: "_id", Value: event.KindTerminal + "/" + terminalID}}, ascending("_id"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Stores implements app.Reader.
func (s *Store) Stores(ctx context.Context, tenant string) ([]*event.Snapshot, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	return contents[event.Snapshot](ctx, db.Collection(colCopies), bson.D{{Key: "kind", Value: event.KindStore}}, ascending("code"))
}
