package logfile

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/logline"
)

// Entry is one line of one process's log.
type Entry struct {
	Name   string
	Record logline.Record
}

// Names lists the processes that have a log.
func Names(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(path), suffix)
	}
	slices.Sort(names) // an app before its sidecar
	return names
}

// Tail follows the logs of some processes.
type Tail struct {
	dir   string
	files map[string]*position
	names []string
}

type position struct {
	read int64
	info os.FileInfo
}

// NewTail reads the logs of the named processes from their beginning.
func NewTail(dir string, names []string) *Tail {
	t := &Tail{dir: dir, names: names, files: map[string]*position{}}
	for _, name := range names {
		t.files[name] = &position{}
	}
	return t
}

// Next returns what was logged since the last call, in the order of time. A line
// without a time, such as one of a stack trace, stays behind the one before it.
func (t *Tail) Next() ([]Entry, error) {
	var all []Entry
	for _, name := range t.names {
		entries, err := t.nextOf(name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return a.Record.Time.Compare(b.Record.Time) })
	return all, nil
}

func (t *Tail) nextOf(name string) ([]Entry, error) {
	file, err := os.Open(Path(t.dir, name))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	at := t.files[name]
	if err := at.rewindIfNew(file); err != nil {
		return nil, err
	}
	if _, err := file.Seek(at.read, io.SeekStart); err != nil {
		return nil, err
	}
	return at.entries(name, bufio.NewReader(file)), nil
}

// rewindIfNew begins anew when a new run has begun a new file.
func (p *position) rewindIfNew(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if p.info != nil && (!os.SameFile(p.info, info) || info.Size() < p.read) {
		p.read = 0
	}
	p.info = info
	return nil
}

// entries reads whole lines; half a line is left for the next time.
func (p *position) entries(name string, from *bufio.Reader) []Entry {
	var entries []Entry
	var last time.Time
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			dateBeginning(entries)
			return entries
		}
		p.read += int64(len(line))
		record := logline.Parse(bytes.TrimRight(line, "\r\n"))
		if record.Time.IsZero() {
			record.Time = last
		}
		last = record.Time
		entries = append(entries, Entry{Name: name, Record: record})
	}
}

// dateBeginning gives the lines at the beginning that have no time, such as those
// of a library before its logger is set up, the first time that is known.
func dateBeginning(entries []Entry) {
	known := slices.IndexFunc(entries, func(e Entry) bool { return !e.Record.Time.IsZero() })
	for i := range max(known, 0) {
		entries[i].Record.Time = entries[known].Record.Time
	}
}

// pollEvery is how often a followed log is looked at.
const pollEvery = 200 * time.Millisecond

// Follow gives every new entry to show until the context ends.
func (t *Tail) Follow(ctx context.Context, show func([]Entry)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		entries, err := t.Next()
		if err != nil {
			return err
		}
		show(entries)
	}
}
