package mongostore

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
)

func TestBlobsContract(t *testing.T) {
	archivetest.Run(t, func(t *testing.T) archive.Blobs {
		s := open(t)
		_, err := s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		b := s.Blobs()
		// The contract's names are anybody's.
		b.of = func(string) (*mongo.Database, error) { return s.database("acme"), nil }
		b.all = func(context.Context, string) ([]*mongo.Database, error) {
			return []*mongo.Database{s.database("acme")}, nil
		}
		return b
	})
}

// A segment lies with its tenant; the service's credential reads it, and the archiver's writes it.
func TestBlobsLieWithTheirTenants(t *testing.T) {
	s, a := newBoth(t)
	for _, tenant := range []string{"acme", "bolt"} {
		_, err := s.Provision(t.Context(), tenant)
		require.NoError(t, err)
		require.NoError(t, a.Blobs().Put(t.Context(), "t/"+tenant+"/s1/2026-01-05.1.seg", strings.NewReader(tenant)))
	}
	for _, tenant := range []string{"acme", "bolt"} {
		n, err := s.database(tenant).Collection(colBlobs).EstimatedDocumentCount(t.Context())
		if err == nil {
			assert.EqualValues(t, 1, n)
		}
		blob, err := s.Blobs().Open(t.Context(), "t/"+tenant+"/s1/2026-01-05.1.seg")
		require.NoError(t, err)
		assert.EqualValues(t, len(tenant), blob.Size())
	}
	for _, name := range []string{"large", "x/acme/s1/a.seg", "t/9.9/s1/a.seg"} {
		require.ErrorIs(t, a.Blobs().Put(t.Context(), name, strings.NewReader("x")), fs.ErrInvalid, name)
	}
	if controlled(t) {
		require.Error(t, s.Blobs().Put(t.Context(), "t/acme/s1/2026-01-06.1.seg", strings.NewReader("x")), "the service only reads")
		require.Error(t, s.Blobs().Delete(t.Context(), "t/acme/s1/2026-01-05.1.seg"))
	}
	var all []string
	require.NoError(t, s.Blobs().List(t.Context(), "t/", func(name string) error { all = append(all, name); return nil }))
	assert.Len(t, all, 2)
}
