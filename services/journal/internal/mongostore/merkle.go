package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// The collections of the tenant's Merkle log. Only how far each chain is in the log, how long the log
// is and who extends it changes; the rest is added to.
const (
	colLeaves      = journaldb.MerkleLeaves
	colTiles       = journaldb.MerkleTiles
	colLog         = journaldb.MerkleLog
	colLogStreams  = journaldb.MerkleStreams
	colCheckpoints = journaldb.Checkpoints
)

// theLog is the one document of colLog.
const theLog = "log"

// logHead says how long the log is. The lease of who may extend it lies in the same document.
type logHead struct {
	Size int64 `bson:"size"`
}

// leafDocument is one leaf.
type leafDocument struct {
	Index    int64  `bson:"_id"`
	Stream   string `bson:"stream"`
	ChainSeq int64  `bson:"chain_seq"`
	EventID  string `bson:"event_id"`
	Hash     []byte `bson:"hash"`
}

func (d *leafDocument) leaf() (proof.Leaf, error) {
	hash, err := asHash(d.Hash)
	return proof.Leaf{Index: uint64(d.Index), Stream: d.Stream, Seq: uint64(d.ChainSeq), EventID: d.EventID, Link: hash}, err
}

// tileDocument is one full tile.
type tileDocument struct {
	ID     string `bson:"_id"`
	Level  int    `bson:"level"`
	Index  int64  `bson:"index"`
	Root   []byte `bson:"root"`
	Hashes []byte `bson:"hashes"`
}

// checkpointDocument is one checkpoint.
type checkpointDocument struct {
	Size     int64     `bson:"_id"`
	Root     []byte    `bson:"root"`
	SignedAt time.Time `bson:"signed_at"`
	Note     string    `bson:"note"`
}

// loggedThrough says how far a chain is in the log.
type loggedThrough struct {
	Stream  string `bson:"_id"`
	Through int64  `bson:"through"`
}

// Lease implements app.Log.
func (s *Store) Lease(ctx context.Context, tenant, holder string, life time.Duration) (bool, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return false, err
	}
	return take(ctx, db.Collection(colLog), theLog, holder, s.clock.Now(), life, bson.E{Key: "size", Value: int64(0)})
}

// LogSize implements app.Log.
func (s *Store) LogSize(ctx context.Context, tenant string) (uint64, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	return logSize(ctx, db)
}

