package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// Format and version of what is written down about an export of entries.
const (
	jobFormat  = "tillroll-entries"
	jobVersion = 1
)

// saveEvery is how often an export writes down how far it is.
const saveEvery = time.Second

// exportJob is what an export of entries is of, and how far it has come. It stands in a file beside the
// export: to go on by, and afterwards to tell which checkpoint the export was made as of.
type exportJob struct {
	Format     string            `json:"export"`
	Version    int               `json:"version"`
	Form       string            `json:"form"`
	TenantID   string            `json:"tenantId"`
	Filters    map[string]string `json:"filters"`
	Headers    string            `json:"headers"`
	Checkpoint string            `json:"checkpoint"`
	Next       uint64            `json:"next"`  // events that were looked at
	Rows       uint64            `json:"rows"`  // entries of them that were taken
	Bytes      int64             `json:"bytes"` // of the file, that belong to them

	path   string
	signed proof.Checkpoint
	source *client.Journals
	saved  time.Time
}

// job reads what was begun at path, or begins.
func (v exportVerb) job(ctx context.Context, w World, journals *client.Journals, path string) (*exportJob, error) {
	wanted := exportJob{Format: jobFormat, Version: jobVersion, Form: v.Format, TenantID: v.tenant(), Filters: map[string]string{}, Headers: v.Headers}
	for name := range v.filters() {
		wanted.Filters[name] = v.filters().Get(name)
	}
	keys, err := trust{Key: v.Key}.keys(ctx, journals)
	if err != nil {
		return nil, err
	}
	job, err := readJob(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c, err := journals.Checkpoint(ctx, v.tenant())
		if err != nil {
			return nil, err
		}
		job, wanted.Checkpoint = &wanted, c.Value.Note
	case err != nil:
		return nil, err
	case !job.like(&wanted):
		return nil, fmt.Errorf("%s is of another export (tenant, form, filters or headings differ): name another file: %w", path, fs.ErrExist)
	case job.Next > 0:
		fmt.Fprintf(w.Err, "%s is there to event %d: going on there.\n", v.File, job.Next)
	}
	job.path, job.source, job.saved = path, journals, w.Clock.Now()
	if job.signed, err = keys.Open(job.Checkpoint); err == nil && job.signed.Tenant != v.tenant() {
		err = fmt.Errorf("the checkpoint is of the tenant %q", job.signed.Tenant)
	}
	return job, err
}

func readJob(path string) (*exportJob, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	job := &exportJob{}
	if err := json.Unmarshal(raw, job); err != nil || job.Format != jobFormat {
		return nil, fmt.Errorf("%s is there already and tells of no export: name another file: %w", path, fs.ErrExist)
	}
	return job, nil
}

// like tells whether both are the same export, however far.
func (j *exportJob) like(other *exportJob) bool {
	same := func(j *exportJob) string {
		text, _ := json.Marshal([]any{j.Version, j.Form, j.TenantID, j.Filters, j.Headers}) // plain values
		return string(text)
	}
	return same(j) == same(other)
}

// save writes down how far the export has come. What it counts must be on disk before.
func (j *exportJob) save() error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(j.path, func(file *os.File) error {
		_, err := file.Write(append(text, '\n'))
		return err
	})
}

// page gives the next entries and where the page after them begins. It gives none whose proof does not
// hold.
func (j *exportJob) page(ctx context.Context) (entries []proof.Line, next uint64, err error) {
	raw, err := j.source.Entries(ctx, j.TenantID, j.signed.Size, j.Next, j.filters())
	if err != nil {
		return nil, 0, fmt.Errorf("%w\n  type the same again to go on", err)
	}
	body, last, whole := cutLast(raw)
	var end proof.SelectionEnd
	if err := json.Unmarshal(last, &end); !whole || err != nil || end.Next <= j.Next || end.Next > j.signed.Size {
		return nil, 0, errors.New("the journal's answer has no proper end: type the same again to go on")
	}
	at := j.Next
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		l, err := proof.ParseLine(line)
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("an entry behind event %d cannot be read: %w", at, err)
		case l.Index < at || l.Index >= end.Next || l.Entry == nil:
			return nil, 0, fmt.Errorf("event %d does not belong there: verify the journal", l.Index)
		}
		if problem := l.Check(&j.signed); problem != "" {
			return nil, 0, fmt.Errorf("event %d (%s) is not what the journal signed: %s\n  verify the journal", l.Index, l.EventID, problem)
		}
		at = l.Index + 1
		entries = append(entries, l)
	}
	return entries, end.Next, nil
}

func (j *exportJob) filters() map[string][]string {
	values := map[string][]string{}
	for name, value := range j.Filters {
		values[name] = []string{value}
	}
	return values
}

// cutLast takes the last line from the others; whole tells that it has an end.
func cutLast(lines []byte) (before, last []byte, whole bool) {
	lines, whole = bytes.CutSuffix(lines, []byte("\n"))
	i := bytes.LastIndexByte(lines, '\n') + 1
	return lines[:i], lines[i:], whole
}

// writeWhole writes a file that is there as a whole or not at all, whenever the machine stops.
func writeWhole(path string, write func(*os.File) error) error {
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(part)
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	_ = folder.Sync() // not every system can
	return nil
}
