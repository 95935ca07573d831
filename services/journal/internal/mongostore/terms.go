package mongostore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// The keyword index. A text index does not take Japanese apart, so the terms are ours (journal.Terms).
// They stand beside the journal in a document for each entry, with a multikey index over term, instant
// and place: what has a term can be read in the order of time. The documents are derived and can be
// made anew; those of the journal are never touched.
//
// Terms that stand in over a fifth of all entries are of no use for finding and are most of the index.
// How many entries have a term is counted roughly, beside the commits; what was found to be common
// once is on a list, which only grows, and entries that are stored later do not have it in their
// documents. A search reads the list first and does not ask for what is on it. So nothing is missed
// whatever the counts are.

// termsDocument is what one entry can be found by.
type termsDocument struct {
	EventID     string             `bson:"_id"`
	Terms       []string           `bson:"terms"`
	GeneratedAt int64              `bson:"generated_at"`
	Place       primitive.ObjectID `bson:"place"`
}

// termCount is how many entries have a term. The documents whose ids begin with a slash, which no term
// does, are others: how many entries were counted, which terms are common, by which rules terms are
// made.
type termCount struct {
	Term  string   `bson:"_id"`
	N     int64    `bson:"n"`
	Terms []string `bson:"terms,omitempty"`
}

const (
	allEntries  = "/entries"
	commonTerms = "/common"
	termRules   = "/rules"
)

const (
	// commonShare: a term is common that stands in more than one in so many entries,
	commonShare = 5
	// commonFrom: but of so many entries nothing can be said yet.
	commonFrom = 1000
	// talliedAtOnce is after how many entries the counts are written,
	talliedAtOnce = 500
	// rareShare: terms in fewer than one in so many of them are left out. What is rare need not be counted.
	rareShare = 100
)

func newTermsDocument(d *journalDocument, common map[string]bool) (doc *termsDocument, all []string) {
	all = journal.Terms(d.JournalText)
	terms := slices.DeleteFunc(slices.Clone(all), func(t string) bool { return common[t] })
	return &termsDocument{EventID: d.EventID, Terms: terms, GeneratedAt: d.GeneratedAt, Place: d.Place}, all
}

func (b *batch) addTerms(d *journalDocument) {
	doc, all := newTermsDocument(d, b.common)
	b.docs[colTerms] = append(b.docs[colTerms], doc)
	b.terms = append(b.terms, all)
}

func (b *batch) writeTerms() error {
	if len(b.docs[colTerms]) == 0 {
		return nil
	}
	if err := b.step("insert into " + colTerms); err != nil {
		return err
	}
	_, err := b.db.Collection(colTerms).InsertMany(b.ctx, b.docs[colTerms])
	return err
}

// tallies are what of each database was counted and not written yet, and which terms are common.
type tallies struct {
	mu sync.Mutex
	of map[string]*tally // by database
}

type tally struct {
	entries int64
	counts  map[string]int64
	common  map[string]bool // nil: not read yet
}

func newTallies() *tallies { return &tallies{of: map[string]*tally{}} }

func (t *tallies) at(database string) *tally {
	if t.of[database] == nil {
		t.of[database] = &tally{counts: map[string]int64{}}
	}
	return t.of[database]
}

// commonTerms are those that new entries need not have. It does no harm when the list cannot be read
// or is older than another process's.
func (s *Store) commonTerms(ctx context.Context, db *mongo.Database) map[string]bool {
	s.tallies.mu.Lock()
	defer s.tallies.mu.Unlock()
	t := s.tallies.at(db.Name())
	if t.common == nil {
		if found, err := readCounts(ctx, db, []string{commonTerms}); err == nil {
			t.common = asSet(found[commonTerms].Terms)
		}
	}
	return t.common
}

// tally counts terms of entries that were stored. Now and then it writes down what it has; when that
// fails, or the process ends before it, some are not counted.
func (s *Store) tally(ctx context.Context, db *mongo.Database, entries [][]string) {
	s.tallies.mu.Lock()
	t := s.tallies.at(db.Name())
	for _, terms := range entries {
		t.entries++
		for _, term := range terms {
			t.counts[term]++
		}
	}
	if t.entries < talliedAtOnce {
		s.tallies.mu.Unlock()
		return
	}
	entriesCounted, counts := t.entries, t.counts
	t.entries, t.counts = 0, map[string]int64{}
	s.tallies.mu.Unlock()
	if common, err := writeCounts(ctx, db, entriesCounted, counts); err == nil {
		s.tallies.mu.Lock()
		t.common = common
		s.tallies.mu.Unlock()
	}
}

// writeCounts adds counts to what is counted already and gives the terms that are common now.
func writeCounts(ctx context.Context, db *mongo.Database, entries int64, counts map[string]int64) (map[string]bool, error) {
	add := func(term string, n int64) mongo.WriteModel {
		return mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: term}}).
			SetUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: n}}}})
	}
	writes := []mongo.WriteModel{add(allEntries, entries)}
	for term, n := range counts {
		if n*rareShare >= entries {
			writes = append(writes, add(term, n))
		}
	}
	in := db.Collection(colTermCounts)
	if _, err := in.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false)); err != nil {
		return nil, err
	}
	found, err := readCounts(ctx, db, []string{allEntries})
	if err != nil {
		return nil, err
	}
	if all := found[allEntries].N; all >= commonFrom {
		often, err := find[termCount](ctx, in, bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: all / commonShare}}}}, options.Find())
		if err != nil {
			return nil, err
		}
		terms := []string{}
		for _, t := range often {
			if !strings.HasPrefix(t.Term, "/") {
				terms = append(terms, t.Term)
			}
		}
		_, err = in.UpdateOne(ctx, bson.D{{Key: "_id", Value: commonTerms}},
			bson.D{{Key: "$addToSet", Value: bson.D{{Key: "terms", Value: bson.D{{Key: "$each", Value: terms}}}}}}, options.Update().SetUpsert(true))
		if err != nil {
			return nil, err
		}
	}
	found, err = readCounts(ctx, db, []string{commonTerms})
	return asSet(found[commonTerms].Terms), err
}

func readCounts(ctx context.Context, db *mongo.Database, terms []string) (map[string]termCount, error) {
	found := map[string]termCount{}
	err := each(ctx, db.Collection(colTermCounts), named(terms), options.Find(), func(c *termCount) error {
		found[c.Term] = *c
		return nil
	})
	return found, err
}

func asSet(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set
}
