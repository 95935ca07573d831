package command_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/command"
)

// runAsTillctl makes this test program be tillctl, for tests that kill one.
const runAsTillctl = "TILLROLL_TEST_RUN_AS_TILLCTL"

func TestMain(m *testing.M) {
	if os.Getenv(runAsTillctl) == "" {
		os.Exit(m.Run())
	}
	os.Exit(command.Run(context.Background(), os.Args[1:], command.World{
		Program: "tillctl", Out: os.Stdout, Err: os.Stderr, Clock: hasty{clockwork.NewRealClock(), time.Now()}, Random: rand.Reader,
	}))
}

// hasty runs a hundred times as fast as time does: what is written down every second is so every ten
// milliseconds.
type hasty struct {
	clockwork.Clock
	start time.Time
}

func (h hasty) Now() time.Time { return h.start.Add(100 * time.Since(h.start)) }

// shopArchive is a journal of two stores with three tills, over some days.
func shopArchive(t *testing.T, entries int) *archive {
	t.Helper()
	a := newArchive(t, 0)
	heads := map[string]proof.Link{}
	for n := range entries {
		store, till := []string{"main", "main", "sub"}[n%3], []int{1, 2, 1}[n%3]
		kind := []int{101, 101, 101, 102, 201, 401}[n%6]
		content := fmt.Appendf(nil, `{"event_id":"e%d"}`, n)
		entry, err := canonical.JSON(fmt.Appendf(nil, `{"amount":%d.5,"business_counter":1,"business_date":"2026040%d","generate_date_time":"2026-04-01T10:00:00+09:00",`+
			`"journal_text":"till %d","open_counter":1,"quantity":2,"receipt_no":%d,"receipt_text":"      緑茶商店\n緑茶 🍵  %d\n","staff_id":"=1+1","store_code":"%s","tenant_id":"acme",`+
			`"terminal_no":%d,"transaction_no":"%d","transaction_type":%d,"user_id":null}`, n, 1+n*3/max(entries, 1), n, n, n, store, till, n, kind))
		require.NoError(t, err)
		stream := fmt.Sprintf("acme-%s-%d", store, till)
		link := heads[stream]
		link = proof.Link{Version: 1, Prev: link.Hash(), Seq: link.Seq + 1, Stream: stream, EventID: fmt.Sprint("e", n), ContentHash: proof.HashOf(content), EntryHash: proof.HashOf(entry)}
		if link.Seq == 1 {
			link.Prev = proof.Hash{}
		}
		heads[stream] = link
		l := proof.Line{Index: uint64(n), Content: content, Entry: entry, Link: link, Hash: link.Hash()}
		a.lines = append(a.lines, l)
		leaf := proof.LeafHash(l.Hash)
		a.leaves = append(a.leaves, leaf)
		a.edge.Append(leaf, func(t proof.Tile) { a.tiles = append(a.tiles, t.Root) })
	}
	return a
}

// pageOfEntries is how many events the shop's journal looks at for one page.
const pageOfEntries = 10

// shop are the routes of a, with that of selections; before is called with every page.
func (a *archive) shop(before func()) services {
	routes := a.services()
	routes["GET /api/v1/tenants/acme/export/entries"] = func(rw http.ResponseWriter, r *http.Request) {
		before()
		if a.failAt > 0 && number(a.t, r, "from") >= a.failAt {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		size, from := number(a.t, r, "size"), number(a.t, r, "from")
		a.asked = append(a.asked, from)
		end := min(from+pageOfEntries, size)
		for i := from; i < end; i++ {
			var entry struct {
				Store string `json:"store_code"`
			}
			require.NoError(a.t, json.Unmarshal(a.lines[i].Entry, &entry))
			if store := r.URL.Query().Get("storeCode"); store == "" || store == entry.Store {
				_, _ = rw.Write(append(a.line(i, size), '\n'))
			}
		}
		fmt.Fprintf(rw, `{"next":%d}`+"\n", end)
	}
	export := routes["GET /api/v1/tenants/acme/export"].(func(http.ResponseWriter, *http.Request))
	routes["GET /api/v1/tenants/acme/export"] = func(rw http.ResponseWriter, r *http.Request) {
		before()
		export(rw, r)
	}
	return routes
}

func number(t *testing.T, r *http.Request, name string) uint64 {
	t.Helper()
	var n uint64
	_, err := fmt.Sscan(r.URL.Query().Get(name), &n)
	require.NoError(t, err)
	return n
}

func nothing() {}

// tree is everything in a folder, by name.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		all[name] = string(raw)
		return err
	}))
	return all
}

