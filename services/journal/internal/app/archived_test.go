package app_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// nodes are a log's, for proofs.
type nodes struct {
	store app.Store
}

func (n nodes) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return n.store.Row(context.Background(), "acme", level, begin, end)
}

// archiver is the side of the store that moves days into the archive, without the rules of when.
func (b *bench) archiver() *sqlitestore.Archiver {
	b.t.Helper()
	a := sqlitestore.NewArchiver(b.store.Store.(*sqlitestore.Store))
	b.t.Cleanup(func() { _ = a.Close() })
	return a
}

// archiveDay moves a day of a store into the archive and gives what the catalogue has of it.
func (b *bench) archiveDay(a *sqlitestore.Archiver, day journal.StoreDay, part int) *app.Segment {
	b.t.Helper()
	return b.archiveDayUntil(a, day, part, "")
}

func (b *bench) archiveDayUntil(a *sqlitestore.Archiver, day journal.StoreDay, part int, until string) *app.Segment {
	b.t.Helper()
	ctx := b.t.Context()
	signed, err := b.app.Proof.Checkpoint(ctx, "acme")
	require.NoError(b.t, err)
	d, err := a.Day(ctx, "acme", day)
	require.NoError(b.t, err)
	require.NotEmpty(b.t, d.Links)
	var indexes []uint64
	for _, l := range d.Links {
		indexes = append(indexes, l.Index)
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.Header{TenantID: "acme", StoreCode: day.StoreCode, BusinessDate: day.BusinessDate, Part: part,
		Checkpoint: signed.Note, WrittenAt: b.clock.Now()})
	require.NoError(b.t, err)
	prover := proof.NewProver(signed.Size, nodes{a})
	require.NoError(b.t, a.Bodies(ctx, "acme", indexes, func(index uint64, s *journal.Stored) error {
		l := proof.Line{Index: index, Link: s.Link, Hash: s.Hash, Content: s.Content}
		var err error
		if s.Entry != nil {
			if l.Entry, err = s.Entry.Form(); err != nil {
				return err
			}
		}
		if l.Inclusion, err = prover.Inclusion(index, signed.Size); err != nil {
			return err
		}
		return w.Add(s.Topic, &l)
	}))
	m, err := w.Close()
	require.NoError(b.t, err)
	require.NoError(b.t, b.blobs.Put(ctx, m.Name(), &file))
	row := &app.Segment{Manifest: m, Parts: journal.PartsOf(d.Links), RegisteredAt: b.clock.Now(), KeepUntil: until}
	require.NoError(b.t, a.Register(ctx, "acme", row))
	removed, err := a.Remove(ctx, "acme", m.Name())
	require.NoError(b.t, err)
	require.Equal(b.t, len(indexes), removed)
	return row
}

// past are some days of two stores, delivered in no order, and what the days are.
func past(b *bench, sales int) (days []journal.StoreDay, events []event.Event) {
	b.t.Helper()
	r := rand.New(rand.NewPCG(4, 2))
	words := []string{"コーヒー", "紅茶", "ﾐﾙｸ", "Coffee", "tea", "milk"}
	for _, store := range []string{"s1", "s2"} {
		for no := 1; no <= 2; no++ {
			till := tilltest.New("acme", store, no)
			for day := 1; day <= 3; day++ {
				till.BusinessDate = fmt.Sprintf("202601%02d", day)
				till.OpenCounter = 1
				till.Now = time.Date(2026, 1, day, 1+no, 0, 0, 0, time.UTC)
				events = append(events, till.Open())
				for range sales {
					sale := till.Transaction([]int{101, 101, 102, 201}[r.IntN(4)], fmt.Sprint(1+r.IntN(500)))
					sale.CartID = idOf(till.Now, r)
					sale.JournalText += words[r.IntN(len(words))] + " " + words[r.IntN(len(words))] + "\n"
					if r.IntN(3) == 0 {
						sale.Staff = nil
					}
					events = append(events, till.Business(sale.CartID, event.OrderSubtotalled{OrderID: sale.CartID}), sale)
				}
				events = append(events, till.Cash(fmt.Sprint(r.IntN(100)-50)), till.Direct(journal.FlashReport, "0"))
			}
		}
	}
	for _, e := range events {
		if d, ok := e.(*journal.Direct); ok {
			record, err := d.Record()
			require.NoError(b.t, err)
			_, err = b.store.Commit(b.t.Context(), "acme", []*journal.Record{record})
			require.NoError(b.t, err)
			continue
		}
		b.deliver(e)
	}
	for day := 1; day <= 3; day++ {
		for _, store := range []string{"s1", "s2"} {
			days = append(days, journal.StoreDay{StoreCode: store, BusinessDate: fmt.Sprintf("202601%02d", day)})
		}
	}
	require.NoError(b.t, b.app.Examine(b.t.Context()))
	return days, events
}

