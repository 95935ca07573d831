package archive_test

import (
	"testing"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
)

func TestMemoryKeepsBlobs(t *testing.T) {
	archivetest.Run(t, func(*testing.T) archive.Blobs { return new(archive.Memory) })
}
