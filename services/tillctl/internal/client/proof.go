package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Stream is how far the events of a terminal, or of a tenant itself, have come in the journal.
type Stream struct {
	StreamID   string     `json:"streamId"`
	ChainSeq   uint64     `json:"chainSeq"` // last link of the chain
	LastHash   string     `json:"lastHash"`
	Producers  []Progress `json:"producers"`
	TerminalNo int        `json:"terminalNo"`
}

// Progress is what of one producer's sequence is there.
type Progress struct {
	Producer        string       `json:"producer"`
	ReceivedThrough uint64       `json:"receivedThrough"`
	CompleteThrough uint64       `json:"completeThrough"`
	Missing         sequence.Set `json:"missing"`
	Twice           sequence.Set `json:"twice"`
}

// Streams of a tenant.
func (j Journals) Streams(ctx context.Context, tenant string) (List[Stream], error) {
	var list List[Stream]
	return list, j.get(ctx, path("tenants", tenant, "streams"), nil, &list)
}

// Verification says whether the journal is what was stored.
type Verification struct {
	Holds      bool             `json:"holds"`
	VerifiedAt time.Time        `json:"verifiedAt"`
	Streams    []VerifiedStream `json:"streams"`
	Strays     []struct {
		Where string `json:"where"`
		ID    string `json:"id"`
	} `json:"strays"`
	Log struct {
		Size        uint64 `json:"size"`
		RootHash    string `json:"rootHash"`
		Waiting     uint64 `json:"waiting"`     // events that are not in the log yet
		Checkpoints int    `json:"checkpoints"` // that were compared
		FirstBad    *struct {
			Index     uint64 `json:"index"`
			LastIndex uint64 `json:"lastIndex"`
			StreamID  string `json:"streamId"`
			ChainSeq  uint64 `json:"chainSeq"`
			Problem   string `json:"problem"`
		} `json:"firstBad"`
	} `json:"log"`
}

// VerifiedStream is what was found in one chain.
type VerifiedStream struct {
	Stream
	Count    uint64 `json:"count"`
	FirstBad *struct {
		ChainSeq uint64 `json:"chainSeq"`
		EventID  string `json:"eventId"`
		Problem  string `json:"problem"`
	} `json:"firstBad"`
}

// Verify lets the journal compute every hash of a tenant anew.
func (j Journals) Verify(ctx context.Context, tenant string) (Answer[Verification], error) {
	var v Answer[Verification]
	return v, j.patient().get(ctx, path("tenants", tenant, "verification"), nil, &v)
}

// Session names one opening of a terminal.
type Session struct {
	Store        string
	TerminalNo   int
	BusinessDate string
	OpenCounter  int
}

// Reconciliation holds the logs of a session against what the terminal said at its close.
type Reconciliation struct {
	TerminalID   string `json:"terminalId"`
	BusinessDate string `json:"businessDate"`
	OpenCounter  int    `json:"openCounter"`
	State        string `json:"state"`
	Matches      bool   `json:"matches"`
	Logs         struct {
		CartTransactionCount int64         `json:"cartTransactionCount"`
		CashInOutCount       int64         `json:"cashInOutCount"`
		CashInOutAmount      money.Decimal `json:"cashInOutAmount"`
		SalesCash            money.Decimal `json:"salesCash"`
		ExpectedCash         money.Decimal `json:"expectedCash"`
	} `json:"logs"`
	Close       *Closed `json:"close"`
	Differences []struct {
		Field string `json:"field"`
		Logs  string `json:"logs"`
		Close string `json:"close"`
	} `json:"differences"`
}

// Closed is what a till said when it was closed.
type Closed struct {
	CountedCash *money.Decimal `json:"countedCash"`
	OverShort   *money.Decimal `json:"overShort"`
}

// States of a session.
const (
	SessionOpen        = "open"        // not closed yet
	SessionMatches     = "matches"     // logs and close say the same
	SessionDiffers     = "differs"     // they don't
	SessionProvisional = "provisional" // closed by force, without counts to compare
)

// Reconcile gives the reconciliation of a session.
func (j Journals) Reconcile(ctx context.Context, tenant string, s Session) (Answer[Reconciliation], error) {
	var r Answer[Reconciliation]
	where := path("tenants", tenant, "stores", s.Store, "terminals", strconv.Itoa(s.TerminalNo), "reconciliation")
	query := url.Values{"businessDate": {s.BusinessDate}, "openCounter": {strconv.Itoa(s.OpenCounter)}}
	return r, j.get(ctx, where, query, &r)
}