// idOf is the id of a cart that was made at a time.
func idOf(at time.Time, r *rand.Rand) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id.String()
}

// newArchiveBench is a bench with a journal that is to be archived.
func newArchiveBench(t *testing.T) *bench {
	b := newBench(t)
	b.stop()
	b.blobs = new(archive.Memory)
	b.start()
	b.provision("acme")
	return b
}

func anyQuery(r *rand.Rand) app.SearchRequest {
	q := app.SearchRequest{Tenant: "acme"}
	if r.IntN(2) == 0 {
		q.Query.StoreCode = []string{"s1", "s2", "s3"}[r.IntN(3)]
	}
	from, to := 1+r.IntN(3), 1+r.IntN(3)
	first, last := fmt.Sprintf("202601%02d", min(from, to)), fmt.Sprintf("202601%02d", max(from, to))
	q.Query.BusinessDate = journal.Span[string]{From: &first, To: &last}
	number := func(most int64) *int64 { n := 1 + r.Int64N(most); return &n }
	if r.IntN(3) == 0 {
		q.Query.Terminals = sequence.Of(uint64(1 + r.IntN(2)))
	}
	if r.IntN(3) == 0 {
		q.Query.Types = []journal.Type{101, journal.Type([]int{102, 201, 401, 402, 701}[r.IntN(5)])}
	}
	if r.IntN(4) == 0 {
		q.Query.ReceiptNo = journal.Span[int64]{From: number(120)}
	}
	if r.IntN(4) == 0 {
		q.Query.TransactionNo = journal.Span[int64]{From: number(5), To: number(20)}
	}
	if r.IntN(4) == 0 {
		a := money.FromInt(r.Int64N(300) - 100)
		q.Query.Amount.From = &a
	}
	if r.IntN(4) == 0 {
		q.Query.StaffID = "s01"
	}
	if r.IntN(4) == 0 {
		at := time.Date(2026, 1, 1+r.IntN(3), r.IntN(5), 0, r.IntN(60), 0, time.UTC).Format(time.DateOnly)
		q.GenerateDates.From = &at
	}
	switch r.IntN(5) {
	case 0:
		q.Keyword = []string{"コーヒー", "ーヒ", "coffee tea", "milk", `"No. 3"`, "ミルク"}[r.IntN(6)]
		if r.IntN(2) == 0 {
			q.Query.Sort = []journal.Order{{Field: journal.ByRelevance, Descending: true}}
		}
	case 1:
		q.Keyword, q.Regex = []string{`No\. [12]`, "(?i)COFFEE", "^紅茶"}[r.IntN(3)], true
	}
	if len(q.Query.Sort) == 0 {
		for range r.IntN(3) {
			q.Query.Sort = append(q.Query.Sort, journal.Order{Field: journal.Fields[r.IntN(len(journal.Fields))], Descending: r.IntN(2) == 0})
		}
	}
	q.Query.Limit = 1 + r.IntN(20)
	q.Query.Counting = journal.CountAll
	return q
}

