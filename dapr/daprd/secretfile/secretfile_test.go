package secretfile_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/kit/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/dapr/daprd/secretfile"
)

func open(t *testing.T, text string) (s secretstores.SecretStore, path string, err error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets.json")
	if text != "" {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	s = secretfile.New(logger.NewLogger("test"))
	err = s.Init(t.Context(), secretstores.Metadata{Base: metadata.Base{Properties: map[string]string{"secretsFile": path}}})
	return s, path, err
}

// replace the file at once, as careful writers do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func get(t *testing.T, s secretstores.SecretStore, name string) string {
	t.Helper()
	r, err := s.GetSecret(t.Context(), secretstores.GetSecretRequest{Name: name})
	if err != nil {
		return "error: " + err.Error()
	}
	return r.Data[name]
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	s, path, err := open(t, `{"key":"old","other":"stays"}`)
	require.NoError(t, err)
	assert.Equal(t, "old", get(t, s, "key"))
	replace(t, path, `{"key":"new","other":"stays"}`)
	assert.Equal(t, "new", get(t, s, "key"), "of the same length, too")
	assert.Equal(t, "stays", get(t, s, "other"))
	replace(t, path, `{"key":"newer"}`)
	assert.Contains(t, get(t, s, "other"), "not found", "what was taken out is gone")
	all, err := s.BulkGetSecret(t.Context(), secretstores.BulkGetSecretRequest{})
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]string{"key": {"key": "newer"}}, all.Data)
}

func TestAFileThatIsJustBeingWrittenChangesNothing(t *testing.T) {
	s, path, err := open(t, `{"key":"old"}`)
	require.NoError(t, err)
	replace(t, path, `{"key":"n`)
	assert.Equal(t, "old", get(t, s, "key"))
	require.NoError(t, os.Remove(path))
	assert.Equal(t, "old", get(t, s, "key"))
	replace(t, path, `{"key":"new"}`)
	assert.Equal(t, "new", get(t, s, "key"))
}

func TestAtTheStartTheFileMustBeGood(t *testing.T) {
	for _, text := range []string{"", "{", `[]`} {
		_, _, err := open(t, text)
		assert.Error(t, err, "%q", text)
	}
}

func TestReadersAndAWriterAtOnce(t *testing.T) {
	s, path, err := open(t, `{"key":"0"}`)
	require.NoError(t, err)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				assert.Len(t, get(t, s, "key"), 1)
			}
		})
	}
	for i := range 50 {
		replace(t, path, `{"key":"`+string(rune('0'+i%10))+`"}`)
	}
	readers.Wait()
}
