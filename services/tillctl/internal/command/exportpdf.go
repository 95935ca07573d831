package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/paper"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// What stands in the folder of an export of receipts.
const (
	jobName      = "export.json"   // what it is of, and how far it is
	contentsName = "contents.json" // which documents there are, when it is done
	sortedName   = ".sorted"       // entries on their way into documents; it is gone in the end
)

// slipsPerDocument bounds the memory that a document takes, and the patience of who opens it.
const slipsPerDocument = 500

// documents takes receipts away as PDF: first all entries are sorted by store and day into files, then one
// day after the other is printed.
func (v exportVerb) documents(ctx context.Context, w World, journals *client.Journals) error {
	if err := v.folder(); err != nil {
		return err
	}
	job, err := v.job(ctx, w, journals, filepath.Join(v.File, jobName))
	if err != nil {
		return err
	}
	if contents, err := readContents(filepath.Join(v.File, contentsName)); err == nil {
		contents.tell(w, v.File, job)
		return nil
	}
	sorted := &sorter{dir: filepath.Join(v.File, sortedName), touched: map[string]bool{}}
	if err := sorted.open(); err != nil {
		return err
	}
	if err := job.save(); err != nil {
		return err
	}
	if err := v.sort(ctx, w, job, sorted); err != nil {
		return err
	}
	contents, err := v.print(ctx, w, job, sorted)
	if err != nil {
		return err
	}
	contents.tell(w, v.File, job)
	return os.RemoveAll(sorted.dir)
}

// folder makes the folder, or finds the one in which an export was begun.
func (v exportVerb) folder() error {
	if err := os.MkdirAll(v.File, 0o700); err != nil {
		return err
	}
	inside, err := os.ReadDir(v.File)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(v.File, jobName)); len(inside) > 0 && err != nil {
		return fmt.Errorf("%s has other things in it: name a new folder: %w", v.File, fs.ErrExist)
	}
	return nil
}

// sort takes all entries into their files.
func (v exportVerb) sort(ctx context.Context, w World, job *exportJob, sorted *sorter) error {
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "events", job.Next, job.signed.Size)
	defer progress.End()
	for job.Next < job.signed.Size {
		entries, next, err := job.page(ctx)
		if err != nil {
			return err
		}
		if err := sorted.add(entries); err != nil {
			return err
		}
		job.Next, job.Rows = next, job.Rows+uint64(len(entries))
		if err := job.saveNowAndThen(w, sorted.sync); err != nil {
			return err
		}
		progress.At(job.Next)
	}
	return nil
}

// print makes the documents that are not there yet.
func (v exportVerb) print(ctx context.Context, w World, job *exportJob, sorted *sorter) (*contents, error) {
	days, err := sorted.days()
	if err != nil {
		return nil, err
	}
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "receipts", 0, job.Rows)
	defer progress.End()
	out := &contents{TenantID: job.TenantID, Checkpoint: job.Checkpoint, Documents: []printedDocument{}}
	done := uint64(0)
	for _, d := range days {
		count, err := d.count()
		if err != nil {
			return nil, err
		}
		head := paper.Head{Tenant: job.TenantID, Store: d.store, BusinessDate: d.date, Checkpoint: job.signed, Language: v.Headers,
			Parts: (count + slipsPerDocument - 1) / slipsPerDocument}
		err = d.chunks(func(slips []paper.Slip) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			head.Part++
			document, err := printDocument(v.File, head, slips)
			out.Documents = append(out.Documents, document)
			done += uint64(len(slips))
			progress.At(done)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, writeWhole(filepath.Join(v.File, contentsName), func(file *os.File) error {
		encoder := json.NewEncoder(file)
		encoder.SetIndent("", "  ")
		return encoder.Encode(out)
	})
}

// printDocument writes one document, unless it is there: what has its name is whole.
func printDocument(folder string, head paper.Head, slips []paper.Slip) (printedDocument, error) {
	p := printedDocument{
		File:  fmt.Sprintf("%s-%s-%s-%03d.pdf", head.Tenant, head.Store, head.BusinessDate, head.Part),
		Store: head.Store, BusinessDate: head.BusinessDate,
	}
	path := filepath.Join(folder, p.File)
	_, err := os.Stat(path)
	var report paper.Report
	if err == nil {
		report, err = paper.Measure(head, slips)
	} else {
		err = writeWhole(path, func(file *os.File) (err error) {
			report, err = paper.Write(file, head, slips)
			return err
		})
	}
	if err != nil {
		return p, err
	}
	p.Receipts, p.Pages, p.Missing = report.Slips, report.Pages, report.Missing
	p.SHA256, err = hashOfFile(path)
	return p, err
}

func hashOfFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// contents lists what an export of receipts has.
type contents struct {
	TenantID   string            `json:"tenantId"`
	Checkpoint string            `json:"checkpoint"`
	Documents  []printedDocument `json:"documents"`
}

type printedDocument struct {
	File         string         `json:"file"`
	Store        string         `json:"storeCode"`
	BusinessDate string         `json:"businessDate"`
	Receipts     int            `json:"receipts"`
	Pages        int            `json:"pages"`
	SHA256       string         `json:"sha256"`
	Missing      map[string]int `json:"missingCharacters,omitempty"`
}

func readContents(path string) (*contents, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &contents{}
	return c, json.Unmarshal(raw, c)
}

// tell says what there is, and what is not shown as it is.
func (c *contents) tell(w World, folder string, job *exportJob) {
	pages, missing := 0, map[string]int{}
	for _, d := range c.Documents {
		pages += d.Pages
		for name, n := range d.Missing {
			missing[name] += n
		}
	}
	fmt.Fprintf(w.Out, "%s: %d receipts of %s on %s in %s, as of %s (checkpoint %s).\n", folder, job.Rows, job.TenantID,
		plural(pages, "page", "pages"), plural(len(c.Documents), "document", "documents"), moment(job.signed.Time), job.signed.Short())
	tellMissing(w, missing)
}

// mostNamed is how many missing characters are named.
const mostNamed = 20

func tellMissing(w World, missing map[string]int) {
	if len(missing) == 0 {
		return
	}
	names := slices.SortedFunc(maps.Keys(missing), func(a, b string) int {
		if missing[a] != missing[b] {
			return missing[b] - missing[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, missing[name])
	}
	more := ""
	if len(names) > mostNamed {
		names, more = names[:mostNamed], fmt.Sprintf(" and %d others", len(names)-mostNamed)
	}
	fmt.Fprintf(w.Err, "These characters are not in the font and printed as 〓, with their names below the receipt: %s%s.\n", strings.Join(names, ", "), more)
}

// dayOf names the day that an entry belongs to.
func dayOf(r *sheet.Row) (string, error) {
	if !safeCode(r.StoreCode) || !safeDate(r.BusinessDate) || r.TerminalNo < 0 {
		return "", fmt.Errorf("event %d names a store or day that cannot be: %.40q, %.20q", r.Index, r.StoreCode, r.BusinessDate)
	}
	return fmt.Sprintf("%s.%s.%06d", r.StoreCode, r.BusinessDate, r.TerminalNo), nil
}
