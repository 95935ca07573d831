package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// archiveVerb deals with what has left the live journal.
type archiveVerb struct {
	List   archiveListVerb   `cmd:"" help:"List the segments in files and folders."`
	Show   archiveShowVerb   `cmd:"" help:"Show what a segment holds, or one entry of it."`
	Verify archiveVerifyVerb `cmd:"" help:"Prove that segments are what the journal had."`

	Policy archivePolicyVerb `cmd:"" help:"Show and set how long a tenant's journal is kept where."`
	Run    archiveRunVerb    `cmd:"" name:"run" help:"Archive now."`
	Purge  archivePurgeVerb  `cmd:"" help:"Show, and give up, what is past its retention."`
	Hold   archiveHoldVerb   `cmd:"" help:"Keep a segment for longer."`
}

func (archiveVerb) Help() string {
	return `A segment is a file that holds the events of one store and one business date, with their proofs. It needs no journal to be
read: list, show and verify ask no service, and without them ` + "`zstd -dc FILE`" + ` prints it as lines of JSON.

policy, run, purge and hold ask the journal, as an administrator.`
}

// archiveListVerb lists segments.
type archiveListVerb struct {
	output
	Path []string `arg:"" help:"Segments, or folders with segments in them." type:"path"`
}

func (archiveListVerb) Help() string {
	return `    tillctl archive list /var/lib/tillroll/archive
    tillctl archive list --output json 2026-01-31.1.seg > 2026-01-31.1.manifest`
}

// Run the verb.
func (v archiveListVerb) Run(ctx context.Context, w World) error {
	files, err := segmentFiles(v.Path)
	if err != nil {
		return err
	}
	manifests := []archive.Manifest{}
	table := screen.NewTable("tenant", "store", "date", ">part", ">events", ">entries", ">bytes", "checkpoint", "file")
	for _, file := range files {
		err := withSegment(ctx, file, func(s *archive.Segment) error {
			m := s.Manifest()
			signed, err := proof.ReadUnverified(m.Checkpoint)
			if err == nil {
				m.SHA256, err = hashOf(file)
			}
			manifests = append(manifests, m)
			table.Row(m.TenantID, m.StoreCode, m.BusinessDate, strconv.Itoa(m.Part), strconv.Itoa(m.Events), strconv.Itoa(m.Entries),
				strconv.FormatInt(m.Bytes, 10), signed.Short(), file)
			return err
		})
		if err != nil {
			return err
		}
	}
	return v.print(w, manifests, func() { table.Print(w.Out, "") })
}

