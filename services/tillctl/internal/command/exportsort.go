package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/tillctl/internal/paper"
)

// sorter keeps entries in a file for each store, day and terminal, in the order of the log.
//
// After a crash an export asks again for entries that were taken already. They come in the same order, so
// in every file what comes again is what it ends with: it is told by its index when the file is read, and
// passed over.
type sorter struct {
	dir     string
	touched map[string]bool // since they were last synced
}

// open makes the folder, and cuts off what was half written.
func (s *sorter) open() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	names, err := s.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		_, err = cutToWholeLines(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *sorter) names() ([]string, error) {
	found, err := os.ReadDir(s.dir) // sorted
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.Name()
	}
	return names, err
}

// add appends entries to their files.
func (s *sorter) add(entries []proof.Line) error {
	files := map[string]*bytes.Buffer{}
	for i := range entries {
		row, err := sheet.RowOf(&entries[i])
		if err != nil {
			return err
		}
		name, err := dayOf(row)
		if err != nil {
			return err
		}
		if files[name] == nil {
			files[name] = &bytes.Buffer{}
		}
		// What proves the entry was checked: here it would only take room.
		l := entries[i]
		l.Content, l.Inclusion = nil, nil
		files[name].Write(append(proof.AppendLine(nil, &l), '\n'))
	}
	for name, lines := range files {
		file, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		_, err = file.Write(lines.Bytes())
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
		s.touched[name] = true
	}
	return nil
}

// sync brings everything to the disk.
func (s *sorter) sync() error {
	for name := range s.touched {
		file, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		err = file.Sync()
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	clear(s.touched)
	return syncFolder(s.dir)
}

// storeDay is a business date of a store: its files, by terminal.
type storeDay struct {
	store, date string
	files       []string
}

// days are all of them, by store and date.
func (s *sorter) days() ([]*storeDay, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var days []*storeDay
	for _, name := range names {
		parts := strings.Split(name, ".")
		if len(parts) != 3 {
			continue // not ours
		}
		if n := len(days); n == 0 || days[n-1].store != parts[0] || days[n-1].date != parts[1] {
			days = append(days, &storeDay{store: parts[0], date: parts[1]})
		}
		last := days[len(days)-1]
		last.files = append(last.files, filepath.Join(s.dir, name))
	}
	slices.SortFunc(days, func(a, b *storeDay) int {
		if a.store != b.store {
			return strings.Compare(a.store, b.store)
		}
		return strings.Compare(a.date, b.date)
	})
	return days, nil
}

// count of the entries.
func (d *storeDay) count() (n int, err error) {
	err = d.each(func(*proof.Line) error {
		n++
		return nil
	})
	return n, err
}

// chunks gives the receipts, in as many as stand in one document.
func (d *storeDay) chunks(visit func([]paper.Slip) error) error {
	var slips []paper.Slip
	flush := func() error {
		if len(slips) == 0 {
			return nil
		}
		err := visit(slips)
		slips = nil
		return err
	}
	err := d.each(func(l *proof.Line) error {
		row, err := sheet.RowOf(l)
		if err != nil {
			return err
		}
		if slips = append(slips, paper.SlipOf(row)); len(slips) == slipsPerDocument {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// each reads every entry once.
func (d *storeDay) each(visit func(*proof.Line) error) error {
	for _, path := range d.files {
		if err := eachLine(path, visit); err != nil {
			return err
		}
	}
	return nil
}

func eachLine(path string, visit func(*proof.Line) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	next := uint64(0)
	for in := newLines(file); ; {
		raw, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l, err := proof.ParseLine(raw)
		if err != nil {
			return err
		}
		if l.Index < next {
			continue // taken again after a crash
		}
		next = l.Index + 1
		if err := visit(&l); err != nil {
			return err
		}
	}
}

func safeCode(code string) bool { return identity.ValidCode(code) }

func safeDate(date string) bool {
	_, err := time.Parse("20060102", date)
	return err == nil
}
