package integration_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

// Old days move to the archive, although the journal is killed in the middle of it. Whoever asks afterwards is
// told what was told before, to the last byte; and so after a backup was put back.
func TestNobodyNoticesThatOldDaysAreInTheArchive(t *testing.T) {
	needsSQLite(t)
	const tenant = "attic"
	tillctl(t, "generate", "--tenant", tenant, "--entries", "1200", "--stores", "2", "--tills", "2")
	a := newArchived(t, tenant)
	first, last := a.days[0], a.days[len(a.days)-1]
	require.Greater(t, len(a.days), 3)
	order := a.orderOn(first)
	days := "businessDateFrom=" + first + "&businessDateTo=" + a.days[len(a.days)-2]

	folder := t.TempDir()
	export := func(name string) []byte {
		file := filepath.Join(folder, name)
		tillctl(t, "export", "--tenant", tenant, "--file", file)
		raw, err := os.ReadFile(file) //nolint:gosec // our own
		require.NoError(t, err)
		return raw
	}
	whole := export("before.jsonl")
	views := func() map[string]string {
		out := map[string]string{}
		for _, path := range []string{"/orders/" + order + "/timeline"} {
			out[path] = a.get(path)
		}
		for _, e := range a.some {
			for _, path := range []string{"/journals/" + e.JournalID, "/journals/" + e.JournalID + "/proof", "/stores/" + e.StoreCode + "/journals/" + e.JournalID} {
				out[path] = a.get(path)
			}
			session, err := running.Tillctl("reconcile", "--tenant", tenant, "--store", e.StoreCode, "--date", e.BusinessDate, "--output", "json")
			require.NoError(t, err, session)
			out["reconcile "+e.StoreCode+" "+e.BusinessDate] = session
		}
		return out
	}
	before, found := views(), a.page(days)
	require.Empty(t, found.ArchivedUntil)
	require.NotEmpty(t, found.Items)

	a.archiveInSpiteOfAKill(last)
	segments := a.segments()
	require.NotEmpty(t, segments)
	same := func() {
		t.Helper()
		after := views()
		for _, what := range slices.Sorted(maps.Keys(before)) {
			assert.Equal(t, before[what], after[what], what)
		}
		assert.Equal(t, found.Items, a.page(days+"&archived=true").Items)
		live := a.page(days)
		assert.Empty(t, live.Items, "they have left the live journal")
		assert.Equal(t, a.days[len(a.days)-2], live.ArchivedUntil)
		assert.NotEmpty(t, a.page("businessDateFrom="+last+"&businessDateTo="+last).Items, "the last day has not")
		out, err := running.Tillctl("verify", "--tenant", tenant)
		require.NoError(t, err, out)
		assert.Contains(t, out, "Nothing was changed")
		assert.Contains(t, a.get("/verification"), fmt.Sprintf(`"archive":{"segments":%d,`, len(segments)))
	}
	same()
	assert.Equal(t, string(whole), string(export("after.jsonl")), "the export is the same to the last byte")
	a.verifyOffline(segments, folder)
	a.repeat(whole)

	to := filepath.Join(folder, "backup")
	tillctl(t, "backup", to)
	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(filepath.Join(running.Data, "journal")))
	tillctl(t, "restore", "--journal-only", to)
	require.NoError(t, running.Up())
	same()
	require.Equal(t, segments, a.segments())
}

// archived is a tenant whose days move to the archive.
type archived struct {
	t       *testing.T
	tenant  string
	journal *shop.Client
	days    []string        // business dates
	some    []archivedEntry // one of every type on the first date of each store
}

type archivedEntry struct {
	JournalID       string `json:"journalId"`
	StoreCode       string `json:"storeCode"`
	TerminalNo      int    `json:"terminalNo"`
	BusinessDate    string `json:"businessDate"`
	TransactionType int    `json:"transactionType"`
}

type archivedPage struct {
	Items         []json.RawMessage `json:"items"`
	NextCursor    string            `json:"nextCursor"`
	ArchivedUntil string            `json:"archivedUntil"`
}