// segmentFiles are the files that are named, and those that end as segments do in the folders.
func segmentFiles(paths []string) (files []string, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		err = filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && strings.HasSuffix(name, ".seg") {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

func withSegment(ctx context.Context, file string, do func(*archive.Segment) error) error {
	blob, err := archive.OpenFile(file)
	if err != nil {
		return err
	}
	defer blob.Close()
	s, err := archive.Open(ctx, blob)
	if err == nil {
		err = do(s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func hashOf(file string) (sum proof.Hash, err error) {
	f, err := os.Open(file) //nolint:gosec // the file that was named
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return proof.Hash(h.Sum(nil)), nil
}

// archiveShowVerb shows a segment.
type archiveShowVerb struct {
	output
	File        string `arg:"" help:"The segment." type:"path"`
	JournalID   string `arg:"" optional:"" help:"Id of an entry in it, to be shown as the slip of paper that it was."`
	Terminal    int    `placeholder:"NO" help:"The terminal, with --transaction or --receipt."`
	Transaction int64  `placeholder:"NO" help:"Show the transaction with this number."`
	Receipt     int64  `placeholder:"NO" help:"Show the receipts with this number."`
	Entries     bool   `help:"List all entries."`
	Journal     bool   `help:"Draw the journal text, which the till keeps, instead of the customer's receipt."`
}

func (archiveShowVerb) Help() string {
	return `    tillctl archive show 2026-01-31.1.seg
    tillctl archive show 2026-01-31.1.seg --entries
    tillctl archive show 2026-01-31.1.seg --terminal 1 --transaction 1017
    tillctl archive show 2026-01-31.1.seg 01a1fc3a-ac15-7956-a5ff-8a4da078a3af

What is shown is not checked: "tillctl archive verify" does that.`
}

// Validate is called by the parser.
func (v archiveShowVerb) Validate() error {
	if v.Terminal == 0 && (v.Transaction != 0 || v.Receipt != 0) {
		return errors.New("numbers are a terminal's own: add --terminal NO")
	}
	return nil
}

// wanted tells whether one event is to be shown.
func (v archiveShowVerb) wanted(m *archive.Member) bool {
	n, _ := m.TransactionNumber()
	return v.JournalID != "" && m.EventID == v.JournalID ||
		v.Terminal > 0 && m.Entry && m.TerminalNo == v.Terminal && (v.Transaction == 0 || n == v.Transaction) &&
			(v.Receipt == 0 || m.ReceiptNo != nil && *m.ReceiptNo == v.Receipt)
}

// Run the verb.
func (v archiveShowVerb) Run(ctx context.Context, w World) error {
	return withSegment(ctx, v.File, func(s *archive.Segment) error {
		switch {
		case v.JournalID != "" || v.Transaction != 0 || v.Receipt != 0:
			return v.events(ctx, w, s)
		case v.Entries || v.Terminal != 0:
			return v.list(ctx, w, s)
		}
		return v.print(w, s.Manifest(), func() { drawManifest(w.Out, s.Manifest()) })
	})
}

func (v archiveShowVerb) list(ctx context.Context, w World, s *archive.Segment) error {
	table := screen.NewTable("when", ">terminal", ">type", ">transaction", ">receipt", ">amount", "staff", "journal id")
	var found []archive.Member
	err := s.Members(ctx, 0, func(_ int, m *archive.Member) bool {
		if m.Entry && (v.Terminal == 0 || m.TerminalNo == v.Terminal) {
			found = append(found, *m)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, m := range found {
		table.Row(moment(m.At()), strconv.Itoa(m.TerminalNo), strconv.Itoa(m.TransactionType), m.TransactionNo, optional(m.ReceiptNo),
			amountOf(m.Amount), m.StaffID, m.EventID)
	}
	return v.print(w, found, func() { table.Print(w.Out, "") })
}

func amountOf(text string) string {
	a, err := money.Parse(text)
	if err != nil {
		return text
	}
	return screen.Amount(a, screen.Digits(a))
}

// archivedEvent is what an event's line says, for programs.
type archivedEvent struct {
	EventID  string          `json:"eventId"`
	Topic    string          `json:"topic"`
	Stream   string          `json:"streamId"`
	ChainSeq uint64          `json:"chainSeq"`
	Hash     proof.Hash      `json:"hash"`
	Content  json.RawMessage `json:"content"`
	Entry    json.RawMessage `json:"entry"`
}

func (v archiveShowVerb) events(ctx context.Context, w World, s *archive.Segment) error {
	found := 0
	var failed error
	err := s.Members(ctx, 0, func(i int, m *archive.Member) bool {
		if !v.wanted(m) {
			return true
		}
		l, err := s.Line(ctx, i)
		if err != nil {
			failed = err
			return false
		}
		entry := l.Entry
		if entry == nil {
			entry = []byte("null")
		}
		found++
		failed = v.print(w, archivedEvent{m.EventID, m.Topic, m.Stream, m.ChainSeq, l.Hash, l.Content, entry}, func() {
			if found > 1 {
				fmt.Fprintln(w.Out)
			}
			v.draw(w.Out, m, l)
		})
		return failed == nil
	})
	if err == nil && failed == nil && found == 0 {
		failed = errors.New("it holds nothing of the kind; `tillctl archive show FILE --entries` lists what there is")
	}
	return errors.Join(err, failed)
}

func (v archiveShowVerb) draw(out io.Writer, m *archive.Member, l *proof.Line) {
	var e struct {
		JournalText string `json:"journal_text"`
		ReceiptText string `json:"receipt_text"`
	}
	facts := screen.NewFacts()
	facts.Add("What", fmt.Sprintf("%s %s", m.Topic, m.EventType))
	facts.Add("Stream", m.Stream)
	facts.Add("When", moment(m.At()))
	facts.Add("Order", m.OrderID)
	facts.Add("Journal id", m.EventID)
	facts.Add("Chain", fmt.Sprintf("link %d, hash %s", m.ChainSeq, l.Hash))
	if l.Entry == nil {
		facts.Print(out, "")
		fmt.Fprintln(out)
		fmt.Fprintln(out, screen.Plain(string(l.Content)))
		return
	}
	facts.Add("Type", strconv.Itoa(m.TransactionType))
	facts.Add("Transaction", m.TransactionNo)
	facts.Add("Receipt", optional(m.ReceiptNo))
	facts.Add("Amount", amountOf(m.Amount))
	facts.Add("Staff", m.StaffID)
	facts.Print(out, "")
	fmt.Fprintln(out)
	_ = json.Unmarshal(l.Entry, &e) // what cannot be read is not drawn
	text := e.ReceiptText
	if v.Journal || text == "" {
		text = e.JournalText
	}
	screen.Receipt(out, text, "")
}

func drawManifest(out io.Writer, m archive.Manifest) {
	facts := screen.NewFacts()
	facts.Add("Tenant", m.TenantID)
	facts.Add("Store", m.StoreCode)
	facts.Add("Business date", m.BusinessDate)
	facts.Add("Part", strconv.Itoa(m.Part))
	facts.Add("Events", fmt.Sprintf("%d, %d of them journal entries", m.Events, m.Entries))
	facts.Add("Bytes", strconv.FormatInt(m.Bytes, 10))
	facts.Add("Written", moment(m.WrittenAt))
	if signed, err := proof.ReadUnverified(m.Checkpoint); err == nil {
		facts.Add("Checkpoint", fmt.Sprintf("%s of %s", signed.Short(), moment(signed.Time)))
	}
	facts.Print(out, "")
	fmt.Fprintln(out)
	table := screen.NewTable(">terminal", ">entries", "transactions", "receipts", "from", "to")
	for _, t := range m.Terminals {
		table.Row(strconv.Itoa(t.No), strconv.Itoa(t.Entries), fromTo(t.FirstTransaction, t.LastTransaction), fromTo(t.FirstReceipt, t.LastReceipt),
			moment(t.FirstAt), moment(t.LastAt))
	}
	table.Print(out, "")
}

func fromTo(first, last int64) string {
	if first == 0 && last == 0 {
		return ""
	}
	return fmt.Sprintf("%d–%d", first, last)
}

// archiveVerifyVerb proves segments.
type archiveVerifyVerb struct {
	output
	Key      string   `required:"" placeholder:"FILE" help:"Public key of the journal, as 'tillctl public-key' printed it."`
	Manifest string   `placeholder:"FILE" help:"What the segments must be, as 'tillctl archive list --output json' printed it when they were known to be right."`
	Path     []string `arg:"" help:"Segments, or folders with segments in them." type:"path"`
}

func (archiveVerifyVerb) Help() string {
	return `Every line of a segment proves by itself that it is what the journal had when it signed the segment's checkpoint. What was
left out of a segment that somebody made anew, only a manifest that was kept elsewhere can tell.

    tillctl archive verify --key journal.key /var/lib/tillroll/archive
    tillctl archive verify --key journal.key --manifest 2026-01-31.1.manifest 2026-01-31.1.seg

Exit code 3 says that something is wrong; the first bad line of each segment is named.`
}

// segmentAnswer is what is printed as JSON.
type segmentAnswer struct {
	File     string           `json:"file"`
	Holds    bool             `json:"holds"`
	Manifest archive.Manifest `json:"manifest"`
	Line     int              `json:"line,omitempty"`
	EventID  string           `json:"eventId,omitempty"`
	Problem  string           `json:"problem,omitempty"`
}

// Run the verb.
func (v archiveVerifyVerb) Run(ctx context.Context, w World) error {
	keys, err := (trust{Key: v.Key}).keys(ctx, nil)
	if err != nil {
		return err
	}
	kept, err := v.kept()
	if err != nil {
		return err
	}
	files, err := segmentFiles(v.Path)
	if err != nil {
		return err
	}
	answers, bad := []segmentAnswer{}, false
	for _, file := range files {
		a, err := verifySegment(ctx, file, keys, kept)
		if err != nil {
			return err
		}
		answers = append(answers, a)
		bad = bad || !a.Holds
	}
	err = v.print(w, answers, func() {
		for _, a := range answers {
			printSegmentAnswer(w, &a)
		}
	})
	if err == nil && bad {
		err = errFound
	}
	return err
}

// kept are the manifests that were kept, by the names of the segments; nil: there are none.
func (v archiveVerifyVerb) kept() (map[string]*archive.Manifest, error) {
	if v.Manifest == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(v.Manifest)
	if err != nil {
		return nil, err
	}
	var manifests []archive.Manifest
	if json.Unmarshal(raw, &manifests) != nil {
		var one archive.Manifest
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("%s holds no manifest: %w", v.Manifest, err)
		}
		manifests = []archive.Manifest{one}
	}
	kept := map[string]*archive.Manifest{}
	for i := range manifests {
		kept[manifests[i].Name()] = &manifests[i]
	}
	return kept, nil
}

// verifySegment checks a file. That it is damaged is an answer and no error.
func verifySegment(ctx context.Context, file string, keys proof.Keys, kept map[string]*archive.Manifest) (segmentAnswer, error) {
	a := segmentAnswer{File: file}
	err := withSegment(ctx, file, func(s *archive.Segment) error {
		a.Manifest = s.Manifest()
		want := kept[a.Manifest.Name()]
		if want == nil && kept != nil {
			return &archive.Fault{Problem: "no manifest was kept of " + a.Manifest.Name()}
		}
		return s.Verify(ctx, keys, want)
	})
	var fault *archive.Fault
	switch {
	case errors.As(err, &fault):
		a.Line, a.EventID, a.Problem = fault.Line, fault.EventID, fault.Error()
	case errors.Is(err, archive.ErrDamaged):
		a.Problem = err.Error()
	case err != nil:
		return a, err
	default:
		a.Holds = true
	}
	return a, nil
}

func printSegmentAnswer(w World, a *segmentAnswer) {
	if !a.Holds {
		fmt.Fprintf(w.Out, "%s  %s: %s\n", w.paint.Bad("WRONG"), screen.Plain(a.File), screen.Plain(a.Problem))
		return
	}
	m := &a.Manifest
	signed, _ := proof.ReadUnverified(m.Checkpoint) // it was just verified
	fmt.Fprintf(w.Out, "%s  %s: %s of store %s of %s on %s are what the journal had (checkpoint %s of %s)\n", w.paint.Good("holds"), screen.Plain(a.File),
		plural(m.Events, "event", "events"), m.StoreCode, m.TenantID, m.BusinessDate, signed.Short(), moment(signed.Time))
}

// isSegment tells whether a file is a segment of the archive and no export: it begins as zstd does.
func isSegment(file *os.File) bool {
	var begin [4]byte
	n, _ := file.ReadAt(begin[:], 0)
	return bytes.Equal(begin[:n], []byte{0x28, 0xb5, 0x2f, 0xfd})
}

// offlineSegment checks a segment where an export could stand.
func (v verifyVerb) offlineSegment(ctx context.Context, w World, keys proof.Keys, notes []string, receipts []printed) error {
	a, err := verifySegment(ctx, v.Offline, keys, nil)
	if err != nil {
		return err
	}
	if a.Holds {
		a.Problem = disagreement(keys, &a.Manifest, notes, receipts)
		a.Holds = a.Problem == ""
	}
	if err := v.print(w, a, func() { printSegmentAnswer(w, &a) }); err != nil {
		return err
	}
	if !a.Holds {
		return errFound
	}
	return nil
}

// disagreement holds a segment's checkpoint against those that were kept elsewhere and are of the same size.
// Of others a segment can say nothing: it does not hold the whole log.
func disagreement(keys proof.Keys, m *archive.Manifest, notes []string, receipts []printed) string {
	signed, err := keys.Open(m.Checkpoint)
	if err != nil {
		return err.Error()
	}
	for _, note := range notes {
		kept, err := keys.Open(note)
		switch {
		case err != nil:
			return "a checkpoint that was kept elsewhere: " + err.Error()
		case kept.Tenant == signed.Tenant && kept.Size == signed.Size && kept.Root != signed.Root:
			return fmt.Sprintf("the checkpoint that was kept elsewhere says otherwise of the same %d events: the journal was made anew", kept.Size)
		}
	}
	for _, r := range receipts {
		if r.size == signed.Size && r.root != proof.ShortRoot(signed.Root) {
			return fmt.Sprintf("the receipt says otherwise of the same %d events: the journal was made anew", r.size)
		}
	}
	return ""
}
