// Package backup copies the data folder of a local stack, running or stopped, and puts a copy back.
//
// A copy is what a power cut at one instant would have left: for some milliseconds every database is
// kept from being written, a view of each is opened, and the views are copied while the stack works
// on. So journal and outboxes fit each other, and a restored stack goes on as after a power cut: what
// the journal has not confirmed is published again. The broker's folder is left out for that reason;
// so are logs and what the runner notes for itself.
//
// The package knows files and SQLite. It does not know what is in the databases.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// leftOut are the entries of a data folder that a stack makes anew, or fills again.
var leftOut = []string{"broker", "logs", "env", "run.json", "lock", "names.db"}

// keyFolders hold what nobody else may see. They may be kept apart from the rest.
var keyFolders = []string{"keys", "secrets"}

// Modes of what is written: sales and keys are nobody else's.
const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// Request says what Make is to do.
type Request struct {
	Data   string // the data folder
	To     string // the folder that it makes; it must not be there yet
	KeysTo string // where the keys go instead; "": into the backup
	Now    func() time.Time
	Told   func(f File, done, all int) // called after each file; may be nil
}

// Make makes a backup. What fails leaves nothing behind that looks like one: the folder gets its name
// at the end.
func Make(ctx context.Context, r Request) (Manifest, error) {
	found, err := survey(r.Data)
	if err != nil {
		return Manifest{}, err
	}
	for _, folder := range []string{r.To, r.KeysTo} {
		if folder == "" {
			continue
		}
		if err := mustBeAway(folder, "name another folder: a backup is never written over"); err != nil {
			return Manifest{}, err
		}
	}
	unfinished, err := makeUnfinished(r.To)
	if err != nil {
		return Manifest{}, err
	}
	defer os.RemoveAll(unfinished)
	keys := unfinished
	if r.KeysTo != "" {
		if keys, err = makeUnfinished(r.KeysTo); err != nil {
			return Manifest{}, err
		}
		defer os.RemoveAll(keys)
	}
	m, err := copyAll(ctx, r, found, unfinished, keys)
	if err != nil {
		return Manifest{}, err
	}
	if keys != unfinished {
		if err := finish(keys, r.KeysTo); err != nil {
			return Manifest{}, err
		}
	}
	return m, finish(unfinished, r.To)
}

func copyAll(ctx context.Context, r Request, found inventory, to, keys string) (m Manifest, err error) {
	views, err := cut(ctx, r.Data, found.databases)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, views.close()) }()
	m = Manifest{Format: format, MadeAt: r.Now().UTC(), KeysApart: keys != to}
	all := len(found.databases) + len(found.files)
	add := func(f File, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		m.Files = append(m.Files, f)
		if r.Told != nil {
			r.Told(f, len(m.Files), all)
		}
		return nil
	}
	for _, v := range views {
		f := File{Path: v.path, Kind: Database}
		target, err := place(to, v.path)
		if err == nil {
			f.Schema, err = v.copyTo(ctx, target)
		}
		if err == nil {
			f.Bytes, f.SHA256, err = measure(ctx, target)
		}
		if err := add(f, err); err != nil {
			return m, err
		}
	}
	// Files are copied after the views were taken. They are written once and never changed, so what a
	// view speaks of is there.
	for _, path := range found.files {
		f, folder := File{Path: path, Kind: Plain}, to
		if isKey(path) {
			f.Kind, folder = Key, keys
		}
		target, err := place(folder, path)
		if err == nil {
			f.Bytes, f.SHA256, err = copyFile(ctx, filepath.Join(r.Data, path), target)
		}
		if err := add(f, err); err != nil {
			return m, err
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return m, m.write(to)
}

// inventory is what of a data folder is kept: paths relative to it, with slashes.
type inventory struct{ databases, files []string }

func survey(data string) (found inventory, err error) {
	if info, err := os.Stat(filepath.Join(data, "state")); err != nil || !info.IsDir() {
		return found, fmt.Errorf("%s is no data folder of a local stack: it has no folder state (name the right one with --data)", data)
	}
	err = filepath.WalkDir(data, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err := filepath.Rel(data, name)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		switch {
		case slices.Contains(leftOut, path):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case entry.IsDir():
		case isBeside(entry.Name()), strings.HasPrefix(path, "names.db"):
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is no plain file: a backup would not hold what it stands for", path)
		case strings.HasSuffix(path, ".db"):
			found.databases = append(found.databases, path)
		default:
			found.files = append(found.files, path)
		}
		return nil
	})
	return found, err
}

// isBeside tells files that belong to a running process or to the database whose name they begin with.
func isBeside(name string) bool {
	for _, suffix := range []string{"-wal", "-shm", "-journal", ".new"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	// Segments of the archive get their names when they are whole.
	return name == "lock" || strings.HasPrefix(name, ".tmp-")
}

func isKey(path string) bool {
	folder, _, _ := strings.Cut(path, "/")
	return slices.Contains(keyFolders, folder)
}

// mustBeAway fails when there is something.
func mustBeAway(path, remedy string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s is there already: %s", path, remedy)
}

// makeUnfinished makes a folder beside path, which takes its name when it is complete.
func makeUnfinished(path string) (string, error) {
	parent := filepath.Dir(filepath.Clean(path))
	if err := os.MkdirAll(parent, folderMode); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, "."+filepath.Base(path)+".unfinished-")
}

// finish gives a complete folder its name, for good.
func finish(unfinished, path string) error {
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(path)))
}

// place is where path stands below folder, whose parents it makes.
func place(folder, path string) (string, error) {
	target := filepath.Join(folder, filepath.FromSlash(path))
	return target, os.MkdirAll(filepath.Dir(target), folderMode)
}

// copyFile copies one file, for its owner only, and gives its size and hash.
func copyFile(ctx context.Context, from, to string) (size int64, hash string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return 0, "", err
	}
	size, hash, err = digest(ctx, io.TeeReader(in, out))
	return size, hash, errors.Join(err, out.Sync(), out.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
