// Command rebuild makes a journal anew from exports: a data folder with a SQLite database of every tenant
// of whom an export is given. Every line is checked against the checkpoint that the export begins with, and
// the checkpoint against the public key; chains, log and checkpoints are the same ones afterwards. Of an
// export that is not what the journal signed nothing is kept.
//
//	rebuild -key journal.key -into folder acme.jsonl [bolt.jsonl …]
//
// The folder can be looked at (tillctl verify) and served by a journal like any other (TILLROLL_DATA). With
// the keys of the old one it goes on signing where that stopped.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

// Exit codes, as those of tillctl.
const (
	exitFailed = 1
	exitUsage  = 2
	exitFound  = 3 // an export is not what was signed
)

// longestLine of an export.
const longestLine = 64 << 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// job is what is to be done.
type job struct {
	into, key, kept string
	files           []string
}

func run(ctx context.Context, args []string, out, complain io.Writer) int {
	var j job
	flags := flag.NewFlagSet("rebuild", flag.ContinueOnError)
	flags.SetOutput(complain)
	flags.StringVar(&j.into, "into", "", "data folder for the rebuilt journal; it must have none")
	flags.StringVar(&j.key, "key", "", "public key of the journal, as 'tillctl public-key' printed it")
	flags.StringVar(&j.kept, "checkpoint", "", "checkpoints that were kept elsewhere (optional)")
	flags.Usage = func() {
		fmt.Fprintln(complain, "rebuild -key FILE -into FOLDER EXPORT.jsonl …\nMakes a journal anew from exports of 'tillctl export'.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if j.files = flags.Args(); j.into == "" || j.key == "" || len(j.files) == 0 {
		flags.Usage()
		return exitUsage
	}
	err := j.do(ctx, out)
	var wrong *app.NotWhatWasSigned
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(complain, "WRONG ", err)
		fmt.Fprintln(complain, "Nothing was kept.")
		return exitFound
	case errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("%w: the disk is full; make room and begin again", err)
	}
	fmt.Fprintln(complain, "rebuild:", err)
	return exitFailed
}

// do rebuilds beside the place where the journal is to be, and puts it there when all of it is right.
func (j *job) do(ctx context.Context, out io.Writer) error {
	keys, notes, err := j.trusted()
	if err != nil {
		return err
	}
	final := filepath.Join(j.into, "journal")
	if _, err := os.Lstat(final); err == nil {
		return fmt.Errorf("there is a journal in %s already: %w", j.into, fs.ErrExist)
	}
	if err := os.MkdirAll(j.into, 0o700); err != nil {
		return err
	}
	part, err := os.MkdirTemp(j.into, "rebuilding-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	store, err := sqlitestore.Open(ctx, filepath.Join(part, "journal"), clockwork.NewRealClock())
	if err != nil {
		return err
	}
	var told bytes.Buffer
	for _, file := range j.files {
		if err = rebuild(ctx, store, keys, notes, file, &told); err != nil {
			err = fmt.Errorf("%s: %w", file, err)
			break
		}
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(part, "journal"), final); err != nil {
		return err
	}
	_, err = told.WriteTo(out)
	return err
}

// trusted are the public keys, and the checkpoints that were kept elsewhere, by tenant.
func (j *job) trusted() (keys proof.Keys, kept map[string][]string, err error) {
	text, err := os.ReadFile(j.key)
	if err != nil {
		return keys, nil, err
	}
	if keys, err = proof.ParseKeys(string(text)); err != nil || j.kept == "" {
		return keys, nil, err
	}
	if text, err = os.ReadFile(j.kept); err != nil {
		return keys, nil, err
	}
	kept = map[string][]string{}
	for _, note := range proof.SplitNotes(string(text)) {
		c, err := keys.Open(note)
		if err != nil {
			return keys, nil, fmt.Errorf("%s: %w", j.kept, err)
		}
		kept[c.Tenant] = append(kept[c.Tenant], note)
	}
	return keys, kept, nil
}

func rebuild(ctx context.Context, store app.Store, keys proof.Keys, kept map[string][]string, name string, out io.Writer) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), longestLine)
	next := func() ([]byte, error) {
		if lines.Scan() {
			return lines.Bytes(), ctx.Err()
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	header, err := next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	first, err := proof.NewCheck(keys, header, nil) // to know whose it is
	if err != nil {
		return err
	}
	check, err := proof.NewCheck(keys, header, kept[first.Header().TenantID])
	if err != nil {
		return err
	}
	p := newProgress(name, check.Header().Events)
	defer p.end()
	found, err := app.Rebuild(ctx, store, check, next, p.at)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: the journal of %s as of %s, %d events, %d of them entries; chains, log and checkpoint %s are the same.\n",
		name, found.Checkpoint.Tenant, found.Checkpoint.Time.Format("2006-01-02 15:04:05Z"), found.Events, found.Entries, found.Checkpoint.Short())
	return nil
}

// progress tells somebody who watches how far it is and how long it will take.
type progress struct {
	name         string
	total        uint64
	start, shown time.Time
	watched      bool
}

func newProgress(name string, total uint64) *progress {
	info, err := os.Stderr.Stat()
	return &progress{name: name, total: total, start: time.Now(), watched: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) at(done uint64) {
	if !p.watched || time.Since(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = time.Now()
	left := time.Duration(float64(time.Since(p.start)) / float64(done) * float64(p.total-done))
	fmt.Fprintf(os.Stderr, "\r%s: %d of %d events, %s left   ", p.name, done, p.total, left.Round(time.Second))
}

func (p *progress) end() {
	if p.watched {
		fmt.Fprintln(os.Stderr)
	}
}
