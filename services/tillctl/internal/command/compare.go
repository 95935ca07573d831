package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// compareVerb holds a journal that runs against an export.
type compareVerb struct {
	access
	output
	Key    string `placeholder:"FILE" help:"Public key of the journal, as 'tillctl public-key' printed it (default: the one that the journal gives)."`
	Export string `arg:"" help:"The export, as JSON lines."`
}

func (compareVerb) Help() string {
	return `Reads an export and asks the journal for the same again: whether it still has every event of it as it was, and whether its
newest checkpoint continues that of the export. So an export that was put away, or a journal that was rebuilt or restored,
is held against what runs now; the first event that differs is named.

    tillctl compare acme.jsonl --key journal.key

Exit code 3 says that they differ.`
}

// comparison is what was found.
type comparison struct {
	TenantID   string        `json:"tenantId"`
	Same       bool          `json:"same"`
	Events     uint64        `json:"events"`
	Checkpoint string        `json:"checkpoint"`
	Newest     string        `json:"newestCheckpoint"`
	FirstBad   *offlineFault `json:"firstDifference"`
}

// Run the verb.
func (v compareVerb) Run(ctx context.Context, w World, data dataFolder) error {
	file, err := os.Open(v.Export)
	if err != nil {
		return err
	}
	defer file.Close()
	in := newLines(file)
	first, err := in.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	first = bytes.Clone(first)
	whose, err := readHeader(first)
	if err != nil {
		return fmt.Errorf("%s: %w", v.Export, err)
	}
	of := ofTenant{code(whose.TenantID)}
	stack, err := v.connect(w, data, of.auditor())
	if err != nil {
		return err
	}
	keys, err := trust{Key: v.Key}.keys(ctx, &stack.Journals)
	if err != nil {
		return err
	}
	check, err := proof.NewCheck(keys, first, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", v.Export, err)
	}
	live := &liveLines{journals: &stack.Journals, signed: check.Checkpoint()}
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "events", 0, whose.Events)
	bad, err := compareLines(ctx, check, in, live, progress)
	progress.End()
	if err != nil {
		return err
	}
	signed := check.Checkpoint()
	events, _ := check.Counts()
	found := comparison{TenantID: signed.Tenant, Same: bad == nil, Events: events, Checkpoint: signed.Note, FirstBad: bad}
	if bad == nil {
		if err := found.continued(ctx, &stack.Journals, keys, signed); err != nil {
			return err
		}
	}
	return found.tell(v, w, signed)
}

// compareLines reads both to the end, or to the first difference.
func compareLines(ctx context.Context, check *proof.Check, in *lines, live *liveLines, progress *screen.Progress) (*offlineFault, error) {
	for {
		raw, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !check.Add(raw) {
			break
		}
		if bytes.HasPrefix(raw, []byte(`{"checkpoint"`)) {
			continue
		}
		l, err := proof.ParseLine(raw)
		if err != nil {
			return nil, err
		}
		problem, err := live.differs(ctx, &l)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			return &offlineFault{l.Index, l.Index, l.EventID, l.Stream, l.Seq, problem}, nil
		}
		progress.At(l.Index + 1)
	}
	if bad := check.Report(); bad != nil {
		return &offlineFault{bad.Index, bad.Last, bad.EventID, bad.Stream, bad.Seq, "in the export: " + bad.Problem}, nil
	}
	return nil, nil
}

// liveLines are the same lines, as the journal gives them now.
type liveLines struct {
	journals *client.Journals
	signed   proof.Checkpoint
	page     []byte
}

// differs says in what the journal's event at the place of l is another one. Both are checked against the
// same signed root, so what has the same hash is the same.
func (j *liveLines) differs(ctx context.Context, l *proof.Line) (string, error) {
	raw, err := j.next(ctx, l.Index)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return "the journal knows nothing of the export's checkpoint: it was set back, or is another one. " + p.Detail, nil
	}
	if err != nil {
		return "", err
	}
	if raw == nil {
		return "the journal does not have it any more", nil
	}
	now, err := proof.ParseLine(raw)
	if err != nil {
		return "what the journal gives cannot be read: " + err.Error(), nil //nolint:nilerr // it is the finding
	}
	switch {
	case now.Index != l.Index:
		return fmt.Sprintf("the journal gives event %d instead", now.Index), nil
	case now.Hash != l.Hash:
		return "the journal has another event there", nil
	}
	if problem := now.Check(&j.signed); problem != "" {
		return "in the journal: " + problem, nil
	}
	return "", nil
}

// next gives the next event of the journal; nil when there is none.
func (j *liveLines) next(ctx context.Context, index uint64) ([]byte, error) {
	for {
		if len(j.page) == 0 {
			page, err := j.journals.Export(ctx, j.signed.Tenant, j.signed.Size, index)
			if err != nil || len(page) == 0 {
				return nil, err
			}
			j.page = page
		}
		line, rest, _ := bytes.Cut(j.page, []byte("\n"))
		j.page = rest
		if !bytes.HasPrefix(line, []byte(`{"checkpoint"`)) {
			return line, nil
		}
	}
}

// continued holds the journal's newest checkpoint against the export's.
func (c *comparison) continued(ctx context.Context, journals *client.Journals, keys proof.Keys, signed proof.Checkpoint) error {
	newest, err := journals.Checkpoint(ctx, signed.Tenant)
	if err != nil {
		return err
	}
	c.Newest = newest.Value.Note
	problem, err := continues(ctx, journals, keys, signed.Tenant, signed.Size, func(proof.Hash) proof.Hash { return signed.Root })
	if err == nil && problem != "" {
		c.Same, c.FirstBad = false, &offlineFault{LastIndex: signed.Size - 1, Problem: problem}
	}
	return err
}

func (c *comparison) tell(v compareVerb, w World, signed proof.Checkpoint) error {
	err := v.print(w, c, func() {
		if bad := c.FirstBad; bad != nil {
			f := proof.Fault{Index: bad.Index, Last: bad.LastIndex, EventID: bad.EventID, Stream: bad.StreamID, Seq: bad.ChainSeq, Problem: bad.Problem}
			fmt.Fprintln(w.Out, "WRONG  "+screen.Plain(f.String()))
			return
		}
		fmt.Fprintf(w.Out, "The journal has all %d events of the export as they were on %s, and its newest checkpoint continues from there.\n", c.Events, moment(signed.Time))
	})
	if err == nil && !c.Same {
		err = errFound
	}
	return err
}

// readHeader reads the first line of an export, which nobody has checked yet.
func readHeader(first []byte) (proof.Header, error) {
	var h proof.Header
	if err := json.Unmarshal(first, &h); err != nil || h.Format != proof.ExportFormat || !identity.ValidCode(h.TenantID) {
		return h, errors.New("this is no export of a journal: its first line does not say so")
	}
	return h, nil
}
