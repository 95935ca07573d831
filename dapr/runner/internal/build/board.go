package build

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// screenEvery keeps the clock on the screen running.
	screenEvery = 200 * time.Millisecond
	// plainEvery is how often a log is told that something still goes on.
	plainEvery = 10 * time.Second
)

// Screen is the terminal that is written to; a zero Width means that it is none.
type Screen struct{ Width int }

// board shows what is done for every target: on a terminal one line each that is
// written over, elsewhere a plain line now and then.
type board struct {
	out    io.Writer
	screen Screen
	stop   chan struct{}
	ended  chan struct{}

	mu      sync.Mutex
	rows    []*row
	drawn   int
	columns int
}

type row struct {
	name    string
	text    string
	began   time.Time // zero while it waits
	settled bool
}

func newBoard(out io.Writer, screen Screen, work []job) *board {
	b := &board{out: out, screen: screen, stop: make(chan struct{}), ended: make(chan struct{})}
	for _, j := range work {
		b.rows = append(b.rows, &row{name: j.Name, text: "waiting"})
		b.columns = max(b.columns, len(j.Name))
	}
	go b.refresh()
	return b
}

// say replaces what is shown for a target.
func (b *board) say(name, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.row(name)
	r.text = text
	if r.began.IsZero() {
		r.began = time.Now()
	}
}

// done says the last word about a target.
func (b *board) done(name, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.row(name)
	r.text, r.settled = text, true
	if b.screen.Width == 0 {
		fmt.Fprintln(b.out, b.line(r))
	}
}

func (b *board) row(name string) *row {
	for _, r := range b.rows {
		if r.name == name {
			return r
		}
	}
	panic("no such target: " + name) // only names from newBoard are ever passed
}

// close leaves the last state on the screen.
func (b *board) close() {
	close(b.stop)
	<-b.ended
}

func (b *board) refresh() {
	defer close(b.ended)
	every := plainEvery
	if b.screen.Width > 0 {
		every = screenEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.show()
		case <-b.stop:
			if b.screen.Width > 0 {
				b.show()
			}
			return
		}
	}
}

func (b *board) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.screen.Width > 0 {
		b.redraw()
		return
	}
	for _, r := range b.rows {
		if !r.settled && !r.began.IsZero() {
			fmt.Fprintln(b.out, b.line(r))
		}
	}
}

// redraw writes all lines over the ones before. They are cut to the width of the
// screen, since one that wraps would be two to go up.
func (b *board) redraw() {
	var frame strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA", b.drawn)
	}
	for _, r := range b.rows {
		line := []rune(b.line(r))
		fmt.Fprintf(&frame, "\x1b[2K%s\n", string(line[:min(len(line), b.screen.Width-1)]))
	}
	b.drawn = len(b.rows)
	_, _ = io.WriteString(b.out, frame.String())
}

func (b *board) line(r *row) string {
	line := fmt.Sprintf("  %-*s  %s", b.columns, r.name, r.text)
	if !r.settled && !r.began.IsZero() {
		line += "  (" + time.Since(r.began).Round(time.Second).String() + ")"
	}
	return line
}
