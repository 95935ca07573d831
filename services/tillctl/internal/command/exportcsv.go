package command

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// jobSuffix is how the file is named that tells of an export.
const jobSuffix = ".export.json"

// sheet takes entries away as CSV.
func (v exportVerb) sheet(ctx context.Context, w World, journals *client.Journals) error {
	job, err := v.job(ctx, w, journals, v.File+jobSuffix)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(v.File, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := job.resume(file); err != nil {
		return fmt.Errorf("%s: %w", v.File, err)
	}
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "events", job.Next, job.signed.Size)
	defer progress.End()
	var page []byte
	if job.Bytes == 0 {
		page = sheet.AppendHeader(page, v.Headers)
	}
	for job.Next < job.signed.Size || len(page) > 0 {
		next := job.Next
		if next < job.signed.Size {
			var entries []proof.Line
			if entries, next, err = job.page(ctx); err != nil {
				return err
			}
			for i := range entries {
				row, err := sheet.RowOf(&entries[i])
				if err != nil {
					return err
				}
				page = row.Append(page, v.Headers)
			}
			job.Rows += uint64(len(entries))
		}
		if _, err := file.Write(page); err != nil {
			return err
		}
		job.Next, job.Bytes, page = next, job.Bytes+int64(len(page)), page[:0]
		if err := job.saveNowAndThen(w, file.Sync); err != nil {
			return err
		}
		progress.At(job.Next)
	}
	progress.End()
	fmt.Fprintf(w.Out, "%s: %d entries of %s, as of %s (checkpoint %s).\n", v.File, job.Rows, job.TenantID, moment(job.signed.Time), job.signed.Short())
	return nil
}

// resume brings a file to where the job is: what was written behind that is cut off.
func (j *exportJob) resume(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < j.Bytes {
		return fmt.Errorf("it is shorter than it was: remove it and %s, and begin anew", j.path)
	}
	if _, err := os.Stat(j.path); err != nil { // just begun
		if info.Size() > 0 {
			return fmt.Errorf("it is there already, and not known to be an export: name another file: %w", fs.ErrExist)
		}
		if err := j.save(); err != nil {
			return err
		}
	}
	if info.Size() > j.Bytes {
		if err := file.Truncate(j.Bytes); err != nil {
			return err
		}
	}
	_, err = file.Seek(j.Bytes, io.SeekStart)
	return err
}

// saveNowAndThen writes down how far it is when that is due, and always at the end.
func (j *exportJob) saveNowAndThen(w World, sync func() error) error {
	if now := w.Clock.Now(); j.Next == j.signed.Size || now.Sub(j.saved) >= saveEvery {
		if err := sync(); err != nil {
			return err
		}
		j.saved = now
		return j.save()
	}
	return nil
}
