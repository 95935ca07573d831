package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/filestore"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/objectstore"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

// Where segments are kept, as TILLROLL_ARCHIVE says: in the journal's MongoDB, behind a Dapr binding, or in
// a folder. When it says nothing they are kept with the journal.
const (
	archiveInMongoDB = "mongodb"
	archiveBinding   = "binding:"
	archiveFolder    = "journal/archive" // in the data folder; backed up and restored with the journal
)

// blobs opens the place where segments are kept.
func (c *config) blobs(s *service.Service, store app.Store) (archive.Blobs, error) {
	where := c.Archive
	mongo, inMongoDB := store.(*mongostore.Store)
	switch {
	case where == "" && inMongoDB, where == archiveInMongoDB && inMongoDB:
		return mongo.Blobs(), nil
	case where == archiveInMongoDB:
		return nil, fmt.Errorf("TILLROLL_ARCHIVE is %s, but the journal is not in MongoDB: name a folder, or a binding as %sNAME", where, archiveBinding)
	case strings.HasPrefix(where, archiveBinding):
		return objectstore.New(s.Dapr, strings.TrimPrefix(where, archiveBinding), objectstore.Options{}), nil
	case where == "":
		where = filepath.Join(c.Data, filepath.FromSlash(archiveFolder))
	}
	folder, err := filestore.Open(where, time.Now)
	if err != nil {
		return nil, fmt.Errorf("TILLROLL_ARCHIVE: %w", err)
	}
	s.OnStop(folder.Close)
	return folder, nil
}

// archiving is the archiver of this process. There is one where the process owns the database; where there
// is a server, command journal-archiver archives, with a credential of its own.
func archiving(s *service.Service, store app.Store, blobs archive.Blobs, publicKey string, clock clockwork.Clock) (*app.Archiving, error) {
	own, ok := store.(*sqlitestore.Store)
	if !ok {
		return nil, nil
	}
	archiver := sqlitestore.NewArchiver(own)
	s.OnStop(archiver.Close)
	return app.NewArchiving(app.ArchivingConfig{
		Archiver: archiver, Blobs: blobs, PublicKey: publicKey, Clock: clock, NewID: outbox.NewID, Log: s.Log, Metrics: s.Metrics,
	})
}
