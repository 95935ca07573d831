package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Search implements app.Reader.
func (s *Store) Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return journal.Page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	if len(q.Keywords) > 0 {
		k, err := s.keywordSearch(ctx, db, &q)
		if err != nil {
			return journal.Page{}, err
		}
		return k.page()
	}
	k, err := s.seek(ctx, db.Collection(colJournal), &q)
	if err != nil {
		return journal.Page{}, err
	}
	return k.page()
}

// Each implements app.Reader. It holds no transaction open: a visit may take longer than a server
// lets one live, and entries never change.
func (s *Store) Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error {
	q.Skip, q.After = 0, ""
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	if len(q.Keywords) > 0 {
		k, err := s.keywordSearch(ctx, db, &q)
		if err != nil {
			return err
		}
		err = k.each(func(l *journal.Listed) error {
			if !visit(l) {
				return errStop
			}
			return nil
		})
		if errors.Is(err, errStop) {
			return nil
		}
		return err
	}
	k, err := s.seek(ctx, db.Collection(colJournal), &q)
	if err != nil {
		return err
	}
	return k.each(visit)
}

// Limit says what a search may cost. It goes before the first search.
func (s *Store) Limit(l app.SearchLimits) { s.limits = l.OrUsual() }

// conditions must all hold.
type conditions []bson.D

// is adds a condition. Values never reach the server as operators: each stands behind one.
func (c *conditions) is(field, operator string, v any) {
	*c = append(*c, bson.D{{Key: field, Value: bson.D{{Key: operator, Value: v}}}})
}

func (c conditions) document() bson.D {
	if len(c) == 0 {
		return bson.D{}
	}
	return bson.D{{Key: "$and", Value: []bson.D(c)}}
}

// filters turns a query into conditions.
func filters(q *journal.Query) conditions {
	var c conditions
	if q.StoreCode != "" {
		c.is("store_code", "$eq", q.StoreCode)
	}
	c.terminals(q)
	switch types := q.Types; {
	case len(types) == 1:
		c.is("transaction_type", "$eq", int(types[0]))
	case len(types) > 1:
		c.is("transaction_type", "$in", types)
	}
	span(&c, "business_date", q.BusinessDate)
	if q.Generated.From != nil {
		c.is("generated_at", "$gte", micros(*q.Generated.From))
	}
	if q.Generated.To != nil {
		c.is("generated_at", "$lt", micros(*q.Generated.To))
	}
	span(&c, "receipt_no", q.ReceiptNo)
	span(&c, "transaction_number", q.TransactionNo)
	c.amounts(q)
	if q.StaffID != "" {
		c.is("staff_id", "$eq", q.StaffID)
	}
	return c
}

// span adds a range. A range of one value is an equality, which an index serves best.
func span[T comparable](c *conditions, field string, s journal.Span[T]) {
	if s.From != nil && s.To != nil && *s.From == *s.To {
		c.is(field, "$eq", *s.From)
		return
	}
	if s.From != nil {
		c.is(field, "$gte", *s.From)
	}
	if s.To != nil {
		c.is(field, "$lte", *s.To)
	}
}

func (c *conditions) amounts(q *journal.Query) {
	for _, end := range []struct {
		operator string
		amount   *money.Decimal
	}{{"$gte", q.Amount.From}, {"$lte", q.Amount.To}} {
		if end.amount == nil {
			continue
		}
		if v, err := decimal128(*end.amount); err == nil { // every Decimal has a Decimal128
			c.is("amount", end.operator, v)
		}
	}
}

func (c *conditions) terminals(q *journal.Query) {
	switch n := q.Terminals.Len(); {
	case n == 0:
	case n == 1:
		c.is("terminal_no", "$eq", int64(q.Terminals[0].First))
	case n <= journal.ListedTerminals:
		c.is("terminal_no", "$in", q.Terminals.Numbers(journal.ListedTerminals))
	default:
		var ranges []bson.D
		for _, r := range q.Terminals {
			ranges = append(ranges, bson.D{{Key: "terminal_no", Value: bson.D{{Key: "$gte", Value: int64(r.First)}, {Key: "$lte", Value: int64(r.Last)}}}})
		}
		*c = append(*c, bson.D{{Key: "$or", Value: ranges}})
	}
}

