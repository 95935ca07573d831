package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const journalFolder = "journal"

// Restoration says what Restore is to do.
type Restoration struct {
	From        string // the backup
	Data        string // the data folder
	KeysFrom    string // the keys, when they were kept apart
	NewKeys     bool   // leave the keys out: the next start makes new ones
	JournalOnly bool   // put only the journal back, into a data folder that lacks it
	Told        func(f File, done, all int)
}

// Check proves that everything that r needs is there and as it was written, and changes nothing.
func Check(ctx context.Context, r Restoration) (Manifest, error) {
	m, err := Read(r.From)
	if err != nil {
		return m, err
	}
	var errs []error
	for i, f := range r.wanted(m) {
		size, hash, err := measure(ctx, r.source(m, f))
		switch {
		case ctx.Err() != nil:
			return m, ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("%s is missing from the backup", f.Path))
		case err != nil:
			errs = append(errs, err)
		case size != f.Bytes || hash != f.SHA256:
			errs = append(errs, fmt.Errorf("%s was changed since the backup was made", f.Path))
		}
		if r.Told != nil {
			r.Told(f, i+1, len(r.wanted(m)))
		}
	}
	if len(errs) > 0 {
		return m, fmt.Errorf("the backup in %s cannot be used; take another:\n  %w", r.From, errors.Join(errs...))
	}
	return m, nil
}

// Restore puts a backup back. It checks everything first, never writes over anything, and what fails
// leaves nothing behind: the folder gets its name at the end.
func Restore(ctx context.Context, r Restoration) (Manifest, error) {
	m, err := Read(r.From)
	if err != nil {
		return m, err
	}
	if err := r.allowed(m); err != nil {
		return m, err
	}
	if m, err = Check(ctx, r); err != nil {
		return m, err
	}
	target, strip := r.Data, ""
	if r.JournalOnly {
		target, strip = filepath.Join(r.Data, journalFolder), journalFolder+"/"
		unlock, err := lock(filepath.Join(r.Data, "lock"))
		if err != nil {
			return m, err
		}
		defer unlock()
	}
	unfinished, err := makeUnfinished(target)
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(unfinished)
	for _, f := range r.wanted(m) {
		to, err := place(unfinished, strings.TrimPrefix(f.Path, strip))
		if err != nil {
			return m, err
		}
		_, hash, err := copyFile(ctx, r.source(m, f), to)
		if err == nil && hash != f.SHA256 {
			err = fmt.Errorf("%s changed while it was copied", f.Path)
		}
		if err != nil {
			return m, err
		}
	}
	if !r.JournalOnly { // an empty folder may be there
		if err := os.Remove(r.Data); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m, err
		}
	}
	return m, finish(unfinished, target)
}

// allowed refuses what would write over something, or would leave a stack without keys.
func (r Restoration) allowed(m Manifest) error {
	if r.JournalOnly {
		if len(m.Tenants()) == 0 {
			return fmt.Errorf("the backup in %s holds no journal: one that is kept in MongoDB is restored with mongorestore", r.From)
		}
		if info, err := os.Stat(filepath.Join(r.Data, "state")); err != nil || !info.IsDir() {
			return fmt.Errorf("%s is no data folder of a local stack: it has no folder state (name the right one with --data)", r.Data)
		}
		journal := filepath.Join(r.Data, journalFolder)
		return mustBeAway(journal, fmt.Sprintf("stop the stack and move it away first: mv %s %s.old", journal, journal))
	}
	entries, err := os.ReadDir(r.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: stop the stack and move it away first (mv %[1]s %[1]s.old), or name another folder with --data", r.Data)
	}
	if m.KeysApart && r.KeysFrom == "" && !r.NewKeys {
		return errors.New("the keys of this backup are kept apart: name their folder with --keys-from, or have new ones made with --new-keys (tokens of users then have to be issued anew)")
	}
	return nil
}

// wanted are the files that are put back.
func (r Restoration) wanted(m Manifest) (files []File) {
	for _, f := range m.Files {
		switch {
		case r.JournalOnly && !strings.HasPrefix(f.Path, journalFolder+"/"):
		case f.Kind == Key && r.NewKeys:
		default:
			files = append(files, f)
		}
	}
	return files
}

// source is where a file of the backup is.
func (r Restoration) source(m Manifest, f File) string {
	folder := r.From
	if f.Kind == Key && m.KeysApart {
		folder = r.KeysFrom
	}
	return filepath.Join(folder, filepath.FromSlash(f.Path))
}
