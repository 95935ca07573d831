package backup_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/backup"
)

var monday = time.Date(2026, 4, 6, 3, 0, 0, 0, time.UTC)

// dataFolder is what a stack leaves: databases, keys, and what need not be kept.
func dataFolder(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	for path, content := range map[string]string{
		"keys/issuer.jwk": "key", "secrets/cart.json": "{}", "secrets/cart.json.new": "half", "broker/stream": "x", "logs/cart.log": "x",
		"run.json": "{}", "lock": "", "journal/lock": "", "journal/archive/2025.seg": "old sales", "journal/archive/.tmp-2026": "half",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(data, path)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(data, path), []byte(content), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(data, "state"), 0o700))
	for _, name := range []string{"state/cart.db", "journal/acme.db", "journal/_platform.db", "names.db"} {
		db := open(t, filepath.Join(data, name))
		_, err := db.Exec(`CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)`)
		require.NoError(t, err)
		if strings.HasPrefix(name, "journal") {
			_, err = db.Exec(`CREATE TABLE schema_version (version INTEGER NOT NULL, kind TEXT NOT NULL); INSERT INTO schema_version VALUES (3, 'tenant')`)
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
	}
	return data
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	require.NoError(t, err)
	return db
}

func number(t *testing.T, path string) (n int) {
	t.Helper()
	db := open(t, path)
	defer db.Close()
	require.NoError(t, db.QueryRow(`SELECT n FROM t`).Scan(&n))
	return n
}

func mustMake(t *testing.T, data, to, keysTo string) backup.Manifest {
	t.Helper()
	m, err := backup.Make(t.Context(), backup.Request{Data: data, To: to, KeysTo: keysTo, Now: func() time.Time { return monday }})
	require.NoError(t, err)
	return m
}

func files(t *testing.T, folder string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is nobody else's", name)
		if !entry.IsDir() {
			path, err := filepath.Rel(folder, name)
			require.NoError(t, err)
			paths = append(paths, path)
		}
		return nil
	}))
	return paths
}

func TestWhatCannotBeMadeAnewIsKept(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "deep", "monday")
	m := mustMake(t, data, to, "")
	kept := []string{"journal/_platform.db", "journal/acme.db", "journal/archive/2025.seg", "keys/issuer.jwk", "secrets/cart.json", "state/cart.db"}
	assert.ElementsMatch(t, append(kept, "manifest.json"), files(t, to))
	assert.Equal(t, []string{"acme"}, m.Tenants())
	read, err := backup.Read(to)
	require.NoError(t, err)
	assert.Equal(t, m, read)
	for _, f := range m.Files {
		assert.Equal(t, f.Kind == backup.Database && strings.HasPrefix(f.Path, "journal"), f.Schema == "tenant 3", f.Path)
	}

	again := filepath.Join(t.TempDir(), "again")
	_, err = backup.Restore(t.Context(), backup.Restoration{From: to, Data: again})
	require.NoError(t, err)
	assert.ElementsMatch(t, kept, files(t, again))
	archived, err := os.ReadFile(filepath.Join(again, "journal/archive/2025.seg"))
	require.NoError(t, err)
	assert.Equal(t, "old sales", string(archived))
}

// What lies in a write-ahead log only, as after kill -9, is in the copy.
func TestACopyHoldsWhatIsOnlyInTheLog(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "b")
	db := open(t, filepath.Join(data, "journal/acme.db"))
	defer db.Close()
	_, err := db.Exec(`UPDATE t SET n = 7`)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(data, "journal/acme.db-wal"))
	require.NoError(t, err)
	require.Positive(t, info.Size())
	mustMake(t, data, to, "")
	assert.Equal(t, 7, number(t, filepath.Join(to, "journal/acme.db")))
}

// One writer changes first the state, then the journal, as an event travels. At every instant the
// journal is at most what the state is, and at most one behind; so it must be in every copy.
func TestEveryDatabaseIsCopiedAsOfTheSameInstant(t *testing.T) {
	data := dataFolder(t)
	state, journal := open(t, filepath.Join(data, "state/cart.db")), open(t, filepath.Join(data, "journal/acme.db"))
	defer state.Close()
	defer journal.Close()
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	written := 0
	writing.Go(func() {
		for ; ctx.Err() == nil; written++ {
			for _, db := range []*sql.DB{state, journal} {
				if _, err := db.Exec(`UPDATE t SET n = n + 1`); err != nil {
					t.Errorf("the writer is held up: %v", err)
					return
				}
			}
		}
	})
	for i := range 20 {
		to := filepath.Join(t.TempDir(), fmt.Sprint("b", i))
		mustMake(t, data, to, "")
		ahead := number(t, filepath.Join(to, "state/cart.db")) - number(t, filepath.Join(to, "journal/acme.db"))
		assert.Contains(t, []int{0, 1}, ahead)
	}
	stop()
	writing.Wait()
	t.Logf("%d changes while 20 backups were made", written)
	assert.Greater(t, written, 20, "the stack works on")
}

