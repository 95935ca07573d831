package mongostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Commit implements app.Recorder.
func (s *Store) Commit(ctx context.Context, tenant string, records []*journal.Record) ([]app.Outcome, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, nil
	}
	if err := s.registerTerminals(ctx, tenant, records); err != nil {
		return nil, err
	}
	var outcomes []app.Outcome
	var b *batch
	common := s.commonTerms(ctx, db)
	err = s.transact(ctx, func(ctx mongo.SessionContext) error {
		b = &batch{ctx: ctx, db: db, step: s.step, places: s.places, now: s.clock.Now(), docs: map[string][]any{}, common: common}
		var err error
		outcomes, err = b.commit(records)
		return err
	})
	if err == nil {
		err = classify(s.step("committed"))
	}
	if err != nil {
		return nil, err
	}
	s.tally(ctx, db, b.terms)
	return outcomes, nil
}

// registerTerminals lists whose the terminals are whose snapshots come for the first time. It goes
// before the commit: a terminal that is listed without a copy is merely not known yet.
func (s *Store) registerTerminals(ctx context.Context, tenant string, records []*journal.Record) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	for _, r := range records {
		snapshot, ok := r.Event.(*event.Snapshot)
		if !ok || snapshot.Kind != event.KindTerminal {
			continue
		}
		id := snapshot.Terminal.TerminalID
		s.mu.Lock()
		listed := s.terminals[id]
		s.mu.Unlock()
		if listed {
			continue
		}
		_, err := s.platform.Collection(colTerminals).InsertOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "tenant_id", Value: tenant}})
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return classify(err)
		}
		s.mu.Lock()
		s.terminals[id] = true
		s.mu.Unlock()
	}
	return nil
}

// batch is one try of a commit.
type batch struct {
	ctx    mongo.SessionContext
	db     *mongo.Database
	step   func(name string) error
	places *places
	now    time.Time
	docs   map[string][]any // by collection
	copies map[string]*copyDocument
	terms  [][]string      // of each entry, all of them
	common map[string]bool // terms that are not indexed any more
}

// headDocument is where a stream's chain ends, and what of each producer's sequence is in it.
type headDocument struct {
	Stream     string             `bson:"_id"`
	StoreCode  string             `bson:"store_code"`
	TerminalNo int                `bson:"terminal_no"`
	ChainSeq   int64              `bson:"chain_seq"`
	Hash       []byte             `bson:"hash"`
	Progress   []progressDocument `bson:"progress"`
	Turn       int64              `bson:"turn"` // counts every change, those of the progress too
}

type progressDocument struct {
	Producer   string     `bson:"producer"`
	Received   [][2]int64 `bson:"received"` // closed ranges
	Generation int        `bson:"generation"`
}

// copyDocument is the newest snapshot of one thing: derived from log_snapshot, replaceable.
type copyDocument struct {
	ID      string `bson:"_id"`
	Kind    string `bson:"kind"`
	Code    string `bson:"code"`
	Version int64  `bson:"version"`
	Content string `bson:"content"`
}

// chain is a stream as this try sees and moves it.
type chain struct {
	journal.Head
	turn     int64 // as it was read; 0: the stream is new
	changed  bool
	progress map[string]*journal.Progress
}

func (b *batch) commit(records []*journal.Record) ([]app.Outcome, error) {
	known, err := b.known(records)
	if err != nil {
		return nil, err
	}
	chains, err := b.chains(records)
	if err != nil {
		return nil, err
	}
	outcomes := make([]app.Outcome, len(records))
	for i, r := range records {
		h := r.Envelope()
		hash, found := known[h.EventID]
		if found && hash != r.ContentHash {
			outcomes[i] = app.Changed
			continue
		}
		c := chains[r.Stream().ID()]
		c.note(r)
		if found {
			outcomes[i] = app.Repeat
			continue
		}
		if err := b.add(c, r); err != nil {
			return nil, err
		}
		known[h.EventID], outcomes[i] = r.ContentHash, app.Stored
	}
	return outcomes, b.write(chains)
}

// known finds which of the events are stored already.
func (b *batch) known(records []*journal.Record) (map[string]journal.Hash, error) {
	if err := b.step("look up event ids"); err != nil {
		return nil, err
	}
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.Envelope().EventID
	}
	return contentHashes(b.ctx, b.db, ids)
}

