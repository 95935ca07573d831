package mongostore

import (
	"bytes"
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// walked is how many links are read at a time, with all that belongs to them.
const walked = 500

// mostStrays is how many strays of one collection are told.
const mostStrays = 100

// Walk implements app.Reader. A server ends a transaction after a minute, which a whole tenant may
// not fit in. So one short transaction reads all heads, and of each chain the links up to its head
// are read after it: they are never changed, so that is the same view.
func (s *Store) Walk(ctx context.Context, tenant string, w app.Walker) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	states, err := s.Streams(ctx, tenant)
	if err != nil {
		return err
	}
	for _, state := range states {
		if err := app.Visited(w.Stream(state)); err != nil {
			return err
		}
		if err := walkChain(ctx, db, state, w); err != nil {
			return err
		}
	}
	return strays(ctx, db, w)
}

func walkChain(ctx context.Context, db *mongo.Database, state journal.StreamState, w app.Walker) error {
	of := bson.D{{Key: "stream", Value: state.Stream.ID()}, {Key: "chain_seq", Value: bson.D{{Key: "$lte", Value: int64(state.Seq)}}}}
	var part []*idDocument
	flush := func() error {
		links, err := together(ctx, db, part)
		if err != nil {
			return err
		}
		part = part[:0]
		for _, l := range links {
			if err := app.Visited(w.Link(l)); err != nil {
				return err
			}
		}
		return nil
	}
	err := each(ctx, db.Collection(colIDs), of, options.Find().SetSort(ascending("stream", "chain_seq")), func(d *idDocument) error {
		if part = append(part, d); len(part) < walked {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// together gives links with their events and entries.
func together(ctx context.Context, db *mongo.Database, part []*idDocument) ([]*journal.Stored, error) {
	contents, entries := map[string]string{}, map[string]*journalDocument{}
	ids, byLog := make([]string, len(part)), map[string][]string{}
	for i, d := range part {
		ids[i] = d.EventID
		byLog[collectionOf[d.Topic]] = append(byLog[collectionOf[d.Topic]], d.EventID)
	}
	type document struct {
		ID      string `bson:"_id"`
		Content string `bson:"content"`
	}
	delete(byLog, "") // a topic that somebody made up has no log
	for log, ids := range byLog {
		err := each(ctx, db.Collection(log), named(ids), options.Find().SetProjection(ascending("content")), func(d *document) error {
			contents[d.ID] = d.Content
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(ids) > 0 {
		err := each(ctx, db.Collection(colJournal), named(ids), options.Find(), func(d *journalDocument) error {
			entries[d.EventID] = d
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	links := make([]*journal.Stored, len(part))
	for i, d := range part {
		var err error
		if links[i], err = stored(d, contents[d.EventID], entries[d.EventID]); err != nil {
			return nil, err
		}
	}
	return links, markArchived(ctx, db, links)
}

func stored(d *idDocument, content string, e *journalDocument) (*journal.Stored, error) {
	s := &journal.Stored{
		Link:  journal.Link{Version: d.ChainVersion, Seq: uint64(d.ChainSeq), Stream: d.Stream, EventID: d.EventID},
		Topic: d.Topic, Producer: d.Producer, Sequence: uint64(d.Sequence), Content: []byte(content),
	}
	// A hash of the wrong length is as wrong as another one: the check finds it.
	copy(s.Prev[:], d.PrevHash)
	copy(s.ContentHash[:], d.ContentHash)
	copy(s.EntryHash[:], d.EntryHash)
	copy(s.Hash[:], d.Hash)
	if e == nil {
		return s, nil
	}
	entry, err := e.entry()
	if err != nil {
		return nil, err
	}
	s.Entry, s.Generated, s.Number = entry, time.UnixMicro(e.GeneratedAt).UTC(), e.TransactionNumber
	return s, nil
}

// strays finds what no link covers: documents that somebody put in, and events whose stream is gone.
// What is added meanwhile is covered by the time it is looked up, since a commit shows all at once.
func strays(ctx context.Context, db *mongo.Database, w app.Walker) error {
	for _, name := range inserts {
		told := 0
		var part []*idDocument
		flush := func() error {
			uncovered, err := uncovered(ctx, db, name, part)
			part = part[:0]
			for _, id := range uncovered {
				if told++; err == nil && told <= mostStrays {
					err = app.Visited(w.Stray(name, id))
				}
			}
			return err
		}
		fields := options.Find().SetProjection(ascending("stream", "chain_seq", "hash")).SetSort(ascending("_id"))
		err := each(ctx, db.Collection(name), bson.D{}, fields, func(d *idDocument) error {
			if part = append(part, d); len(part) < maxNamed {
				return nil
			}
			return flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func uncovered(ctx context.Context, db *mongo.Database, name string, part []*idDocument) ([]string, error) {
	if len(part) == 0 {
		return nil, nil
	}
	if name == colIDs {
		return beyondHeads(ctx, db, part)
	}
	ids := make([]string, len(part))
	for i, d := range part {
		ids[i] = d.EventID
	}
	links := map[string]*idDocument{}
	fields := options.Find().SetProjection(ascending("topic", "entry_hash", "chain_seq", "hash"))
	err := each(ctx, db.Collection(colIDs), named(ids), fields, func(d *idDocument) error {
		links[d.EventID] = d
		return nil
	})
	var out []string
	for _, d := range part {
		link := links[d.EventID]
		switch {
		case link == nil, name != colJournal && collectionOf[link.Topic] != name:
			out = append(out, d.EventID)
		case name == colJournal && (d.ChainSeq != link.ChainSeq || !bytes.Equal(d.Hash, link.Hash)):
			out = append(out, d.EventID) // it names another link than its own
		}
	}
	return out, err
}

// beyondHeads finds the events whose stream has no head, or one that is not that far.
func beyondHeads(ctx context.Context, db *mongo.Database, part []*idDocument) ([]string, error) {
	heads := map[string]int64{}
	err := each(ctx, db.Collection(colHeads), bson.D{}, options.Find().SetProjection(ascending("chain_seq")), func(d *headDocument) error {
		heads[d.Stream] = d.ChainSeq
		return nil
	})
	var out []string
	for _, d := range part {
		if d.ChainSeq < 1 || d.ChainSeq > heads[d.Stream] {
			out = append(out, d.EventID)
		}
	}
	return out, err
}
