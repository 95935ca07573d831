package mongostore

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// keywordSearch is a search with keywords under way.
type keywordSearch struct {
	*seek
	db    *mongo.Database
	terms bson.D // what documents of the keyword index must fulfil, the rarest term first; nil: it is no help
}

func (s *Store) keywordSearch(ctx context.Context, db *mongo.Database, q *journal.Query) (*keywordSearch, error) {
	by, err := s.seek(ctx, db.Collection(colJournal), q)
	if err != nil {
		return nil, err
	}
	k := &keywordSearch{seek: by, db: db}
	return k, k.choose()
}

// choose picks the terms to ask for: those that are on no list of common ones, the rarest first, since
// by that one the index is walked.
func (k *keywordSearch) choose() error {
	terms, _ := journal.TermsOf(k.q.Keywords)
	names := []string{commonTerms, termRules}
	names = append(names, terms...)
	counts, err := readCounts(k.ctx, k.db, names)
	if err != nil {
		return err
	}
	if counts[termRules].N != journal.TermRules {
		return nil // not everything is indexed yet: an index that lacks something is no help
	}
	common := counts[commonTerms].Terms
	terms = slices.DeleteFunc(terms, func(t string) bool { return slices.Contains(common, t) })
	if len(terms) == 0 {
		return nil
	}
	slices.SortStableFunc(terms, func(a, b string) int { return cmp.Compare(counts[a].N, counts[b].N) })
	var all conditions
	for _, t := range terms {
		all.is("terms", "$eq", t)
	}
	k.terms = all.document()
	return nil
}

// page finds one page and the total.
func (k *keywordSearch) page() (journal.Page, error) {
	found, err := k.gathered()
	if err != nil {
		return journal.Page{}, err
	}
	if found != nil {
		cut := journal.CutAfter(k.q)
		err := k.visit(found, k.q.Holding(func(l *journal.Listed) error {
			cut.Add(*l)
			return nil
		}))
		if err == nil && !cut.Begun() {
			err = app.ErrNotFound
		}
		return journal.PageOf(cut), err
	}
	cut := journal.NewCut[journal.Listed](k.q, nil)
	err = k.walk(k.behind, func(l *journal.Listed) error {
		if cut.Add(*l) {
			return errStop
		}
		return nil
	})
	page := journal.Page{Items: cut.Items, More: cut.More}
	if err != nil && !errors.Is(err, errStop) {
		return page, err
	}
	return page, k.total(&page)
}

// proposed is a condition that leaves few entries, and the index for it.
type proposed struct {
	where bson.D
	index string
}

// byID is the index that every collection has.
const byID = "_id_"

// gathered finds a way to all entries that may hold the keywords when there are not too many: the
// condition that leaves just them, by the filters alone or by the keyword index. When there are too many
// and they are wanted by instant it gives none: they are to be walked.
func (k *keywordSearch) gathered() (*proposed, error) {
	for _, most := range []int{k.limits.Few, k.limits.Read} {
		r, err := k.cheapest(most)
		if err != nil {
			return nil, err
		}
		if r != nil {
			return &proposed{k.where.document(), r.Index}, nil
		}
		if k.terms != nil {
			ids, err := k.candidates(most + 1)
			if err != nil {
				return nil, err
			}
			if len(ids) <= most {
				return &proposed{append(slices.Clone(k.where), named(ids)).document(), byID}, nil
			}
		}
		if k.q.ByInstant() {
			return nil, nil
		}
	}
	return nil, tooWide("texts", k.limits.Read)
}

type identified struct {
	ID string `bson:"_id"`
}

// candidates are the first ids that the keyword index gives.
func (k *keywordSearch) candidates(limit int) ([]string, error) {
	found, err := find[identified](k.ctx, k.db.Collection(colTerms), k.terms, options.Find().SetHint(termsIndex).SetLimit(int64(limit)).SetProjection(ascending("_id")))
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	return ids, err
}

// termsIndex is the index of the terms; the planner is not to weigh it against anything.
const termsIndex = "terms_1_generated_at_1_place_1"

func (k *keywordSearch) visit(p *proposed, fn func(*journal.Listed) error) error {
	return each(k.ctx, k.entries, p.where, options.Find().SetHint(p.index).SetSort(sortOf(k.order)), listing(fn))
}