// term is one field of an order.
type term struct {
	field      string
	descending bool
	nullable   bool
}

// sortFields are the fields of each order.
var sortFields = map[journal.Field][]term{
	journal.ByStore:           {{field: "store_code"}},
	journal.ByTerminal:        {{field: "terminal_no"}},
	journal.ByType:            {{field: "transaction_type"}},
	journal.ByBusinessDate:    {{field: "business_date"}},
	journal.ByGenerated:       {{field: "generated_at"}},
	journal.ByTransactionNo:   {{field: "transaction_number", nullable: true}, {field: "transaction_no", nullable: true}},
	journal.ByReceiptNo:       {{field: "receipt_no", nullable: true}},
	journal.ByAmount:          {{field: "amount"}},
	journal.ByOpenCounter:     {{field: "open_counter", nullable: true}},
	journal.ByBusinessCounter: {{field: "business_counter", nullable: true}},
	journal.ByStaff:           {{field: "staff_id", nullable: true}},
}

// orderOf gives the order of a query; it always ends with place, so that no two entries are equal.
// The server puts nothing before everything, as the port has it.
func orderOf(q *journal.Query) []term {
	sort := q.Sort
	if len(sort) == 0 {
		sort = []journal.Order{{Field: journal.ByGenerated, Descending: true}}
	}
	var order []term
	for _, o := range sort {
		for _, t := range sortFields[o.Field] {
			t.descending = o.Descending
			// A server refuses a field that is named twice; the first decides anyway.
			if !slices.ContainsFunc(order, func(u term) bool { return u.field == t.field }) {
				order = append(order, t)
			}
		}
	}
	return append(order, term{field: "place", descending: sort[0].Descending})
}

func sortOf(order []term) bson.D {
	keys := make(bson.D, len(order))
	for i, t := range order {
		keys[i] = bson.E{Key: t.field, Value: 1}
		if t.descending {
			keys[i].Value = -1
		}
	}
	return keys
}

// after gives the conditions for standing behind one entry, wherever that stands: a page behind it
// costs the same as the first.
func after(ctx context.Context, entries *mongo.Collection, order []term, eventID string) (conditions, error) {
	raw, err := entries.FindOne(ctx, bson.D{{Key: "_id", Value: eventID}}).Raw()
	if err != nil {
		return nil, notFound(err)
	}
	values := make([]any, len(order))
	for i, t := range order {
		if v := raw.Lookup(t.field); v.Type != bson.TypeNull && v.Type != 0 {
			values[i] = v
		}
	}
	if values[len(values)-1] == nil {
		return nil, app.Damaged(errors.New("an entry without its place"))
	}
	var c conditions
	// The first field alone bounds the walk through an index; the rest decides between its equals.
	if first := order[0]; !first.nullable {
		c.is(first.field, first.operator()+"e", values[0])
	}
	var alternatives []bson.D
	var equal conditions
	for i, t := range order {
		if beyond := t.beyond(values[i]); beyond != nil {
			alternatives = append(alternatives, append(slices.Clip(equal), beyond).document())
		}
		equal.is(t.field, "$eq", values[i])
	}
	return append(c, bson.D{{Key: "$or", Value: alternatives}}), nil
}

func (t term) operator() string {
	if t.descending {
		return "$lt"
	}
	return "$gt"
}

// beyond is the condition for coming after v in this field, nil when nothing can.
func (t term) beyond(v any) bson.D {
	further := bson.D{{Key: t.field, Value: bson.D{{Key: t.operator(), Value: v}}}}
	switch {
	case v == nil && t.descending:
		return nil
	case v == nil:
		return bson.D{{Key: t.field, Value: bson.D{{Key: "$ne", Value: nil}}}}
	case t.descending && t.nullable:
		return bson.D{{Key: "$or", Value: []bson.D{further, {{Key: t.field, Value: bson.D{{Key: "$eq", Value: nil}}}}}}}
	}
	return further
}