func TestEntriesAreTakenAwayAsASheet(t *testing.T) {
	a := shopArchive(t, 95)
	file := filepath.Join(t.TempDir(), "x.csv")
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "csv", "--store", "main", "--file", file), &w.err)
	assert.Contains(t, w.out.String(), "64 entries of acme, as of 2026-04-01 08:00:00Z (checkpoint 95 ")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\uFEFF")))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 65)
	for i, row := range rows[1:] {
		index := i/2*3 + i%2
		assert.Equal(t, []string{fmt.Sprint(index), "main", fmt.Sprintf("%d.5", index), "'=1+1"}, []string{row[0], row[2], row[8], row[10]})
	}
	var job struct{ Checkpoint string }
	told, err := os.ReadFile(file + ".export.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(told, &job))
	keys, err := proof.ParseKeys(a.key)
	require.NoError(t, err)
	signed, err := keys.Open(job.Checkpoint)
	require.NoError(t, err)
	assert.EqualValues(t, 95, signed.Size)
	a.asked = nil
	require.Equal(t, 0, newWorld(t).against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "csv", "--store", "main", "--file", file), "a finished one stays as it is")
	assert.Empty(t, a.asked)
}

func TestReceiptsAreTakenAwayByStoreAndDay(t *testing.T) {
	a := shopArchive(t, 95)
	folder := filepath.Join(t.TempDir(), "x")
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "pdf", "--file", folder), &w.err)
	assert.Contains(t, w.out.String(), "95 receipts of acme on 6 pages in 6 documents")
	assert.Contains(t, w.err.String(), "U+1F375 (95)")
	made := tree(t, folder)
	for _, name := range []string{"acme-main-20260401-001.pdf", "acme-main-20260403-001.pdf", "acme-sub-20260402-001.pdf", "export.json", "contents.json"} {
		assert.NotEmpty(t, made[name], name)
	}
	assert.Len(t, made, 8, "nothing is left of the sorting")
	var contents struct {
		Documents []struct {
			File, SHA256 string
			Receipts     int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(made["contents.json"]), &contents))
	total := 0
	for _, d := range contents.Documents {
		assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(made[d.File]))), d.SHA256)
		total += d.Receipts
	}
	assert.Equal(t, 95, total)
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "pdf", "--file", folder), &w.err)
	assert.Contains(t, w.out.String(), "95 receipts of acme on 6 pages in 6 documents")
	assert.Equal(t, made, tree(t, folder))
	pdftotext, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("SKIPPED: pdftotext is not installed (Debian: poppler-utils): what is in the documents was not looked at")
	}
	for _, d := range contents.Documents {
		text, err := exec.Command(pdftotext, "-layout", filepath.Join(folder, d.File), "-").Output()
		require.NoError(t, err)
		assert.Equal(t, d.Receipts, strings.Count(string(text), "緑茶商店"), d.File)
	}
}