// all pages of a search.
func all(t *testing.T, b *bench, r app.SearchRequest) (items []journal.Listed, total int) {
	t.Helper()
	for {
		found, err := b.app.Search.Find(t.Context(), r)
		require.NoError(t, err, "%+v", r)
		items = append(items, found.Items...)
		if r.Cursor == "" {
			total = found.Total
		}
		require.Equal(t, total, found.Total)
		if r.Cursor = found.NextCursor; r.Cursor == "" {
			return items, total
		}
	}
}

// What the live journal found before, the archive finds afterwards: every filter, order, keyword and
// pattern, page by page, to the last character.
func TestTheArchiveFindsWhatTheLiveJournalFound(t *testing.T) {
	b := newArchiveBench(t)
	days, _ := past(b, 6)
	type answer struct {
		request app.SearchRequest
		items   []journal.Listed
		total   int
	}
	r := rand.New(rand.NewPCG(1, 9))
	var before []answer
	found := 0
	for range 300 {
		q := anyQuery(r)
		items, total := all(t, b, q)
		before = append(before, answer{q, items, total})
		found += len(items)
	}
	require.Greater(t, found, 1000, "the queries find something")
	a := b.archiver()
	for _, day := range days {
		b.archiveDay(a, day, 1)
	}
	for i, was := range before {
		live, err := b.app.Search.Find(t.Context(), was.request)
		require.NoError(t, err)
		require.Empty(t, live.Items, "the live journal has nothing any more")
		if s := was.request.Query.StoreCode; s != "s3" {
			require.Equal(t, *was.request.Query.BusinessDate.To, live.ArchivedUntil, "it says so")
		}
		was.request.Archived = true
		items, total := all(t, b, was.request)
		require.Equal(t, was.total, total, "query %d: %+v", i, was.request)
		require.Equal(t, len(was.items), len(items), "query %d", i)
		for j := range items {
			require.Equal(t, was.items[j], items[j], "query %d: %+v", i, was.request)
		}
	}
}

func TestASearchOfTheArchiveSaysWhereToLook(t *testing.T) {
	b := newArchiveBench(t)
	days, _ := past(b, 2)
	a := b.archiver()
	b.archiveDay(a, days[0], 1)
	date := func(s string) *string { return &s }
	one := int64(1)
	for what, q := range map[string]journal.Query{
		"nothing":                     {},
		"no end":                      {BusinessDate: journal.Span[string]{From: date("20260101")}},
		"32 days":                     {BusinessDate: journal.Span[string]{From: date("20260101"), To: date("20260201")}},
		"a terminal, but no store":    {Terminals: sequence.Of(1), TransactionNo: journal.Span[int64]{From: &one, To: &one}},
		"a number, but no terminal":   {StoreCode: "s1", TransactionNo: journal.Span[int64]{From: &one, To: &one}},
		"a number without an end":     {StoreCode: "s1", Terminals: sequence.Of(1), TransactionNo: journal.Span[int64]{From: &one}},
		"a terminal without a number": {StoreCode: "s1", Terminals: sequence.Of(1)},
	} {
		q.Limit = 10
		_, err := b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: q})
		var p *problem.Error
		require.ErrorAs(t, err, &p, what)
		assert.Equal(t, app.BadSearch, p.Kind, what)
		assert.Contains(t, p.Hint, "31", what)
	}
	for _, q := range []journal.Query{
		{BusinessDate: journal.Span[string]{From: date("20260101"), To: date("20260131")}},
		{StoreCode: "s1", Terminals: sequence.Of(1), TransactionNo: journal.Span[int64]{From: &one, To: &one}},
	} {
		q.Limit = 10
		found, err := b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: q})
		require.NoError(t, err)
		assert.NotEmpty(t, found.Items)
	}
	// A cursor of the live journal is none of the archive.
	first, last := "20260101", "20260131"
	q := journal.Query{BusinessDate: journal.Span[string]{From: &first, To: &last}, Limit: 1}
	live, err := b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Query: q})
	require.NoError(t, err)
	require.NotEmpty(t, live.NextCursor)
	_, err = b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Query: q, Archived: true, Cursor: live.NextCursor})
	require.ErrorContains(t, err, "cursor")

	none := newBench(t)
	none.provision("acme")
	_, err = none.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: q})
	require.ErrorContains(t, err, "no archive")
}

