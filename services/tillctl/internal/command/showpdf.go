package command

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/paper"
)

// onPaper prints entries into one document. What is printed is what their proofs hold for.
func (v showVerb) onPaper(ctx context.Context, w World, journals client.Journals) error {
	if _, err := os.Lstat(v.PDF); err == nil {
		return fmt.Errorf("%s is there already: name another file: %w", v.PDF, fs.ErrExist)
	}
	keys, err := trust{Key: v.Key}.keys(ctx, &journals)
	if err != nil {
		return err
	}
	ids := v.JournalID
	if len(ids) == 0 {
		found, err := v.entries(ctx, journals)
		if err != nil {
			return err
		}
		for _, entry := range found {
			ids = append(ids, entry.Value.JournalID)
		}
	}
	var head paper.Head
	var slips []paper.Slip
	for i, id := range ids {
		row, signed, err := v.proven(ctx, journals, keys, id)
		if err != nil {
			return err
		}
		slip := paper.SlipOf(row)
		if v.Journal {
			slip.Text = row.JournalText
		}
		slips = append(slips, slip)
		if i == 0 {
			head = paper.Head{Tenant: row.TenantID, Store: row.StoreCode, BusinessDate: row.BusinessDate, Language: sheet.English}
		}
		if head.Store != row.StoreCode {
			head.Store = ""
		}
		if head.BusinessDate != row.BusinessDate {
			head.BusinessDate = ""
		}
		if signed.Size > head.Checkpoint.Size {
			head.Checkpoint = signed // an entry of an earlier one is in every later one
		}
	}
	var report paper.Report
	err = writeWhole(v.PDF, func(file *os.File) (err error) {
		report, err = paper.Write(file, head, slips)
		return err
	})
	if err != nil {
		return orDiskFull(err)
	}
	fmt.Fprintf(w.Out, "%s: %s, as of checkpoint %s.\n", v.PDF, plural(report.Pages, "page", "pages"), head.Checkpoint.Short())
	tellMissing(w, report.Missing)
	return nil
}

// proven gives an entry whose proof holds, and the checkpoint that it leads to.
func (v showVerb) proven(ctx context.Context, journals client.Journals, keys proof.Keys, id string) (*sheet.Row, proof.Checkpoint, error) {
	given, err := journals.Proof(ctx, v.tenant(), id)
	if err != nil {
		return nil, proof.Checkpoint{}, err
	}
	line, signed, problem := checkProof(given.Value, keys)
	if problem == "" && (signed.Tenant != v.tenant() || line.EventID != id) {
		problem = "it is about something else"
	}
	switch {
	case problem != "":
		return nil, signed, fmt.Errorf("the proof of the entry %s is wrong: %s", id, problem)
	case line.Entry == nil:
		return nil, signed, fmt.Errorf("event %s has no entry in the journal: there is nothing to print", id)
	}
	row, err := sheet.RowOf(&line)
	return row, signed, err
}