// What does not prove itself gets into no file.
func TestAnEntryThatIsNotWhatWasSignedIsNotTaken(t *testing.T) {
	for _, form := range []string{"csv", "pdf"} {
		a := shopArchive(t, 30)
		a.checkpoint()
		a.lines[15].Entry = bytes.Replace(a.lines[15].Entry, []byte(`"amount":15.5`), []byte(`"amount":1.5`), 1)
		file := filepath.Join(t.TempDir(), "x")
		w := newWorld(t)
		assert.Equal(t, 1, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", form, "--file", file))
		assert.Contains(t, w.err.String(), "event 15 (e15) is not what the journal signed: the journal entry was changed")
		for name, text := range tree(t, filepath.Dir(file)) {
			assert.NotContains(t, text, `"e15"`, name)
		}
		w = newWorld(t)
		assert.Equal(t, 1, w.against(t, shopArchive(t, 3).shop(nothing), "export", "--tenant", "acme", "--format", form, "--file", file+"2", "--key", keep(t, "key", a.key)))
		assert.Contains(t, w.err.String(), "none of the keys that are trusted")
	}
}

func TestAnExportOfEntriesGoesOnWhereItFailed(t *testing.T) {
	for _, form := range []string{"csv", "pdf"} {
		t.Run(form, func(t *testing.T) {
			a := shopArchive(t, 95)
			a.checkpoint()
			whole, part := filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "x")
			args := []string{"export", "--tenant", "acme", "--format", form, "--file"}
			require.Equal(t, 0, newWorld(t).against(t, a.shop(nothing), append(args, whole)...))
			a.failAt = 50
			w := newWorld(t)
			require.Equal(t, 1, w.against(t, a.shop(func() { w.clock.Advance(time.Second) }), append(args, part)...))
			assert.Contains(t, w.err.String(), "type the same again to go on")
			a.failAt, a.asked = 0, nil
			w = newWorld(t)
			require.Equal(t, 0, w.against(t, a.shop(nothing), append(args, part)...), &w.err)
			assert.Contains(t, w.err.String(), "is there to event 50: going on there")
			assert.Equal(t, uint64(50), a.asked[0])
			assert.Equal(t, tree(t, filepath.Dir(whole)), tree(t, filepath.Dir(part)))
			// With other filters it is another export.
			w = newWorld(t)
			assert.Equal(t, 1, w.against(t, a.shop(nothing), append(args, part, "--store", "sub")...))
			assert.Contains(t, w.err.String(), "is of another export")
		})
	}
}

func TestAnExportOfEntriesNeverOverwritesSomethingElse(t *testing.T) {
	a := shopArchive(t, 3)
	diary := keep(t, "diary.csv", "my diary\n")
	w := newWorld(t)
	assert.Equal(t, 1, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "csv", "--file", diary))
	assert.Contains(t, w.err.String(), "name another file")
	assert.Equal(t, map[string]string{"diary.csv": "my diary\n"}, tree(t, filepath.Dir(diary)))
	w = newWorld(t)
	assert.Equal(t, 1, w.against(t, a.shop(nothing), "export", "--tenant", "acme", "--format", "pdf", "--file", filepath.Dir(diary)))
	assert.Contains(t, w.err.String(), "name a new folder")
	assert.Equal(t, map[string]string{"diary.csv": "my diary\n"}, tree(t, filepath.Dir(diary)))
}

// Killed at any time, however often, an export ends up byte for byte as one that was not.
func TestAKilledExportEndsAsIfItHadNotBeen(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: exports were not killed")
	}
	a := shopArchive(t, 600)
	a.checkpoint()
	var pages atomic.Int64
	var kill atomic.Pointer[func()]
	var one sync.Mutex
	mux := http.NewServeMux()
	for pattern, answer := range a.shop(func() {
		pages.Add(1)
		if k := kill.Load(); k != nil {
			(*k)()
		}
	}) {
		handler, ok := answer.(func(http.ResponseWriter, *http.Request))
		if !ok {
			text := answer.(string)
			handler = func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(text)) }
		}
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			one.Lock() // what was asked by a killed one may still be answered
			defer one.Unlock()
			handler(rw, r)
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, form := range []string{"jsonl", "csv", "pdf"} {
		t.Run(form, func(t *testing.T) {
			whole, part := filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "x")
			begin := func(file string) *exec.Cmd {
				cmd := exec.Command(os.Args[0], "export", "--tenant", "acme", "--format", form, "--file", file)
				cmd.Env = append(os.Environ(), runAsTillctl+"=1", "TILLROLL_JOURNAL_URL="+server.URL, "TILLROLL_TOKEN=token")
				cmd.Stderr = os.Stderr
				return cmd
			}
			pages.Store(0)
			require.NoError(t, begin(whole).Run())
			all := pages.Load()
			require.Greater(t, all, int64(50))
			killed, wentOn := 0, 0
			for round := range 4 {
				cmd := begin(part)
				var said bytes.Buffer
				cmd.Stderr = &said
				stop := func() { _ = cmd.Process.Signal(syscall.SIGKILL) }
				left := int64(12 + 10*round)
				hook := func() {
					if left--; left == 0 {
						stop()
					}
				}
				require.NoError(t, cmd.Start())
				kill.Store(&hook)
				if round == 3 && form == "pdf" { // while it prints
					kill.Store(nil)
					for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
						if found, _ := filepath.Glob(part + "/*.pdf"); len(found) >= 3 {
							stop()
							break
						}
					}
				}
				var exit *exec.ExitError
				if err := cmd.Wait(); errors.As(err, &exit) && !exit.Exited() {
					killed++
				}
				kill.Store(nil)
				if strings.Contains(said.String(), "going on there") {
					wentOn++
				}
			}
			assert.Positive(t, wentOn, "it always began anew")
			assert.GreaterOrEqual(t, killed, 2, "it was not killed often enough to tell")
			require.NoError(t, begin(part).Run())
			want, got := tree(t, filepath.Dir(whole)), tree(t, filepath.Dir(part))
			for name := range want {
				assert.True(t, want[name] == got[name], "%s differs", name)
			}
			assert.Len(t, got, len(want))
		})
	}
}