// listing calls fn with the entries that documents are.
func listing(fn func(*journal.Listed) error) func(d *journalDocument) error {
	return func(d *journalDocument) error {
		l, err := d.listed()
		if err != nil {
			return err
		}
		return fn(l)
	}
}

// each gives all entries that hold the keywords, in order.
func (k *keywordSearch) each(visit func(*journal.Listed) error) error {
	found, err := k.gathered()
	if err != nil {
		return err
	}
	if found == nil {
		return k.walk(nil, visit)
	}
	return k.visit(found, k.q.Holding(visit))
}

// walk gives the entries by instant and looks at no more than it may.
func (k *keywordSearch) walk(behind conditions, visit func(*journal.Listed) error) error {
	if k.terms == nil {
		return k.walkTexts(behind, visit)
	}
	left := k.limits.Examined
	var part []string
	flush := func() error {
		ids := part
		part = nil
		return k.fetch(ids, k.q.Holding(visit))
	}
	where := append(conditions{k.terms}, behind...)
	if k.q.Generated.From != nil {
		where.is("generated_at", "$gte", micros(*k.q.Generated.From))
	}
	if k.q.Generated.To != nil {
		where.is("generated_at", "$lt", micros(*k.q.Generated.To))
	}
	opts := options.Find().SetHint(termsIndex).SetSort(sortOf(k.order)).SetProjection(ascending("_id")).SetLimit(int64(left) + 1)
	err := each(k.ctx, k.db.Collection(colTerms), where.document(), opts, func(d *identified) error {
		if left--; left < 0 {
			return tooWide("entries", k.limits.Examined)
		}
		if part = append(part, d.ID); len(part) < fetchedAtOnce {
			return nil
		}
		return flush()
	})
	// What was found before the walk was broken off may have been enough for who asks.
	if err == nil || errors.Is(err, app.ErrTooWide) && len(part) > 0 {
		if stopped := flush(); stopped != nil {
			return stopped
		}
	}
	return err
}

// fetchedAtOnce is how many entries are read by their ids at a time.
const fetchedAtOnce = 250

// fetch reads entries in the order of their ids here, those that fulfil the filters.
func (k *keywordSearch) fetch(ids []string, visit func(*journal.Listed) error) error {
	if len(ids) == 0 {
		return nil
	}
	found := make(map[string]*journal.Listed, len(ids))
	err := each(k.ctx, k.entries, append(slices.Clone(k.where), named(ids)).document(), options.Find().SetHint(byID), func(d *journalDocument) error {
		l, err := d.listed()
		found[d.EventID] = l
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if l := found[id]; l != nil {
			if err := visit(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// walkTexts reads text after text, where the keyword index is no help: the keywords are in so many
// entries that a page is soon full, or have no terms.
func (k *keywordSearch) walkTexts(behind conditions, visit func(*journal.Listed) error) error {
	stages, index := k.walked(behind, k.limits.Read)
	stopped := false
	err := eachOf(k.ctx, k.entries, stages, index, listing(k.q.Holding(func(l *journal.Listed) error {
		err := visit(l)
		stopped = err != nil
		return err
	})))
	if err != nil || stopped {
		return err
	}
	broken, err := k.brokenOff(behind, k.limits.Read)
	if err == nil && broken {
		err = tooWide("texts", k.limits.Read)
	}
	return err
}

// total counts everything that holds the keywords, as far as texts may be read for it.
func (k *keywordSearch) total(page *journal.Page) error {
	if page.Ended(k.q) && k.q.Counting != journal.CountNone {
		page.Total = k.q.Skip + len(page.Items)
		return nil
	}
	most := journal.ExactTotal
	by := *k.seek
	whole := *k
	whole.seek = &by
	switch k.q.Counting {
	case journal.CountNone:
		return nil
	case journal.CountUsual:
	case journal.CountAll:
		most, whole.limits = math.MaxInt32, app.SearchLimits{Examined: math.MaxInt32, Read: math.MaxInt32}
	}
	n := 0
	err := whole.walk(nil, func(*journal.Listed) error {
		if n++; n > most {
			return errStop
		}
		return nil
	})
	cut := errors.Is(err, app.ErrTooWide)
	page.Total, page.TotalIsLowerBound = min(n, most), n > most || cut
	if cut || errors.Is(err, errStop) {
		return nil
	}
	return err
}
