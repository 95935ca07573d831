package mongostore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/journaldb"
)

const (
	colBlobs  = journaldb.ArchiveBlobs
	colChunks = journaldb.ArchiveChunks
)

// chunkSize is how many bytes of a blob one document holds.
const chunkSize = 1 << 20

// Blobs keeps segments in the database of the tenant whose they are: archive_blob says which there are, and
// archive_chunk holds their bytes. A blob is there from the moment in which its row is: chunks that no row
// names belong to a Put that broke off, and go with a later one of that name.
//
// The journal reads them; to write and to delete them is the archiver's credential's.
type Blobs struct {
	s   *Store
	of  func(name string) (*mongo.Database, error)
	all func(ctx context.Context, prefix string) ([]*mongo.Database, error)
}

// Blobs of a store's tenants.
func (s *Store) Blobs() *Blobs {
	tenantOf := func(name string) string {
		code, _, _ := strings.Cut(strings.TrimPrefix(name, "t/"), "/")
		return code
	}
	return &Blobs{s: s,
		of: func(name string) (*mongo.Database, error) {
			if code := tenantOf(name); strings.HasPrefix(name, "t/") && identity.ValidCode(code) {
				return s.database(code), nil
			}
			return nil, fmt.Errorf("%.80q is no tenant's segment: %w", name, fs.ErrInvalid)
		},
		all: func(ctx context.Context, prefix string) ([]*mongo.Database, error) {
			tenants, err := s.Tenants(ctx)
			var out []*mongo.Database
			for _, code := range tenants {
				if own := archive.Prefix(code, ""); strings.HasPrefix(own, prefix) || strings.HasPrefix(prefix, own) {
					out = append(out, s.database(code))
				}
			}
			return out, err
		},
	}
}

type blobDocument struct {
	Name   string `bson:"_id"`
	Upload string `bson:"upload"`
	Size   int64  `bson:"size"`
	Chunks int    `bson:"chunks"`
}

type chunkDocument struct {
	Blob   string `bson:"blob"`
	Upload string `bson:"upload"`
	No     int    `bson:"no"`
	Data   []byte `bson:"data"`
}

// Put implements archive.Blobs.
func (b *Blobs) Put(ctx context.Context, name string, r io.Reader) error {
	db, err := b.named(name)
	if err != nil {
		return err
	}
	head := blobDocument{Name: name, Upload: uuid.NewString()}
	for room := make([]byte, chunkSize); err == nil; {
		var n int
		n, err = io.ReadFull(r, room)
		if n == 0 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if _, failed := db.Collection(colChunks).InsertOne(ctx, chunkDocument{name, head.Upload, head.Chunks, room[:n]}); failed != nil {
			err = classify(failed)
			break
		}
		head.Size += int64(n)
		head.Chunks++
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	var old blobDocument
	if err == nil {
		err = b.s.transact(ctx, func(ctx mongo.SessionContext) error {
			old = blobDocument{}
			in := db.Collection(colBlobs)
			err := in.FindOneAndDelete(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&old)
			if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
				return err
			}
			_, err = in.InsertOne(ctx, head)
			return err
		})
	}
	if err != nil {
		b.forget(ctx, db, bson.D{{Key: "blob", Value: name}, {Key: "upload", Value: head.Upload}})
		return err
	}
	// What it replaced goes, and what broke off long ago.
	b.forget(ctx, db, bson.D{{Key: "blob", Value: name}, {Key: "upload", Value: old.Upload}})
	b.forget(ctx, db, bson.D{{Key: "blob", Value: name}, {Key: "upload", Value: bson.D{{Key: "$ne", Value: head.Upload}}},
		{Key: "_id", Value: bson.D{{Key: "$lt", Value: primitive.NewObjectIDFromTimestamp(b.s.clock.Now().Add(-abandoned))}}}})
	return nil
}

// forget removes chunks that no row names. That they stay does no harm.
func (b *Blobs) forget(ctx context.Context, db *mongo.Database, chunks bson.D) {
	_, _ = db.Collection(colChunks).DeleteMany(context.WithoutCancel(ctx), chunks)
}

// abandoned is the age at which nobody can still be putting a chunk.
const abandoned = 24 * time.Hour

// Open implements archive.Blobs. All of the blob is read: what is open stays as it is.
func (b *Blobs) Open(ctx context.Context, name string) (archive.Blob, error) {
	db, err := b.named(name)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		var head blobDocument
		err := db.Collection(colBlobs).FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&head)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: archive.ErrNotExist}
		}
		if err != nil {
			return nil, classify(err)
		}
		content := make([]byte, 0, head.Size)
		of := bson.D{{Key: "blob", Value: name}, {Key: "upload", Value: head.Upload}}
		err = each(ctx, db.Collection(colChunks), of, options.Find().SetSort(ascending("blob", "upload", "no")), func(c *chunkDocument) error {
			content = append(content, c.Data...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		// It may have been replaced or deleted since its row was read.
		if int64(len(content)) == head.Size || try == 3 {
			return archive.Bytes(content), nil
		}
	}
}

// Delete implements archive.Blobs.
func (b *Blobs) Delete(ctx context.Context, name string) error {
	db, err := b.named(name)
	if err != nil {
		return err
	}
	if _, err := db.Collection(colBlobs).DeleteOne(ctx, bson.D{{Key: "_id", Value: name}}); err != nil {
		return classify(err)
	}
	_, err = db.Collection(colChunks).DeleteMany(ctx, bson.D{{Key: "blob", Value: name}})
	return classify(err)
}

// List implements archive.Blobs.
func (b *Blobs) List(ctx context.Context, prefix string, visit func(string) error) error {
	if err := archive.CheckPrefix(prefix); err != nil {
		return err
	}
	databases, err := b.all(ctx, prefix)
	var names []string
	for i := 0; err == nil && i < len(databases); i++ {
		// No name has a character that stands behind the last one.
		within := bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: prefix}, {Key: "$lt", Value: prefix + "\x7f"}}}}
		err = each(ctx, databases[i].Collection(colBlobs), within, options.Find().SetProjection(ascending("_id")), func(d *identified) error {
			names = append(names, d.ID)
			return nil
		})
	}
	slices.Sort(names)
	for i := 0; err == nil && i < len(names); i++ {
		err = visit(names[i])
	}
	return err
}

func (b *Blobs) named(name string) (*mongo.Database, error) {
	if err := archive.CheckName(name); err != nil {
		return nil, err
	}
	return b.of(name)
}