func newArchived(t *testing.T, tenant string) *archived {
	t.Helper()
	token, err := running.Token("auditor", tenant)
	require.NoError(t, err)
	a := &archived{t: t, tenant: tenant, journal: shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+token)}
	dates, kinds := map[string]bool{}, map[string]archivedEntry{}
	for _, raw := range a.page("").Items {
		var e archivedEntry
		require.NoError(t, json.Unmarshal(raw, &e))
		dates[e.BusinessDate] = true
		kind := fmt.Sprint(e.StoreCode, e.TransactionType)
		if old, there := kinds[kind]; !there || e.BusinessDate < old.BusinessDate {
			kinds[kind] = e
		}
	}
	a.days, a.some = slices.Sorted(maps.Keys(dates)), nil
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if e := kinds[kind]; e.BusinessDate == a.days[0] {
			a.some = append(a.some, e)
		}
	}
	require.Greater(t, len(a.some), 4)
	return a
}

func (a *archived) get(path string) string {
	a.t.Helper()
	res, err := a.journal.Do(a.t.Context(), http.MethodGet, "/api/v1/tenants/"+a.tenant+path, nil)
	require.NoError(a.t, err, path)
	return string(res.Body)
}

// page is everything that a search finds.
func (a *archived) page(query string) (all archivedPage) {
	a.t.Helper()
	for cursor := ""; ; {
		var p archivedPage
		require.NoError(a.t, json.Unmarshal([]byte(a.get("/journals?limit=100&"+query+cursor)), &p), query)
		all.Items, all.ArchivedUntil = append(all.Items, p.Items...), p.ArchivedUntil
		if p.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(p.NextCursor)
	}
}

// orderOn puts an event of an order into the journal, as it was on a day.
func (a *archived) orderOn(date string) (orderID string) {
	a.t.Helper()
	at, err := time.Parse("20060102", date)
	require.NoError(a.t, err)
	at = at.Add(4 * time.Hour)
	id, err := uuid.NewV7()
	require.NoError(a.t, err)
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(at.UnixMilli())) //nolint:gosec // after 1970
	copy(id[:6], millis[2:])
	e := shop.NewGhost(a.tenant, a.some[0].StoreCode, 77).Business(id.String())
	e.OccurredAt = at
	raw, err := json.Marshal(e)
	require.NoError(a.t, err)
	a.deliver("/events", e.EventID, raw)
	return id.String()
}

// deliver gives the journal an event as its sidecar does.
func (a *archived) deliver(path, eventID string, content json.RawMessage) {
	a.t.Helper()
	token, err := running.Secret("journal", "app-token")
	require.NoError(a.t, err)
	topic := strings.TrimPrefix(path, "/")
	var answer struct {
		Statuses []struct{ Status, Message string }
	}
	require.NoError(a.t, shop.NewClient(running.URL("journal"), "dapr-api-token", token).Call(a.t.Context(), http.MethodPost, "/api/v1"+path, map[string]any{
		"id": eventID, "topic": topic, "entries": []any{map[string]any{"entryId": "1", "event": map[string]any{
			"id": eventID, "source": "test", "specversion": "1.0", "type": "com.dapr.event.sent", "topic": topic, "datacontenttype": "application/json", "data": content,
		}}},
	}, &answer))
	require.Len(a.t, answer.Statuses, 1)
	require.Equal(a.t, "SUCCESS", answer.Statuses[0].Status, answer.Statuses[0].Message)
}

// archiveInSpiteOfAKill archives what is older than last; the journal is killed as soon as there is a segment.
func (a *archived) archiveInSpiteOfAKill(last string) {
	t := a.t
	t.Helper()
	stays, err := time.Parse("20060102", last)
	require.NoError(t, err)
	tillctl(t, "archive", "policy", "--tenant", a.tenant, "--live-days", fmt.Sprint(int(time.Now().UTC().Sub(stays).Hours()/24)), "--at", "03:00")
	require.Eventually(t, func() bool { // every event is examined a moment after it came
		return strings.Contains(a.get("/checkpoints/latest"), `"size":`+fmt.Sprint(a.events()))
	}, time.Minute, 100*time.Millisecond)
	ended := make(chan string)
	go func() {
		out, err := running.Tillctl("archive", "run", "--tenant", a.tenant)
		ended <- fmt.Sprint(out, err)
	}()
	for begun := time.Now(); len(a.files()) == 0 && time.Since(begun) < 10*time.Second; {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, running.Kill("journal"))
	t.Logf("the run ended so: %s; there are %d files", <-ended, len(a.files()))
	require.Eventually(t, func() bool { return running.Ready(time.Second) == nil }, 30*time.Second, 100*time.Millisecond)
	var out string
	if !assert.Eventually(t, func() bool {
		out, err = running.Tillctl("archive", "run", "--tenant", a.tenant)
		return err == nil
	}, time.Minute, 500*time.Millisecond) {
		t.Fatal(out)
	}
	t.Log(out)
}