// maxNamed is how many ids one query names; a query is a document and must not grow without bounds.
const maxNamed = 10_000

func contentHashes(ctx context.Context, db *mongo.Database, ids []string) (map[string]journal.Hash, error) {
	type known struct {
		ID   string `bson:"_id"`
		Hash []byte `bson:"content_hash"`
	}
	hashes := make(map[string]journal.Hash, len(ids))
	for part := range slices.Chunk(ids, maxNamed) {
		err := each(ctx, db.Collection(colIDs), named(part), options.Find().SetProjection(ascending("content_hash")), func(k *known) (err error) {
			hashes[k.ID], err = asHash(k.Hash)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

func named(ids []string) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// chains reads the heads of all streams of the records.
func (b *batch) chains(records []*journal.Record) (map[string]*chain, error) {
	if err := b.step("read chain heads"); err != nil {
		return nil, err
	}
	chains := map[string]*chain{}
	for _, r := range records {
		stream := r.Stream()
		chains[stream.ID()] = &chain{Head: journal.Head{Stream: stream}, progress: map[string]*journal.Progress{}}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(chains)), maxNamed) {
		err := each(b.ctx, b.db.Collection(colHeads), named(part), options.Find(), func(d *headDocument) (err error) {
			c := chains[d.Stream]
			c.turn, c.Seq = d.Turn, uint64(d.ChainSeq)
			if c.Hash, err = asHash(d.Hash); err != nil {
				return err
			}
			for _, p := range d.Progress {
				progress := p.progress()
				c.progress[p.Producer] = &progress
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return chains, nil
}

// note counts the record in its producer's sequence.
func (c *chain) note(r *journal.Record) {
	h := r.Envelope()
	if h.Sequence == 0 {
		return
	}
	p, ok := c.progress[h.Producer]
	if !ok {
		p = &journal.Progress{Producer: h.Producer}
		c.progress[h.Producer] = p
	}
	c.changed = p.Note(r) || c.changed
}

// add makes all documents of one new event.
func (b *batch) add(c *chain, r *journal.Record) error {
	if err := app.CheckSize(r); err != nil {
		return err
	}
	link, hash := c.Append(r)
	c.changed = true
	h := r.Envelope()
	date := ""
	if r.Entry != nil {
		date = r.Entry.BusinessDate
	}
	id := &idDocument{
		EventID: h.EventID, TenantID: h.TenantID, Topic: r.Event.Topic(), Stream: link.Stream, Producer: h.Producer, Sequence: int64(h.Sequence),
		ContentHash: link.ContentHash[:], ChainVersion: link.Version, ChainSeq: int64(link.Seq), PrevHash: link.Prev[:], Hash: hash[:],
		TraceParent: r.TraceParent, Place: b.places.next(b.now), Abstract: newAbstract(r, date, b.now),
	}
	if r.Entry != nil {
		id.EntryHash = link.EntryHash[:]
		entry, err := newJournalDocument(id, r.Entry, h.OccurredAt, id.Abstract)
		if err != nil {
			return fmt.Errorf("%w: %w", app.ErrRefused, err)
		}
		b.docs[colJournal] = append(b.docs[colJournal], entry)
		b.addTerms(entry)
	}
	log, doc, err := logDocument(r, b.now)
	if err != nil {
		return fmt.Errorf("%w: %w", app.ErrRefused, err)
	}
	b.docs[colIDs] = append(b.docs[colIDs], id)
	b.docs[log] = append(b.docs[log], doc)
	if snapshot, ok := r.Event.(*event.Snapshot); ok {
		b.addCopy(snapshot, string(r.Content))
	}
	return nil
}

// addCopy keeps the newest of what this commit has of a thing.
func (b *batch) addCopy(s *event.Snapshot, content string) {
	d := &copyDocument{ID: s.Kind + "/" + s.Code(), Kind: s.Kind, Code: s.Code(), Version: int64(s.Version), Content: content}
	if old := b.copies[d.ID]; old != nil && old.Version > d.Version {
		return
	}
	if b.copies == nil {
		b.copies = map[string]*copyDocument{}
	}
	b.copies[d.ID] = d
}

// inserts are the collections in the order in which a commit fills them.
var inserts = []string{colIDs, colTran, colCash, colOpenClose, colEvent, colSnapshot, colDirect, colJournal}

// write sends everything to the database. The heads come first: who else moves one of them is met
// before anything large was sent.
func (b *batch) write(chains map[string]*chain) error {
	if err := b.moveHeads(chains); err != nil {
		return err
	}
	for _, name := range inserts {
		docs := b.docs[name]
		if len(docs) == 0 {
			continue
		}
		if err := b.step("insert into " + name); err != nil {
			return err
		}
		if _, err := b.db.Collection(name).InsertMany(b.ctx, docs); err != nil {
			return fmt.Errorf("insert into %s: %w", name, err)
		}
	}
	if err := b.writeCopies(); err != nil {
		return err
	}
	if err := b.writeTerms(); err != nil {
		return err
	}
	return b.step("commit")
}

// moveHeads moves all heads in one command, in sorted order, each from where it was read.
func (b *batch) moveHeads(chains map[string]*chain) error {
	var moves []mongo.WriteModel
	for _, stream := range slices.Sorted(maps.Keys(chains)) {
		c := chains[stream]
		if !c.changed {
			continue
		}
		head := headDocument{
			Stream: stream, StoreCode: c.Stream.StoreCode, TerminalNo: c.Stream.TerminalNo,
			ChainSeq: int64(c.Seq), Hash: c.Hash[:], Progress: []progressDocument{}, Turn: c.turn + 1,
		}
		for _, producer := range slices.Sorted(maps.Keys(c.progress)) {
			head.Progress = append(head.Progress, newProgressDocument(c.progress[producer]))
		}
		// A new stream has no turn; when somebody was first, the upsert meets its _id and fails.
		moves = append(moves, mongo.NewReplaceOneModel().SetUpsert(c.turn == 0).SetReplacement(head).
			SetFilter(bson.D{{Key: "_id", Value: stream}, {Key: "turn", Value: c.turn}}))
	}
	if len(moves) == 0 {
		return nil
	}
	if err := b.step("move chain heads"); err != nil {
		return err
	}
	res, err := b.db.Collection(colHeads).BulkWrite(b.ctx, moves)
	if err != nil {
		return fmt.Errorf("move chain heads: %w", err)
	}
	if res.MatchedCount+res.UpsertedCount != int64(len(moves)) {
		return errCollided
	}
	return nil
}

// writeCopies replaces the copies that are older than what came.
func (b *batch) writeCopies() error {
	if len(b.copies) == 0 {
		return nil
	}
	if err := b.step("read copies"); err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(b.copies))
	stored, err := find[copyDocument](b.ctx, b.db.Collection(colCopies), named(ids), options.Find().SetProjection(ascending("version")))
	if err != nil {
		return err
	}
	for _, old := range stored {
		if old.Version > b.copies[old.ID].Version {
			delete(b.copies, old.ID)
		}
	}
	var writes []mongo.WriteModel
	for _, id := range ids {
		if d := b.copies[id]; d != nil {
			writes = append(writes, mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: id}}).SetReplacement(d))
		}
	}
	if len(writes) == 0 {
		return nil
	}
	if err := b.step("write copies"); err != nil {
		return err
	}
	_, err = b.db.Collection(colCopies).BulkWrite(b.ctx, writes)
	return err
}

func newProgressDocument(p *journal.Progress) progressDocument {
	d := progressDocument{Producer: p.Producer, Generation: p.Generation, Received: make([][2]int64, len(p.Received))}
	for i, r := range p.Received {
		d.Received[i] = [2]int64{int64(r.First), int64(r.Last)}
	}
	return d
}

func (d *progressDocument) progress() journal.Progress {
	p := journal.Progress{Producer: d.Producer, Generation: d.Generation}
	for _, r := range d.Received {
		p.Received = p.Received.Add(uint64(r[0]), uint64(r[1]))
	}
	return p
}

// Known implements app.Recorder.
func (s *Store) Known(ctx context.Context, tenant string, eventIDs []string) (map[string]journal.Hash, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	return contentHashes(ctx, db, eventIDs)
}

// notFound tells what is not there from what cannot be read.
func notFound(err error) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return app.ErrNotFound
	}
	return classify(err)
}