func logSize(ctx context.Context, db *mongo.Database) (uint64, error) {
	var d logHead
	err := db.Collection(colLog).FindOne(ctx, bson.D{{Key: "_id", Value: theLog}}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return uint64(d.Size), classify(err)
}

// Unlogged implements app.Log. Each chain is read up to the head that was seen: a commit shows head
// and links at once, so there is no gap before it.
func (s *Store) Unlogged(ctx context.Context, tenant string, limit int) ([]proof.Leaf, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	through := map[string]int64{}
	err = each(ctx, db.Collection(colLogStreams), bson.D{}, options.Find(), func(d *loggedThrough) error {
		through[d.Stream] = d.Through
		return nil
	})
	if err != nil {
		return nil, err
	}
	heads, err := find[headDocument](ctx, db.Collection(colHeads), bson.D{},
		options.Find().SetProjection(ascending("chain_seq")).SetSort(ascending("_id")))
	if err != nil {
		return nil, err
	}
	var leaves []proof.Leaf
	for _, h := range heads {
		if h.ChainSeq <= through[h.Stream] || len(leaves) == limit {
			continue
		}
		of := bson.D{{Key: "stream", Value: h.Stream}, {Key: "chain_seq", Value: bson.D{
			{Key: "$gt", Value: through[h.Stream]}, {Key: "$lte", Value: h.ChainSeq}}}}
		opts := options.Find().SetProjection(ascending("chain_seq", "hash")).SetSort(ascending("stream", "chain_seq")).SetLimit(int64(limit - len(leaves)))
		err := each(ctx, db.Collection(colIDs), of, opts, func(d *idDocument) error {
			hash, err := asHash(d.Hash)
			leaves = append(leaves, proof.Leaf{Stream: h.Stream, Seq: uint64(d.ChainSeq), EventID: d.EventID, Link: hash})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// Extend implements app.Log.
func (s *Store) Extend(ctx context.Context, tenant string, size uint64, leaves []proof.Leaf, tiles []proof.Tile) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil || len(leaves) == 0 {
		return err
	}
	err = s.transact(ctx, func(ctx mongo.SessionContext) error {
		if err := s.moveLog(ctx, db, size, size+uint64(len(leaves))); err != nil {
			return err
		}
		return s.insertLeaves(ctx, db, size, leaves, tiles)
	})
	if err != nil {
		return err
	}
	return classify(s.step("committed log"))
}

// moveLog writes the new size over the one that is expected.
func (s *Store) moveLog(ctx mongo.SessionContext, db *mongo.Database, from, to uint64) error {
	if err := s.step("move log"); err != nil {
		return err
	}
	now, err := logSize(ctx, db)
	if err != nil || now != from {
		return app.OrMoved(err)
	}
	res, err := db.Collection(colLog).UpdateOne(ctx, bson.D{{Key: "_id", Value: theLog}, {Key: "size", Value: int64(from)}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "size", Value: int64(to)}}}}, options.Update().SetUpsert(from == 0))
	switch {
	case err != nil:
		return err
	case res.MatchedCount+res.UpsertedCount != 1:
		return app.ErrMoved
	}
	return nil
}

func (s *Store) insertLeaves(ctx mongo.SessionContext, db *mongo.Database, size uint64, leaves []proof.Leaf, tiles []proof.Tile) error {
	docs, through := make([]any, len(leaves)), map[string]int64{}
	for i := range leaves {
		l := &leaves[i]
		docs[i] = leafDocument{int64(size) + int64(i), l.Stream, int64(l.Seq), l.EventID, l.Link[:]}
		through[l.Stream] = max(through[l.Stream], int64(l.Seq))
	}
	if err := s.step("insert leaves"); err != nil {
		return err
	}
	if _, err := db.Collection(colLeaves).InsertMany(ctx, docs); err != nil {
		return err
	}
	if len(tiles) > 0 {
		if err := s.step("insert tiles"); err != nil {
			return err
		}
		docs := make([]any, len(tiles))
		for i, t := range tiles {
			docs[i] = tileDocument{fmt.Sprintf("%d/%d", t.Level, t.Index), t.Level, int64(t.Index), t.Root[:], journal.PackHashes(t.Hashes)}
		}
		if _, err := db.Collection(colTiles).InsertMany(ctx, docs); err != nil {
			return err
		}
	}
	var moves []mongo.WriteModel
	for stream, seq := range through {
		moves = append(moves, mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: stream}}).
			SetUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "through", Value: seq}}}}))
	}
	if err := s.step("move streams of the log"); err != nil {
		return err
	}
	if _, err := db.Collection(colLogStreams).BulkWrite(ctx, moves); err != nil {
		return err
	}
	return s.step("commit log")
}

// Row implements app.Log.
func (s *Store) Row(ctx context.Context, tenant string, level int, begin, end uint64) ([]proof.Hash, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil || begin >= end {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	if begin%proof.TileWidth == 0 && end-begin == proof.TileWidth {
		var d tileDocument
		err := db.Collection(colTiles).FindOne(ctx, bson.D{{Key: "level", Value: level}, {Key: "index", Value: int64(begin / proof.TileWidth)}}).Decode(&d)
		if err == nil {
			return journal.UnpackHashes(d.Hashes), nil
		}
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return nil, classify(err)
		}
	}
	between := bson.D{{Key: "$gte", Value: int64(begin)}, {Key: "$lt", Value: int64(end)}}
	var row []proof.Hash
	add := func(hash []byte, of func(proof.Hash) proof.Hash) error {
		h, err := asHash(hash)
		row = append(row, of(h))
		return err
	}
	if level == 0 {
		err = each(ctx, db.Collection(colLeaves), bson.D{{Key: "_id", Value: between}},
			options.Find().SetProjection(ascending("hash")).SetSort(ascending("_id")), func(d *leafDocument) error { return add(d.Hash, proof.LeafHash) })
		return row, err
	}
	err = each(ctx, db.Collection(colTiles), bson.D{{Key: "level", Value: level - 1}, {Key: "index", Value: between}},
		options.Find().SetProjection(ascending("root")).SetSort(ascending("level", "index")),
		func(d *tileDocument) error { return add(d.Root, func(h proof.Hash) proof.Hash { return h }) })
	return row, err
}

