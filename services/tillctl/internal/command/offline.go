package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// longestLine of an export; an event is far smaller.
const longestLine = 64 << 20

// offline checks an export with nothing but the public key.
func (v verifyVerb) offline(ctx context.Context, w World) error {
	keys, err := v.keys(ctx, nil)
	if err != nil {
		return err
	}
	notes, err := v.notes()
	if err != nil {
		return err
	}
	receipts, err := v.receipts()
	if err != nil {
		return err
	}
	file, err := os.Open(v.Offline)
	if err != nil {
		return err
	}
	defer file.Close()
	if isSegment(file) {
		return v.offlineSegment(ctx, w, keys, notes, receipts)
	}
	lines := newLines(file)
	header, err := lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", v.Offline, err)
	}
	check, err := proof.NewCheck(keys, header, notes)
	if err != nil {
		return fmt.Errorf("%s: %w", v.Offline, err)
	}
	for _, r := range receipts {
		check.Expect(r.size, r.root)
	}
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "events", 0, check.Header().Events)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v.Offline, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !check.Add(line) {
			break
		}
		done, _ := check.Counts()
		progress.At(done)
	}
	progress.End()
	return v.tell(w, check)
}

// offlineAnswer is what is printed as JSON.
type offlineAnswer struct {
	TenantID   string        `json:"tenantId"`
	Holds      bool          `json:"holds"`
	Events     uint64        `json:"events"`
	Entries    uint64        `json:"entries"`
	Checkpoint string        `json:"checkpoint"`
	FirstBad   *offlineFault `json:"firstBad"`
}

type offlineFault struct {
	Index     uint64 `json:"index"`
	LastIndex uint64 `json:"lastIndex"`
	EventID   string `json:"eventId,omitempty"`
	StreamID  string `json:"streamId,omitempty"`
	ChainSeq  uint64 `json:"chainSeq,omitempty"`
	Problem   string `json:"problem"`
}

func (v verifyVerb) tell(w World, check *proof.Check) error {
	bad := check.Report()
	signed := check.Checkpoint()
	events, entries := check.Counts()
	answer := offlineAnswer{TenantID: signed.Tenant, Holds: bad == nil, Events: events, Entries: entries, Checkpoint: signed.Note}
	if bad != nil {
		answer.FirstBad = &offlineFault{bad.Index, bad.Last, bad.EventID, bad.Stream, bad.Seq, bad.Problem}
	}
	err := v.print(w, answer, func() {
		if bad != nil {
			fmt.Fprintln(w.Out, "WRONG  "+screen.Plain(bad.String()))
			return
		}
		fmt.Fprintf(w.Out, "Nothing was changed: %d events of %s, %d of them journal entries, are what the journal had on %s (checkpoint %s).\n",
			events, signed.Tenant, entries, moment(signed.Time), signed.Short())
		if kept := len(v.Checkpoint) + len(v.Receipt); kept == 0 {
			fmt.Fprintln(w.Out, "A checkpoint that was kept elsewhere would prove as well that the journal itself was not written anew: --checkpoint, --receipt.")
		}
	})
	if err == nil && bad != nil {
		err = errFound
	}
	return err
}

// lines reads a file of lines, each however long.
type lines struct {
	in   *bufio.Reader
	long []byte
}

func newLines(r io.Reader) *lines { return &lines{in: bufio.NewReaderSize(r, 1<<20)} }

// next gives a line without its end, until the next call. An empty line at the end is none.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if l.long = append(l.long, part...); len(l.long) > longestLine {
				return nil, errors.New("a line is longer than any event: this is no export of a journal")
			}
			continue
		case errors.Is(err, io.EOF) && len(part)+len(l.long) > 0, err == nil:
		default:
			return nil, err
		}
		if len(l.long) > 0 {
			part = append(l.long, part...)
			l.long = part
		}
		return bytes.TrimRight(part, "\r\n"), nil
	}
}

// watchedErr is where progress is shown: nowhere unless somebody watches.
func (w World) watchedErr() io.Writer {
	if !w.ErrWatched {
		return nil
	}
	return w.Err
}