// Whoever asks for one event, a session, an order, a proof or an export gets the same, to the byte,
// wherever it is.
func TestWhatIsArchivedIsReadAsBefore(t *testing.T) {
	b := newArchiveBench(t)
	days, events := past(b, 3)
	signed, err := b.app.Proof.Checkpoint(t.Context(), "acme")
	require.NoError(t, err)
	keys, err := proof.ParseKeys(b.publicKey)
	require.NoError(t, err)
	snapshot := func() map[string]string {
		out := map[string]string{}
		say := func(name string, v any, err error) {
			raw, _ := json.Marshal(v)
			out[name] = fmt.Sprintf("%s %v", raw, err)
		}
		for _, e := range events {
			id := e.Head().EventID
			l, err := b.app.Search.Entry(t.Context(), "acme", id)
			say("entry "+id, l, err)
			in, err := b.app.Proof.Event(t.Context(), "acme", id)
			require.NoError(t, err)
			require.Empty(t, in.Line.Check(&in.Checkpoint))
			say("proof "+id, in.Line, nil)
			switch e := e.(type) {
			case *event.TranLog:
				events, entries, err := b.app.Orders.Timeline(t.Context(), "acme", e.CartID)
				require.NoError(t, err)
				require.Len(t, events, 1)
				require.Len(t, entries, 1)
				say("order "+e.CartID, []any{events, entries}, nil)
			case *event.OpenCloseLog:
				r, err := b.app.Sessions.Reconcile(t.Context(), journal.SessionKey{Terminal: l.Terminal(), BusinessDate: e.BusinessDate, OpenCounter: 1})
				say("session "+id, r, err)
			}
		}
		for from := uint64(0); from < signed.Size; from += 7 {
			page, err := b.app.Proof.Export(t.Context(), "acme", signed.Size, from, 7)
			require.NoError(t, err)
			say(fmt.Sprint("export ", from), string(page), nil)
		}
		return out
	}
	before := snapshot()
	a := b.archiver()
	for i, day := range days {
		b.archiveDay(a, day, 1)
		if i == 2 { // some here and some there
			require.Equal(t, before, snapshot())
		}
	}
	require.Equal(t, before, snapshot())
	b.holds("acme")
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, len(days), v.Archive.Segments)
	assert.Equal(t, len(events), v.Archive.Events)

	page, err := b.app.Proof.Export(t.Context(), "acme", signed.Size, 0, 1000)
	require.NoError(t, err)
	header, err := json.Marshal(proof.Header{Format: proof.ExportFormat, Version: 1, TenantID: "acme", Events: signed.Size, Checkpoint: signed.Note})
	require.NoError(t, err)
	check, err := proof.NewCheck(keys, header, nil)
	require.NoError(t, err)
	for line := range strings.Lines(string(page)) {
		check.Add([]byte(line))
	}
	assert.Nil(t, check.Report(), "an export that is half from the archive proves itself")
}

// A late repeat of what is archived is a repeat, and a late event makes a part of its own.
func TestALateEventOfAnArchivedDay(t *testing.T) {
	b := newArchiveBench(t)
	days, events := past(b, 2)
	a := b.archiver()
	b.archiveDay(a, days[0], 1)
	assert.Equal(t, []app.Result{app.ResultRepeat}, results(b.deliver(events[0])))
	till := tilltest.New("acme", "s1", 7)
	till.BusinessDate, till.Now = days[0].BusinessDate, time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)
	late := till.Sale("77")
	b.deliver(late)
	require.NoError(t, b.app.Examine(t.Context()))
	b.archiveDay(a, days[0], 2)
	l, err := b.app.Search.Entry(t.Context(), "acme", late.EventID)
	require.NoError(t, err)
	assert.Equal(t, "77", l.Amount.String())
	b.holds("acme")
}

// A segment that is gone, changed or exchanged is found by the verification, which names it, and by
// whoever reads it; nothing wrong is ever shown for right.
func TestADamagedSegmentIsFoundAndNamed(t *testing.T) {
	b := newArchiveBench(t)
	days, events := past(b, 2)
	a := b.archiver()
	rows := []*app.Segment{b.archiveDay(a, days[0], 1), b.archiveDay(a, days[1], 1)}
	name := rows[0].Name()
	var id string
	for _, e := range events {
		if l, ok := e.(*event.TranLog); ok && l.StoreCode == "s1" && l.BusinessDate == days[0].BusinessDate {
			id = l.EventID
		}
	}
	content := func(name string) []byte {
		blob, err := b.blobs.Open(t.Context(), name)
		require.NoError(t, err)
		raw, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		require.NoError(t, err)
		return raw
	}
	right, other := content(name), content(rows[1].Name())
	forge := func(header func(*archive.Header), line func(*proof.Line)) {
		segment, err := archive.Open(t.Context(), archive.Bytes(right))
		require.NoError(t, err)
		h := segment.Manifest().Header
		header(&h)
		var file bytes.Buffer
		w, err := archive.NewWriter(&file, h)
		require.NoError(t, err)
		require.NoError(t, segment.Each(t.Context(), 0, func(_ int, m *archive.Member, l *proof.Line) bool {
			if l.EventID == id {
				line(l)
			}
			require.NoError(t, w.Add(m.Topic, l))
			return true
		}))
		_, err = w.Close()
		require.NoError(t, err)
		require.NoError(t, b.blobs.Put(t.Context(), name, &file))
	}
	for what, harm := range map[string]func(){
		"written anew": func() {
			forge(func(h *archive.Header) { h.WrittenAt = h.WrittenAt.Add(time.Second) }, func(*proof.Line) {})
		},
		"forged": func() {
			forge(func(*archive.Header) {}, func(l *proof.Line) {
				l.Entry = bytes.Replace(l.Entry, []byte(`"receipt_no":10`), []byte(`"receipt_no":20`), 1)
				l.EntryHash = proof.HashOf(l.Entry)
				l.Hash = l.Link.Hash()
			})
		},
		"gone":      func() { require.NoError(t, b.blobs.Delete(t.Context(), name)) },
		"exchanged": func() { require.NoError(t, b.blobs.Put(t.Context(), name, bytes.NewReader(other))) },
		"cut":       func() { require.NoError(t, b.blobs.Put(t.Context(), name, bytes.NewReader(right[:len(right)/2]))) },
		"changed": func() {
			changed := bytes.Clone(right)
			for i := 500; i < len(changed)-500; i += 50 {
				changed[i] ^= 0x55
			}
			require.NoError(t, b.blobs.Put(t.Context(), name, bytes.NewReader(changed)))
		},
	} {
		harm()
		v, err := b.app.Proof.Verify(t.Context(), "acme")
		require.NoError(t, err, what)
		require.False(t, v.Holds(), what)
		require.NotNil(t, v.Archive.Bad, what)
		assert.Equal(t, name, v.Archive.Bad.Name, what)
		assert.NotEmpty(t, v.Archive.Bad.Problem, what)
		if _, err = b.app.Search.Entry(t.Context(), "acme", id); what != "written anew" { // what it says is right
			var p *problem.Error
			require.ErrorAs(t, err, &p, what)
			assert.Equal(t, app.EntryDamaged, p.Kind, what)
			_, err = b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: journal.Query{StoreCode: "s1",
				BusinessDate: journal.Span[string]{From: &days[0].BusinessDate, To: &days[0].BusinessDate}, Limit: 100}})
			require.ErrorAs(t, err, &p, what)
			assert.Equal(t, app.EntryDamaged, p.Kind, what)
		}
		require.NoError(t, b.blobs.Put(t.Context(), name, bytes.NewReader(right)))
		b.holds("acme")
	}
}

// Where segments are kept may be away for a while.
func TestAnArchiveThatIsAway(t *testing.T) {
	b := newArchiveBench(t)
	days, events := past(b, 1)
	b.archiveDay(b.archiver(), days[0], 1)
	b.stop()
	b.blobs = away{b.blobs}
	b.start()
	_, err := b.app.Search.Entry(t.Context(), "acme", events[0].Head().EventID)
	var p *problem.Error
	require.ErrorAs(t, err, &p)
	assert.Equal(t, 503, p.Kind.Status)
	_, err = b.app.Proof.Verify(t.Context(), "acme")
	require.ErrorAs(t, err, &p)
	assert.Equal(t, 503, p.Kind.Status)
}

// Who knows of segments and cannot read or check them does not say that all is well.
func TestSegmentsThatCannotBeVerifiedAreNotPassedOver(t *testing.T) {
	b := newArchiveBench(t)
	days, _ := past(b, 1)
	verify := func(change func(*app.Config)) error {
		c := app.Config{Store: b.store, Clock: b.clock, NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), PublicKey: b.publicKey, Blobs: b.blobs}
		change(&c)
		_, err := app.New(c).Proof.Verify(t.Context(), "acme")
		return err
	}
	lacks := map[string]func(*app.Config){
		"where segments are kept": func(c *app.Config) { c.Blobs = nil },
		"no public key":           func(c *app.Config) { c.PublicKey = "" },
	}
	for _, change := range lacks {
		require.NoError(t, verify(change), "there is no segment yet")
	}
	b.archiveDay(b.archiver(), days[0], 1)
	require.NoError(t, verify(func(*app.Config) {}))
	for what, change := range lacks {
		var p *problem.Error
		require.ErrorAs(t, verify(change), &p, what)
		assert.Equal(t, app.ArchiveAway, p.Kind)
		assert.Contains(t, p.Detail, "1 segments of this tenant")
		assert.Contains(t, p.Detail, what)
	}
}

type away struct{ archive.Blobs }

func (away) Open(context.Context, string) (archive.Blob, error) {
	return nil, errors.New("connection refused")
}

// What was purged is said to be purged; all else is as it was.
func TestWhatWasPurged(t *testing.T) {
	b := newArchiveBench(t)
	days, events := past(b, 1)
	require.NoError(t, b.store.SetRetention(t.Context(), "acme", journal.Retention{LiveDays: 1, KeepDays: 2, At: "03:00"}))
	a := b.archiver()
	row := b.archiveDayUntil(a, days[0], 1, "20260110")
	require.NoError(t, a.Purge(t.Context(), "acme", row.Name(), app.Purge{By: "ann", Why: "retention", At: b.clock.Now(), SHA256: row.SHA256}))
	require.NoError(t, b.blobs.Delete(t.Context(), row.Name()))
	require.NoError(t, a.Erased(t.Context(), "acme", row.Name(), b.clock.Now()))

	id := events[0].Head().EventID
	_, err := b.app.Search.Entry(t.Context(), "acme", id)
	var p *problem.Error
	require.ErrorAs(t, err, &p)
	assert.Equal(t, app.EntryNotFound, p.Kind)
	_, err = b.app.Proof.Event(t.Context(), "acme", id)
	require.ErrorAs(t, err, &p)
	assert.Equal(t, app.EntryNotFound, p.Kind)
	assert.Contains(t, p.Detail, "purged")
	signed, err := b.app.Proof.Checkpoint(t.Context(), "acme")
	require.NoError(t, err)
	_, err = b.app.Proof.Export(t.Context(), "acme", signed.Size, 0, 10)
	require.ErrorAs(t, err, &p)
	assert.Contains(t, p.Detail, "purged")
	first, last := "20260101", "20260131"
	found, err := b.app.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: journal.Query{BusinessDate: journal.Span[string]{From: &first, To: &last}, Limit: 10}})
	require.NoError(t, err)
	assert.Empty(t, found.Items)
	b.holds("acme")
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, 1, v.Archive.Purged)
}
