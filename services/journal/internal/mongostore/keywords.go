package mongostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	ctx     context.Context
	db      *mongo.Database
	entries *mongo.Collection
	limits  app.SearchLimits
	q       *journal.Query
	order   []term
	where   conditions // all filters
	terms   bson.D     // what documents of the keyword index must fulfil, the rarest term first; nil: it is no help
}

func (s *Store) keywordSearch(ctx context.Context, db *mongo.Database, q *journal.Query) (*keywordSearch, error) {
	k := &keywordSearch{ctx: ctx, db: db, entries: db.Collection(colJournal), limits: s.limits, q: q, order: orderOf(q), where: filters(q)}
	return k, k.choose()
}

// choose picks the terms to ask for: those that are on no list of common ones, the rarest first, since
// by that one the index is walked.
func (k *keywordSearch) choose() error {
	terms, _ := journal.TermsOf(k.q.Keywords)
	names := []string{commonTerms}
	names = append(names, terms...)
	counts, err := readCounts(k.ctx, k.db, names)
	if err != nil {
		return err
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
	ids, gathered, err := k.gather()
	if err != nil {
		return journal.Page{}, err
	}
	if gathered {
		cut := journal.CutAfter(k.q)
		err := k.visit(ids, k.q.Holding(func(l *journal.Listed) error {
			cut.Add(*l)
			return nil
		}))
		if err == nil && !cut.Begun() {
			err = app.ErrNotFound
		}
		return journal.PageOf(cut), err
	}
	cut := journal.NewCut[journal.Listed](k.q, nil)
	err = k.walk(k.q.After, func(l *journal.Listed) error {
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

// gather finds a way to all entries that may hold the keywords when there are not too many: the
// condition that leaves just them, by the filters alone or by the keyword index. When there are too many
// and they are wanted by instant, they are to be walked.
func (k *keywordSearch) gather() (where bson.D, ok bool, err error) {
	for _, most := range []int{k.limits.Few, k.limits.Read} {
		n, err := count(k.ctx, k.entries, k.where, most)
		if err != nil {
			return nil, false, err
		}
		if n <= most {
			return k.where.document(), true, nil
		}
		if k.terms != nil {
			ids, err := k.candidates(most + 1)
			if err != nil {
				return nil, false, err
			}
			if len(ids) <= most {
				return append(slices.Clone(k.where), named(ids)).document(), true, nil
			}
		}
		if k.q.ByInstant() {
			return nil, false, nil
		}
	}
	return nil, false, fmt.Errorf("%w: more than %d texts", app.ErrTooWide, k.limits.Read)
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

func (k *keywordSearch) visit(where bson.D, fn func(*journal.Listed) error) error {
	return each(k.ctx, k.entries, where, options.Find().SetSort(sortOf(k.order)), func(d *journalDocument) error {
		l, err := d.listed()
		if err != nil {
			return err
		}
		return fn(l)
	})
}

// each gives all entries that hold the keywords, in order.
func (k *keywordSearch) each(visit func(*journal.Listed) error) error {
	where, gathered, err := k.gather()
	if err != nil {
		return err
	}
	if !gathered {
		return k.walk("", visit)
	}
	return k.visit(where, k.q.Holding(visit))
}

// walk gives the entries by instant and looks at no more than it may.
func (k *keywordSearch) walk(afterID string, visit func(*journal.Listed) error) error {
	var behind conditions
	if afterID != "" {
		var err error
		if behind, err = after(k.ctx, k.entries, k.order, afterID); err != nil {
			return err
		}
	}
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
			return fmt.Errorf("%w: more than %d entries", app.ErrTooWide, k.limits.Examined)
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
	err := each(k.ctx, k.entries, append(slices.Clone(k.where), named(ids)).document(), options.Find(), func(d *journalDocument) error {
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
	left := k.limits.Read
	opts := options.Find().SetSort(sortOf(k.order)).SetLimit(int64(left) + 1)
	return each(k.ctx, k.entries, append(slices.Clone(k.where), behind...).document(), opts, func(d *journalDocument) error {
		if left--; left < 0 {
			return fmt.Errorf("%w: more than %d texts", app.ErrTooWide, k.limits.Read)
		}
		l, err := d.listed()
		if err != nil {
			return err
		}
		return k.q.Holding(visit)(l)
	})
}

// total counts everything that holds the keywords, as far as texts may be read for it.
func (k *keywordSearch) total(page *journal.Page) error {
	most := journal.ExactTotal
	whole := *k
	switch k.q.Counting {
	case journal.CountNone:
		return nil
	case journal.CountUsual:
	case journal.CountAll:
		most, whole.limits = math.MaxInt32, app.SearchLimits{Examined: math.MaxInt32, Read: math.MaxInt32}
	}
	n := 0
	err := whole.walk("", func(*journal.Listed) error {
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
