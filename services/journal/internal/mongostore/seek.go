package mongostore

import (
	"context"
	"fmt"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// paths are the indexes; of those that serve the same filters the first is taken, which is the shortest.
var paths = func() (all []journal.Path) {
	fields := map[journal.Column]string{
		journal.ColStore: "store_code", journal.ColTerminal: "terminal_no", journal.ColType: "transaction_type", journal.ColDate: "business_date",
		journal.ColReceipt: "receipt_no", journal.ColTransaction: "transaction_number",
	}
	for _, columns := range [][]journal.Column{
		{journal.ColReceipt},
		{journal.ColTransaction},
		{journal.ColType, journal.ColInstant},
		{journal.ColDate, journal.ColInstant},
		{journal.ColStore, journal.ColInstant},
		{journal.ColStore, journal.ColDate, journal.ColInstant},
		{journal.ColStore, journal.ColTerminal, journal.ColInstant},
		{journal.ColStore, journal.ColTerminal, journal.ColDate, journal.ColInstant},
		{journal.ColStore, journal.ColTerminal, journal.ColType, journal.ColInstant},
		{journal.ColInstant},
	} {
		var names []string
		for _, c := range columns {
			if c == journal.ColInstant {
				names = append(names, "generated_at", "place")
			} else {
				names = append(names, fields[c])
			}
		}
		all = append(all, journal.Path{Index: journaldb.On(names...).Name, Columns: columns})
	}
	return all
}()

// seek is one search under way. Every query names the index that it takes.
type seek struct {
	ctx     context.Context
	entries *mongo.Collection
	limits  app.SearchLimits
	q       *journal.Query
	order   []term
	where   conditions // all filters
	behind  conditions // what it is to stand behind q.After
}

func (s *Store) seek(ctx context.Context, entries *mongo.Collection, q *journal.Query) (*seek, error) {
	k := &seek{ctx: ctx, entries: entries, limits: s.limits, q: q, order: orderOf(q), where: filters(q)}
	var err error
	if q.After != "" {
		k.behind, err = after(ctx, entries, k.order, q.After)
	}
	return k, err
}

// page finds one page and the total. The list is read before the total, so that the total is never less
// than what is shown while entries are added.
func (k *seek) page() (page journal.Page, err error) {
	r, err := k.route()
	if err != nil {
		return page, err
	}
	if r == nil {
		var broken bool
		if page, broken, err = k.walk(); err == nil && broken {
			r, err = k.longRoute()
		}
	}
	if err == nil && r != nil {
		page, err = k.gather(r)
	}
	if err != nil || k.q.Counting == journal.CountNone {
		return page, err
	}
	if page.Total = k.q.Skip + len(page.Items); !page.Ended(k.q) {
		err = k.total(&page, r)
	}
	return page, err
}

// sortedRather is how many entries are rather sorted than walked to.
const sortedRather = 20_000

// route is the index by which the entries are found: that which holds just them in order, or one that
// leaves few enough to be sorted. There is none when they are to be walked by instant, leaving out what
// the coarse filters do; it fails with ErrTooWide when that is no way either.
func (k *seek) route() (*journal.Route, error) {
	if r := k.q.InOrder(paths); k.q.ByInstant() && r.Whole {
		return r, nil
	}
	r, err := k.cheapest(min(max(k.limits.Few, sortedRather), k.limits.Examined))
	if err != nil || r != nil || k.q.ByInstant() && k.q.Coarse() {
		return r, err
	}
	return k.longRoute()
}

func (k *seek) longRoute() (*journal.Route, error) {
	r, err := k.cheapest(k.limits.Examined)
	if err == nil && r == nil {
		err = tooWide("entries", k.limits.Examined)
	}
	return r, err
}

func (k *seek) cheapest(most int) (*journal.Route, error) {
	return journal.Cheapest(k.q.Routes(paths), most, k.countRoute)
}

// countRoute counts what an index leaves, in the index alone, up to one more than limit.
func (k *seek) countRoute(r *journal.Route, limit int) (int, error) {
	return count(k.ctx, k.entries, filters(&r.Served), limit+1, r.Index)
}

// tooWide says that a search would have to look at more than it may.
func tooWide(what string, limit int) error {
	return fmt.Errorf("%w: more than %d %s", app.ErrTooWide, limit, what)
}

// gather takes a page of what a route leaves.
func (k *seek) gather(r *journal.Route) (page journal.Page, err error) {
	list := append(slices.Clip(k.where), k.behind...)
	opts := options.Find().SetHint(r.Index).SetSort(sortOf(k.order)).SetSkip(int64(k.q.Skip)).SetLimit(int64(k.q.Limit) + 1)
	cut := journal.NewCut[journal.Listed](&journal.Query{Limit: k.q.Limit}, nil)
	err = each(k.ctx, k.entries, list.document(), opts, taking(cut))
	return journal.Page{Items: cut.Items, More: cut.More}, err
}

// taking puts documents on a page until that is full.
func taking(cut *journal.Cut[journal.Listed]) func(d *journalDocument) error {
	return func(d *journalDocument) error {
		l, err := d.listed()
		if err == nil && cut.Add(*l) {
			err = errStop
		}
		return err
	}
}

// walked are the stages that go along an index by instant and past no more than so many entries, of
// which they let through what fulfils all filters.
func (k *seek) walked(behind conditions, most int) (stages []bson.D, index string) {
	r := k.q.InOrder(paths)
	return []bson.D{
		{{Key: "$match", Value: append(filters(&r.Served), behind...).document()}},
		{{Key: "$sort", Value: sortOf(k.order)}},
		{{Key: "$limit", Value: int64(most)}},
		{{Key: "$match", Value: k.where.document()}},
	}, r.Index
}

// brokenOff tells whether there is more than a walk went past.
func (k *seek) brokenOff(behind conditions, most int) (bool, error) {
	r := k.q.InOrder(paths)
	n, err := count(k.ctx, k.entries, append(filters(&r.Served), behind...), most+1, r.Index)
	return n > most, err
}

// walk takes a page by instant. broken says that it went past all that it may before the page was full.
func (k *seek) walk() (page journal.Page, broken bool, err error) {
	stages, index := k.walked(k.behind, k.limits.Examined)
	stages = append(stages, bson.D{{Key: "$skip", Value: int64(k.q.Skip)}}, bson.D{{Key: "$limit", Value: int64(k.q.Limit) + 1}})
	cut := journal.NewCut[journal.Listed](&journal.Query{Limit: k.q.Limit}, nil)
	if err = eachOf(k.ctx, k.entries, stages, index, taking(cut)); err == nil && !cut.More {
		broken, err = k.brokenOff(k.behind, k.limits.Examined)
	}
	return journal.Page{Items: cut.Items, More: cut.More}, broken, err
}

// total counts everything that fulfils the query, wherever the page stands.
func (k *seek) total(page *journal.Page, r *journal.Route) error {
	most := journal.ExactTotal
	if k.q.Counting == journal.CountAll {
		most = math.MaxInt32
	}
	routes := k.q.Routes(paths)
	whole := slices.IndexFunc(routes, func(r *journal.Route) bool { return r.Whole })
	var n int
	var cut bool
	var err error
	switch {
	case r != nil && r.Whole && r.Leaves != nil:
		n = *r.Leaves
	case whole >= 0:
		n, err = k.countRoute(routes[whole], most)
	case r != nil:
		n, err = count(k.ctx, k.entries, k.where, most+1, r.Index)
	case k.q.Counting == journal.CountAll:
		n, err = count(k.ctx, k.entries, k.where, most+1, routes[0].Index)
	default:
		n, cut, err = k.countWalked(most)
	}
	page.Total, page.TotalIsLowerBound = min(n, most), n > most || cut
	return err
}

// countWalked counts on a walk; cut says that the walk was broken off.
func (k *seek) countWalked(most int) (n int, cut bool, err error) {
	stages, index := k.walked(nil, k.limits.Examined)
	stages = append(stages, bson.D{{Key: "$limit", Value: int64(most) + 1}},
		bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}})
	type counted struct {
		N int `bson:"n"`
	}
	err = eachOf(k.ctx, k.entries, stages, index, func(c *counted) error {
		n = c.N
		return nil
	})
	if err == nil && n <= most {
		cut, err = k.brokenOff(nil, k.limits.Examined)
	}
	return n, cut, err
}

// each gives all entries in order.
func (k *seek) each(visit func(*journal.Listed) bool) error {
	r := k.q.InOrder(paths)
	if !k.q.ByInstant() || !r.Whole {
		var err error
		if r, err = k.longRoute(); err != nil {
			return err
		}
	}
	return each(k.ctx, k.entries, k.where.document(), options.Find().SetHint(r.Index).SetSort(sortOf(k.order)), func(d *journalDocument) error {
		item, err := d.listed()
		if err == nil && !visit(item) {
			return errStop
		}
		return err
	})
}

// count counts what fulfils the conditions by an index, up to a limit.
func count(ctx context.Context, entries *mongo.Collection, where conditions, limit int, index string) (int, error) {
	n, err := entries.CountDocuments(ctx, where.document(), options.Count().SetHint(index).SetLimit(int64(limit)).SetMaxTime(readWait))
	return int(n), classify(err)
}
