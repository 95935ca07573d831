package archivetest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// Log is the log of a tenant with some shop days in it, as a journal has it.
type Log struct {
	Tenant     string
	Events     []Event
	Checkpoint proof.Checkpoint
	Keys       proof.Keys
	PublicKey  string
	signer     *proof.Signer
	nodes      forest
	edge       proof.Edge
}

// Event is one event of a log.
type Event struct {
	Topic string
	Store string
	Date  string // its segment's
	proof.Line
}

// SignedAt is when the checkpoints of logs were signed.
var SignedAt = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// NewLog makes the log of a plan's days. The same plan always gives the same log.
func NewLog(t testing.TB, plan shopdays.Plan) *Log {
	t.Helper()
	l := &Log{Tenant: plan.Tenant, nodes: forest{tiles: map[int][]proof.Tile{}}}
	private, _, err := proof.NewKey(strings.NewReader(strings.Repeat("the key of a log for tests", 8)))
	require.NoError(t, err)
	l.signer, l.PublicKey, err = proof.NewSigner(private)
	require.NoError(t, err)
	l.Keys, err = proof.ParseKeys(l.PublicKey)
	require.NoError(t, err)
	heads := map[string]proof.Link{}
	plan.Days(func(day []event.Event) bool {
		for _, e := range day {
			l.add(t, heads, e)
		}
		return true
	})
	l.Sign(t)
	return l
}

func (l *Log) add(t testing.TB, heads map[string]proof.Link, e event.Event) {
	h := e.Head()
	if h.TerminalNo == 0 {
		return
	}
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	content, err := canonical.JSON(raw)
	require.NoError(t, err)
	entry, date := entryOf(t, e)
	stream := h.Stream().ID()
	before := heads[stream]
	link := proof.Link{Version: proof.ChainVersion, Seq: before.Seq + 1, Stream: stream, EventID: h.EventID, ContentHash: proof.HashOf(content)}
	if before.Seq > 0 {
		link.Prev = before.Hash()
	}
	if entry != nil {
		link.EntryHash = proof.HashOf(entry)
	}
	heads[stream] = link
	l.Events = append(l.Events, Event{e.Topic(), h.StoreCode, date,
		proof.Line{Index: uint64(len(l.Events)), Link: link, Hash: link.Hash(), Content: content, Entry: entry}})
	l.nodes.append(&l.edge, proof.LeafHash(link.Hash()))
}

// Sign makes the checkpoint of the log as it is, and the proofs that lead to it.
func (l *Log) Sign(t testing.TB) {
	t.Helper()
	size := uint64(len(l.Events))
	var err error
	l.Checkpoint, err = l.signer.Sign(proof.Checkpoint{Tenant: l.Tenant, Size: size, Root: l.edge.Root(), Time: SignedAt})
	require.NoError(t, err)
	prover := proof.NewProver(size, &l.nodes)
	for i := range l.Events {
		l.Events[i].Inclusion, err = prover.Inclusion(uint64(i), size)
		require.NoError(t, err)
	}
}

// Of lists the events of a store and a business date; of all stores and dates when they are "".
func (l *Log) Of(store, date string) []*Event {
	var of []*Event
	for i := range l.Events {
		if e := &l.Events[i]; (store == "" || e.Store == store) && (date == "" || e.Date == date) {
			of = append(of, e)
		}
	}
	return of
}

// Header of a segment of the log.
func (l *Log) Header(store, date string) archive.Header {
	return archive.Header{TenantID: l.Tenant, StoreCode: store, BusinessDate: date, Part: 1, Checkpoint: l.Checkpoint.Note, WrittenAt: SignedAt.Add(time.Hour)}
}

// Segment of a store and a business date.
func (l *Log) Segment(t testing.TB, store, date string) ([]byte, archive.Manifest) {
	t.Helper()
	return Write(t, l.Header(store, date), l.Of(store, date))
}

// Write a segment of events.
func Write(t testing.TB, h archive.Header, events []*Event) ([]byte, archive.Manifest) {
	t.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, h)
	require.NoError(t, err)
	for _, e := range events {
		require.NoError(t, w.Add(e.Topic, &e.Line))
	}
	m, err := w.Close()
	require.NoError(t, err)
	return file.Bytes(), m
}