// LeafOf implements app.Log.
func (s *Store) LeafOf(ctx context.Context, tenant, eventID string) (proof.Leaf, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return proof.Leaf{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var d leafDocument
	if err := db.Collection(colLeaves).FindOne(ctx, bson.D{{Key: "event_id", Value: eventID}}).Decode(&d); err != nil {
		return proof.Leaf{}, notFound(err)
	}
	return d.leaf()
}

// EachLeaf implements app.Log.
func (s *Store) EachLeaf(ctx context.Context, tenant string, begin, end uint64, visit func(proof.Leaf, proof.Hash) error) error {
	return s.eachLeaves(ctx, tenant, begin, end, func(db *mongo.Database, part []*leafDocument) error {
		type link struct {
			ID       string `bson:"_id"`
			Stream   string `bson:"stream"`
			ChainSeq int64  `bson:"chain_seq"`
			Hash     []byte `bson:"hash"`
		}
		links := map[string]*link{}
		fields := options.Find().SetProjection(ascending("stream", "chain_seq", "hash"))
		err := each(ctx, db.Collection(colIDs), named(eventIDs(part)), fields, func(d *link) error {
			links[d.ID] = d
			return nil
		})
		if err != nil {
			return err
		}
		for _, d := range part {
			leaf, err := d.leaf()
			if err != nil {
				return err
			}
			var now proof.Hash
			if l := links[d.EventID]; l != nil && l.Stream == d.Stream && l.ChainSeq == d.ChainSeq {
				copy(now[:], l.Hash)
			}
			leaf.EventID = ""
			if err := app.Visited(visit(leaf, now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachLeaves reads leaves some at a time.
func (s *Store) eachLeaves(ctx context.Context, tenant string, begin, end uint64, visit func(db *mongo.Database, part []*leafDocument) error) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	var part []*leafDocument
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := visit(db, part)
		part = part[:0]
		return err
	}
	between := bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: int64(begin)}, {Key: "$lt", Value: int64(end)}}}}
	err = each(ctx, db.Collection(colLeaves), between, options.Find().SetSort(ascending("_id")), func(d *leafDocument) error {
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

func eventIDs(part []*leafDocument) []string {
	ids := make([]string, len(part))
	for i, d := range part {
		ids[i] = d.EventID
	}
	return ids
}

// Logged implements app.Log.
func (s *Store) Logged(ctx context.Context, tenant string, begin, end uint64, visit func(uint64, *journal.Stored) error) error {
	return s.eachLeaves(ctx, tenant, begin, end, func(db *mongo.Database, part []*leafDocument) error {
		index := map[string]int64{}
		for _, d := range part {
			index[d.EventID] = d.Index
		}
		links, err := find[idDocument](ctx, db.Collection(colIDs), named(eventIDs(part)), options.Find())
		if err != nil {
			return err
		}
		ordered := make([]*idDocument, len(links))
		for i := range links {
			ordered[i] = &links[i]
		}
		slices.SortFunc(ordered, func(a, b *idDocument) int { return int(index[a.EventID] - index[b.EventID]) })
		all, err := together(ctx, db, ordered)
		if err != nil {
			return err
		}
		for _, stored := range all {
			if err := app.Visited(visit(uint64(index[stored.EventID]), stored)); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutCheckpoint implements app.Log.
func (s *Store) PutCheckpoint(ctx context.Context, c proof.Checkpoint) error {
	db, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	if err := s.step("insert checkpoint"); err != nil {
		return classify(err)
	}
	_, err = db.Collection(colCheckpoints).InsertOne(ctx, checkpointDocument{int64(c.Size), c.Root[:], c.Time, c.Note})
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return classify(err)
}

// Checkpoints implements app.Log.
func (s *Store) Checkpoints(ctx context.Context, tenant string, q app.CheckpointQuery) ([]proof.Checkpoint, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	sizes := bson.D{{Key: "$gte", Value: int64(q.From)}}
	if q.To > 0 {
		sizes = append(sizes, bson.E{Key: "$lte", Value: int64(q.To)})
	}
	order := 1
	if q.LargestFirst {
		order = -1
	}
	var out []proof.Checkpoint
	err = each(ctx, db.Collection(colCheckpoints), bson.D{{Key: "_id", Value: sizes}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: order}}).SetLimit(int64(q.Limit)), func(d *checkpointDocument) error {
			root, err := asHash(d.Root)
			out = append(out, proof.Checkpoint{Tenant: tenant, Size: uint64(d.Size), Root: root, Time: d.SignedAt.UTC(), Note: d.Note})
			return err
		})
	return out, err
}
