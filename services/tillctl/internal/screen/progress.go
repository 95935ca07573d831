package screen

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
)

// Progress shows how far something long is, and how long it will still take, on one line that is
// written over and over. Where nobody watches it is silent.
type Progress struct {
	out   io.Writer
	clock clockwork.Clock
	noun  string
	total uint64
	first uint64 // where it began: what was there before tells nothing of the speed
	start time.Time
	shown time.Time
	width int
}

// NewProgress begins at done of total, which is 0 when nobody knows it. Without out nothing is shown.
func NewProgress(out io.Writer, clock clockwork.Clock, noun string, done, total uint64) *Progress {
	return &Progress{out: out, clock: clock, noun: noun, total: total, first: done, start: clock.Now()}
}

// progressEvery is how often the line is written.
const progressEvery = 200 * time.Millisecond

// At says how much is done.
func (p *Progress) At(done uint64) {
	now := p.clock.Now()
	if p.out == nil || now.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = now
	line := fmt.Sprintf("%d %s", done, p.noun)
	if p.total > 0 {
		line = fmt.Sprintf("%d of %d %s, %d %%", done, p.total, p.noun, percent(done, p.total))
	}
	if took := now.Sub(p.start); done > p.first && took > time.Second {
		each := float64(took) / float64(done-p.first)
		line += fmt.Sprintf(", %.0f a second", float64(time.Second)/each)
		if left := time.Duration(each * float64(p.total-min(done, p.total))); p.total > 0 {
			line += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
	}
	p.write(line)
}

func percent(done, total uint64) uint64 { return min(100, done*100/total) }

func (p *Progress) write(line string) {
	fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line))))
	p.width = len(line)
}

// End removes the line.
func (p *Progress) End() {
	if p.out != nil && p.width > 0 {
		p.write("")
		fmt.Fprint(p.out, "\r")
	}
}