// entryOf makes an entry with the fields that those of the journal have.
func entryOf(t testing.TB, e event.Event) (form []byte, date string) {
	type fields struct {
		Amount           money.Decimal `json:"amount"`
		BusinessCounter  int           `json:"business_counter"`
		BusinessDate     string        `json:"business_date"`
		GenerateDateTime string        `json:"generate_date_time"`
		JournalText      string        `json:"journal_text"`
		OpenCounter      int           `json:"open_counter"`
		Quantity         *int64        `json:"quantity"`
		ReceiptNo        *int64        `json:"receipt_no"`
		ReceiptText      string        `json:"receipt_text"`
		StaffID          *string       `json:"staff_id"`
		StoreCode        string        `json:"store_code"`
		TenantID         string        `json:"tenant_id"`
		TerminalNo       int           `json:"terminal_no"`
		TransactionNo    *string       `json:"transaction_no"`
		TransactionType  int           `json:"transaction_type"`
		UserID           *string       `json:"user_id"`
	}
	h := e.Head()
	out := fields{StoreCode: h.StoreCode, TenantID: h.TenantID, TerminalNo: h.TerminalNo}
	switch e := e.(type) {
	case *event.TranLog:
		no := strconv.FormatInt(e.TransactionNo, 10)
		out.Amount, out.BusinessCounter, out.OpenCounter, out.TransactionType = e.Sales.TotalAmountWithTax, e.BusinessCounter, e.OpenCounter, e.TransactionType
		out.BusinessDate, out.GenerateDateTime, out.JournalText, out.ReceiptText = e.BusinessDate, e.GenerateDateTime, e.JournalText, e.ReceiptText
		out.Quantity, out.ReceiptNo, out.TransactionNo = &e.Sales.TotalQuantity, &e.ReceiptNo, &no
		if e.Staff != nil {
			out.StaffID = &e.Staff.ID
		}
	case *event.CashLog:
		out.Amount, out.BusinessCounter, out.OpenCounter, out.TransactionType = e.Amount, e.BusinessCounter, e.OpenCounter, 401
		if e.Amount.Sign() < 0 {
			out.TransactionType = 402
		}
		out.BusinessDate, out.GenerateDateTime, out.JournalText, out.ReceiptText, out.StaffID = e.BusinessDate, e.GenerateDateTime, e.JournalText, e.ReceiptText, &e.StaffID
	case *event.OpenCloseLog:
		out.BusinessCounter, out.OpenCounter, out.TransactionType = e.BusinessCounter, e.OpenCounter, 301
		if e.Operation == event.OperationClose {
			out.TransactionType = 302
		}
		out.BusinessDate, out.GenerateDateTime, out.JournalText, out.ReceiptText, out.StaffID = e.BusinessDate, e.GenerateDateTime, e.JournalText, e.ReceiptText, &e.StaffID
	default:
		return nil, h.OccurredAt.Format("20060102") // of the shop's own day
	}
	raw, err := json.Marshal(out)
	require.NoError(t, err)
	form, err = canonical.JSON(raw)
	require.NoError(t, err)
	return form, out.BusinessDate
}

// forest keeps the nodes of a tree as a store does.
type forest struct {
	leaves []proof.Hash
	tiles  map[int][]proof.Tile
}

func (f *forest) append(edge *proof.Edge, leaf proof.Hash) {
	f.leaves = append(f.leaves, leaf)
	edge.Append(leaf, func(t proof.Tile) { f.tiles[t.Level] = append(f.tiles[t.Level], t) })
}

// Row implements proof.Nodes.
func (f *forest) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	if level == 0 {
		return f.leaves[begin:end], nil
	}
	var out []proof.Hash
	for _, t := range f.tiles[level-1][begin:end] {
		out = append(out, t.Root)
	}
	return out, nil
}

// SignOther signs another log of the same size, as somebody does who has the key and makes everything
// anew.
func (l *Log) SignOther(t testing.TB) (note string) {
	t.Helper()
	other, err := l.signer.Sign(proof.Checkpoint{Tenant: l.Tenant, Size: l.Checkpoint.Size, Root: proof.LeafHash(l.Checkpoint.Root), Time: SignedAt})
	require.NoError(t, err)
	return other.Note
}
