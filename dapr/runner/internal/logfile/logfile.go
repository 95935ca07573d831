// Package logfile keeps what the processes print, one file a process, and reads
// the files back merged by time.
//
// The files hold the raw output, byte by byte; to make it readable is logline's.
package logfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

const (
	suffix = ".log"
	// before is added to the file of the run before.
	before = ".1"
	// lastLines is how much is kept in memory, to be shown when a process fails.
	lastLines = 15
	// longest is where a line without an end is cut.
	longest = 1 << 20
)

// Path is where the log of a process is.
func Path(dir, name string) string { return filepath.Join(dir, name+suffix) }

// Writer takes the output of one process: raw into its file, and line by line to
// whoever wants to show it.
type Writer struct {
	file *os.File
	show func(line []byte)

	mu   sync.Mutex
	rest []byte
	last [][]byte
}

// Create begins a new log; the one of the run before is kept beside it.
func Create(dir, name string, show func(line []byte)) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := Path(dir, name)
	if err := os.Rename(path, path+before); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log of %s cannot be written: %w", name, err)
	}
	return &Writer{file: file, show: show}, nil
}

// Write never fails: a full disk must not stop the process that logs.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.file.Write(p)
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			break
		}
		w.line(w.rest[:end])
		w.rest = w.rest[end+1:]
	}
	if len(w.rest) > longest {
		w.line(w.rest)
		w.rest = nil
	}
	return len(p), nil
}

func (w *Writer) line(line []byte) {
	line = bytes.Clone(bytes.TrimRight(line, "\r"))
	if len(w.last) == lastLines {
		w.last = w.last[1:]
	}
	w.last = append(w.last, line)
	if w.show != nil {
		w.show(line)
	}
}

// Last returns the last lines.
func (w *Writer) Last() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := append([][]byte{}, w.last...)
	if len(w.rest) > 0 {
		last = append(last, bytes.Clone(w.rest))
	}
	return last
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }
