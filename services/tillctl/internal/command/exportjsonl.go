package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// lines takes the whole journal away, with its proofs.
func (v exportVerb) lines(ctx context.Context, w World, journals *client.Journals) error {
	file, err := os.OpenFile(v.File, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	header, next, err := v.resume(file)
	if errors.Is(err, errEmpty) {
		header, err = v.begin(ctx, file, journals)
	}
	if err != nil {
		return err
	}
	if next > 0 {
		fmt.Fprintf(w.Err, "%s has %d of %d events: going on there.\n", v.File, next, header.Events)
	}
	progress := screen.NewProgress(w.watchedErr(), w.Clock, "events", next, header.Events)
	for next < header.Events {
		lines, err := journals.Export(ctx, v.tenant(), header.Events, next)
		if err != nil {
			progress.End()
			return fmt.Errorf("%w\n  type the same again to go on", err)
		}
		last, found := lastEvent(lines)
		if !found || last < next {
			return errors.New("the journal gave no events where there must be some: verify it")
		}
		if _, err := file.Write(lines); err != nil {
			return err
		}
		next = last + 1
		progress.At(next)
	}
	progress.End()
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	signed, err := proof.ReadUnverified(header.Checkpoint)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "%s: %d events of %s, as of %s (checkpoint %s).\n", v.File, header.Events, header.TenantID, moment(signed.Time), signed.Short())
	return nil
}

// begin writes the first line of a new export.
func (v exportVerb) begin(ctx context.Context, file *os.File, journals *client.Journals) (header proof.Header, err error) {
	c, err := journals.Checkpoint(ctx, v.tenant())
	if err != nil {
		return header, err
	}
	header = proof.Header{
		Format: proof.ExportFormat, Version: proof.ExportVersion, TenantID: v.tenant(), Events: c.Value.Size, Checkpoint: c.Value.Note,
	}
	text, err := json.Marshal(header)
	if err == nil {
		_, err = file.Write(append(text, '\n'))
	}
	return header, err
}

// errEmpty is a file in which nothing stands yet.
var errEmpty = errors.New("empty")

// resume finds out how far an export has come, and goes to its end. What was half written is cut off.
func (v exportVerb) resume(file *os.File) (header proof.Header, next uint64, err error) {
	whole, err := cutToWholeLines(file)
	if err != nil {
		return header, 0, err
	}
	if whole == 0 {
		return header, 0, errEmpty
	}
	first, err := newLines(io.NewSectionReader(file, 0, whole)).next()
	if err != nil {
		return header, 0, err
	}
	if err := json.Unmarshal(first, &header); err != nil || header.Format != proof.ExportFormat {
		return header, 0, fmt.Errorf("%s is there already and is no export of a journal: name another file: %w", v.File, fs.ErrExist)
	}
	if header.TenantID != v.tenant() || header.Version != proof.ExportVersion {
		return header, 0, fmt.Errorf("%s is an export of %q in version %d: name another file: %w", v.File, header.TenantID, header.Version, fs.ErrExist)
	}
	last, found, err := lastEventOf(file, whole)
	if err == nil && found {
		next = last + 1
	}
	return header, next, err
}

// tailSize is how much is read at a time from the end of a file.
const tailSize = 1 << 20

// cutToWholeLines cuts off what stands behind the last line feed, and gives the size that is left.
func cutToWholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	for end > 0 {
		whole := max(0, end-tailSize)
		tail := make([]byte, end-whole)
		if _, err := file.ReadAt(tail, whole); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
			end = whole + int64(i) + 1
			break
		}
		end = whole
	}
	if end < info.Size() {
		if err := file.Truncate(end); err != nil {
			return 0, err
		}
	}
	_, err = file.Seek(end, io.SeekStart)
	return end, err
}

// lastEventOf finds the last event in a file of whole lines.
func lastEventOf(file *os.File, size int64) (index uint64, found bool, err error) {
	for length := int64(tailSize); ; length *= 2 {
		begin := max(0, size-length)
		tail := make([]byte, size-begin)
		if _, err := file.ReadAt(tail, begin); err != nil {
			return 0, false, err
		}
		if begin > 0 { // the first line may be half a one
			_, tail, _ = bytes.Cut(tail, []byte("\n"))
		}
		if index, found = lastEvent(tail); found || begin == 0 {
			return index, found, nil
		}
	}
}

// lastEvent finds the index of the last event in lines.
func lastEvent(lines []byte) (index uint64, found bool) {
	lines = bytes.TrimRight(lines, "\n")
	for len(lines) > 0 {
		begin := bytes.LastIndexByte(lines, '\n') + 1
		if l, err := proof.ParseLine(lines[begin:]); err == nil {
			return l.Index, true
		}
		lines = lines[:max(0, begin-1)]
	}
	return 0, false
}