// On a disk without room an export says so, and goes on when there is some.
func TestAFullDiskIsNamed(t *testing.T) {
	a := shopArchive(t, 1500)
	a.checkpoint()
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no small disk can be mounted here (%v: %s): a full one was not tried", err, bytes.TrimSpace(out))
	}
	t.Cleanup(func() { _ = exec.Command("umount", small).Run() })
	for _, form := range []string{"jsonl", "csv", "pdf"} {
		t.Run(form, func(t *testing.T) {
			whole := filepath.Join(t.TempDir(), form)
			require.NoError(t, exec.Command("mount", "-o", "remount,size=256k", small).Run())
			args := []string{"export", "--tenant", "acme", "--format", form, "--file"}
			require.Equal(t, 0, newWorld(t).against(t, a.shop(nothing), append(args, whole)...))
			w := newWorld(t)
			require.Equal(t, 1, w.against(t, a.shop(func() { w.clock.Advance(time.Second) }), append(args, filepath.Join(small, form))...))
			assert.Contains(t, w.err.String(), "the disk is full: make room, and type the same again to go on where it stopped")
			require.NoError(t, exec.Command("mount", "-o", "remount,size=64m", small).Run())
			w = newWorld(t)
			require.Equal(t, 0, w.against(t, a.shop(nothing), append(args, filepath.Join(small, form))...), &w.err)
			want, got := tree(t, filepath.Dir(whole)), tree(t, small)
			for name := range want {
				assert.True(t, want[name] == got[name], "%s differs", name)
			}
			assert.Len(t, got, len(want))
			for _, name := range []string{form, form + ".export.json"} {
				require.NoError(t, os.RemoveAll(filepath.Join(small, name)))
			}
		})
	}
}

func TestOneEntryIsPrinted(t *testing.T) {
	a := newArchive(t, 5)
	a.checkpoint()
	file := filepath.Join(t.TempDir(), "e2.pdf")
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "show", "--tenant", "acme", "e2", "--pdf", file), &w.err)
	assert.Contains(t, w.out.String(), "e2.pdf: 1 page, as of checkpoint 5 ")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(raw, []byte("%PDF-1.")))
	w = newWorld(t)
	assert.Equal(t, 1, w.against(t, a.services(), "show", "--tenant", "acme", "e2", "--pdf", file))
	assert.Contains(t, w.err.String(), "is there already")
	a.lines[2].Entry = []byte(`{"journal_text":"beer"}`)
	w = newWorld(t)
	assert.Equal(t, 1, w.against(t, a.services(), "show", "--tenant", "acme", "e2", "--pdf", file+"2"))
	assert.Contains(t, w.err.String(), "the proof of the entry e2 is wrong: the journal entry was changed")
	assert.NoFileExists(t, file+"2")
}