func TestKeysCanBeKeptApart(t *testing.T) {
	data, folder := dataFolder(t), t.TempDir()
	to, keys := filepath.Join(folder, "b"), filepath.Join(folder, "k")
	mustMake(t, data, to, keys)
	assert.ElementsMatch(t, []string{"keys/issuer.jwk", "secrets/cart.json"}, files(t, keys))
	assert.NotContains(t, strings.Join(files(t, to), " "), "issuer.jwk")

	again := filepath.Join(folder, "again")
	_, err := backup.Restore(t.Context(), backup.Restoration{From: to, Data: again})
	require.ErrorContains(t, err, "--keys-from")
	assert.NoDirExists(t, again)
	_, err = backup.Restore(t.Context(), backup.Restoration{From: to, Data: again, KeysFrom: keys})
	require.NoError(t, err)
	assert.Contains(t, files(t, again), "keys/issuer.jwk")
	_, err = backup.Restore(t.Context(), backup.Restoration{From: to, Data: again + "2", NewKeys: true})
	require.NoError(t, err)
	assert.NotContains(t, files(t, again+"2"), "keys/issuer.jwk")
}

func TestOnlyTheJournalComesBackIntoAFolderThatLacksIt(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "b")
	mustMake(t, data, to, "")
	db := open(t, filepath.Join(data, "state/cart.db"))
	_, err := db.Exec(`UPDATE t SET n = 9`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	r := backup.Restoration{From: to, Data: data, JournalOnly: true}
	_, err = backup.Restore(t.Context(), r)
	require.ErrorContains(t, err, "mv "+filepath.Join(data, "journal"))
	require.NoError(t, os.Rename(filepath.Join(data, "journal"), filepath.Join(data, "journal.old")))
	_, err = backup.Restore(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, 0, number(t, filepath.Join(data, "journal/acme.db")))
	assert.Equal(t, 9, number(t, filepath.Join(data, "state/cart.db")), "the rest is left alone")
}

func TestNothingIsWrittenOver(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "b")
	mustMake(t, data, to, "")
	_, err := backup.Make(t.Context(), backup.Request{Data: data, To: to, Now: time.Now})
	require.ErrorContains(t, err, "never written over")
	_, err = backup.Make(t.Context(), backup.Request{Data: data, To: to + "2", KeysTo: to, Now: time.Now})
	require.ErrorContains(t, err, "never written over")
	assert.NoDirExists(t, to+"2")
	_, err = backup.Restore(t.Context(), backup.Restoration{From: to, Data: data})
	require.ErrorContains(t, err, "is not empty")
}

func TestABackupThatIsNotWholeIsRefused(t *testing.T) {
	spoilt := map[string]struct {
		spoil func(t *testing.T, to string)
		says  string
	}{
		"a bit is flipped": {func(t *testing.T, to string) {
			path := filepath.Join(to, "journal/acme.db")
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			raw[len(raw)/2] ^= 1
			require.NoError(t, os.WriteFile(path, raw, 0o600))
		}, "journal/acme.db was changed"},
		"a file is cut short": {func(t *testing.T, to string) {
			require.NoError(t, os.Truncate(filepath.Join(to, "state/cart.db"), 100))
		}, "state/cart.db was changed"},
		"a file is gone": {func(t *testing.T, to string) {
			require.NoError(t, os.Remove(filepath.Join(to, "journal/_platform.db")))
		}, "journal/_platform.db is missing"},
		"no manifest": {func(t *testing.T, to string) {
			require.NoError(t, os.Remove(filepath.Join(to, "manifest.json")))
		}, "is no backup"},
		"half a manifest": {func(t *testing.T, to string) {
			require.NoError(t, os.WriteFile(filepath.Join(to, "manifest.json"), []byte(`{"for`), 0o600))
		}, "is damaged"},
		"made by a newer program": {func(t *testing.T, to string) {
			require.NoError(t, os.WriteFile(filepath.Join(to, "manifest.json"), []byte(`{"format":2}`), 0o600))
		}, "has format 2"},
		"a path that leads outside": {func(t *testing.T, to string) {
			require.NoError(t, os.WriteFile(filepath.Join(to, "manifest.json"), []byte(`{"format":1,"files":[{"path":"../x"}]}`), 0o600))
		}, "is damaged"},
	}
	for name, test := range spoilt {
		t.Run(name, func(t *testing.T) {
			data, to, again := dataFolder(t), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "again")
			mustMake(t, data, to, "")
			_, err := backup.Check(t.Context(), backup.Restoration{From: to})
			require.NoError(t, err)
			test.spoil(t, to)
			_, err = backup.Check(t.Context(), backup.Restoration{From: to})
			require.ErrorContains(t, err, test.says)
			_, err = backup.Restore(t.Context(), backup.Restoration{From: to, Data: again})
			require.ErrorContains(t, err, test.says)
			left, err := os.ReadDir(filepath.Dir(again))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func TestADamagedDatabaseMakesNoBackup(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "b")
	path := filepath.Join(data, "journal/acme.db")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(raw[4096:], strings.Repeat("\xff", 64)) // the page of the table
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	_, err = backup.Make(t.Context(), backup.Request{Data: data, To: to, Now: time.Now})
	require.ErrorContains(t, err, "journal/acme.db")
	left, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	assert.Empty(t, left, "half a backup is none")
}

func TestAnotherFolderIsNoDataFolder(t *testing.T) {
	_, err := backup.Make(t.Context(), backup.Request{Data: t.TempDir(), To: filepath.Join(t.TempDir(), "b"), Now: time.Now})
	require.ErrorContains(t, err, "is no data folder")
}

func TestAnInterruptedBackupLeavesNothing(t *testing.T) {
	data, to := dataFolder(t), filepath.Join(t.TempDir(), "b")
	ctx, stop := context.WithCancel(t.Context())
	_, err := backup.Make(ctx, backup.Request{Data: data, To: to, Now: time.Now, Told: func(backup.File, int, int) { stop() }})
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	assert.Empty(t, left)
}