// events is how many the journal has.
func (a *archived) events() (n uint64) {
	var list struct{ Items []shop.Stream }
	require.NoError(a.t, json.Unmarshal([]byte(a.get("/streams")), &list))
	for _, s := range list.Items {
		n += s.ChainSeq
	}
	return n
}

func (a *archived) folder() string {
	return filepath.Join(running.Data, "journal", "archive", "t", a.tenant)
}

func (a *archived) files() []string {
	files, _ := filepath.Glob(filepath.Join(a.folder(), "*", "*.seg"))
	return files
}

// segments are those of the catalogue: name and hash. Each has left the live journal.
func (a *archived) segments() (out []string) {
	a.t.Helper()
	var list struct {
		Items []struct {
			Name    string `json:"name"`
			SHA256  string `json:"sha256"`
			Removed bool   `json:"removed"`
		} `json:"items"`
	}
	require.NoError(a.t, json.Unmarshal([]byte(a.get("/archive/segments?limit=100")), &list))
	for _, s := range list.Items {
		assert.True(a.t, s.Removed, s.Name)
		out = append(out, s.Name+" "+s.SHA256)
	}
	return out
}

// verifyOffline proves the files with the public key alone, and that a changed one is found out.
func (a *archived) verifyOffline(segments []string, folder string) {
	t := a.t
	t.Helper()
	key, err := running.Tillctl("public-key", "--tenant", a.tenant)
	require.NoError(t, err, key)
	keyFile := filepath.Join(folder, "journal.key")
	require.NoError(t, os.WriteFile(keyFile, []byte(key), 0o600))
	files := a.files()
	require.Len(t, files, len(segments))
	out, err := running.Tillctl("archive", "verify", "--key", keyFile, a.folder())
	require.NoError(t, err, out)
	assert.Equal(t, len(segments), strings.Count(out, "holds"))
	out, err = running.Tillctl("verify", "--key", keyFile, "--offline", files[0])
	require.NoError(t, err, out)
	assert.Contains(t, out, "holds")

	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	raw[len(raw)/3] ^= 1
	changed := filepath.Join(folder, "changed.seg")
	require.NoError(t, os.WriteFile(changed, raw, 0o600))
	out, err = running.Tillctl("archive", "verify", "--key", keyFile, changed)
	require.Error(t, err)
	assert.Contains(t, out, "WRONG")
}

// repeat delivers an archived event once more: it is a repeat, and nothing comes of it.
func (a *archived) repeat(export []byte) {
	t := a.t
	t.Helper()
	var line struct {
		EventID string          `json:"eventId"`
		Content json.RawMessage `json:"content"`
	}
	sale := slices.IndexFunc(a.some, func(e archivedEntry) bool { return e.TransactionType == 101 })
	require.GreaterOrEqual(t, sale, 0)
	id := a.some[sale].JournalID
	for text := range strings.Lines(string(export)) {
		if strings.Contains(text, id) {
			require.NoError(t, json.Unmarshal([]byte(text), &line))
			break
		}
	}
	require.NotEmpty(t, line.Content)
	events, segments := a.events(), a.segments()
	a.deliver("/tranlog", id, line.Content)
	assert.Equal(t, events, a.events())
	tillctl(t, "archive", "run", "--tenant", a.tenant)
	assert.Equal(t, segments, a.segments())
	quarantine, err := running.Tillctl("quarantine", "list", "--tenant", a.tenant, "--output", "csv")
	require.NoError(t, err, quarantine)
	assert.Equal(t, 1, strings.Count(quarantine, "\n"), "a heading and nothing else: %s", quarantine)
}
