package shop

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"time"
)

// Verified is the journal's own proof of a tenant.
type Verified struct {
	Holds   bool `json:"holds"`
	Streams []struct {
		StreamID string `json:"streamId"`
		Count    uint64 `json:"count"`
		FirstBad any    `json:"firstBad"`
	} `json:"streams"`
	Strays []any `json:"strays"`
}

// Stream is what the journal has of one stream.
type Stream struct {
	StreamID  string `json:"streamId"`
	ChainSeq  uint64 `json:"chainSeq"`
	Producers []struct {
		Producer        string  `json:"producer"`
		ReceivedThrough uint64  `json:"receivedThrough"`
		CompleteThrough uint64  `json:"completeThrough"`
		Missing         [][]int `json:"missing"`
		Twice           [][]int `json:"twice"`
	} `json:"producers"`
}

// Drained waits until every outbox of the tenant is empty.
func (s *Shop) Drained(ctx context.Context) error {
	var last any
	for {
		open := uint64(0)
		all, err := s.Outboxes(ctx)
		for _, o := range all {
			open += o.Unconfirmed + uint64(o.Parked) //nolint:gosec // not negative
		}
		if err == nil && len(all) > 0 && open == 0 {
			return nil
		}
		last = fmt.Sprint(all, err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("outboxes are not empty: %v", last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Audit checks that the journal holds exactly sales, by terminal: every transaction once, numbers
// and sequences without gaps, the chain intact, nothing left anywhere, and every transaction what its
// events say it was.
func (s *Shop) Audit(ctx context.Context, sales map[int][]Sale) error {
	if err := s.Drained(ctx); err != nil {
		return err
	}
	for no, sold := range sales {
		entries, err := s.Search(ctx, "transactionType=101&terminalNo="+strconv.Itoa(no))
		if err != nil {
			return err
		}
		if err := same(sold, entries); err != nil {
			return fmt.Errorf("terminal %d: %w", no, err)
		}
	}
	var verified Verified
	if err := s.Journal.Call(ctx, http.MethodGet, "/api/v1/tenants/"+s.Tenant+"/verification", nil, &verified); err != nil {
		return err
	}
	if !verified.Holds || len(verified.Streams) == 0 {
		return fmt.Errorf("the journal does not verify: %+v", verified)
	}
	if err := s.complete(ctx); err != nil {
		return err
	}
	return s.Folded(ctx, sales)
}

// same compares sales with entries, one to one.
func same(sales []Sale, entries []Entry) error {
	sort.Slice(sales, func(i, j int) bool { return sales[i].TransactionNo < sales[j].TransactionNo })
	byNo := map[string]Entry{}
	for _, e := range entries {
		if _, twice := byNo[e.TransactionNo]; twice {
			return fmt.Errorf("transaction %s is in the journal twice", e.TransactionNo)
		}
		byNo[e.TransactionNo] = e
	}
	for i, sale := range sales {
		if i > 0 && sale.TransactionNo != sales[i-1].TransactionNo+1 {
			return fmt.Errorf("transaction numbers %d and %d follow each other", sales[i-1].TransactionNo, sale.TransactionNo)
		}
		e, found := byNo[strconv.FormatInt(sale.TransactionNo, 10)]
		switch {
		case !found:
			return fmt.Errorf("sale %d is not in the journal", sale.TransactionNo)
		case e.Amount != sale.TotalAmountWithTax || e.ReceiptNo != sale.ReceiptNo:
			return fmt.Errorf("sale %+v stands in the journal as %+v", sale, e)
		}
	}
	if len(entries) != len(sales) {
		return fmt.Errorf("%d sales, %d entries", len(sales), len(entries))
	}
	return nil
}

// complete checks that no stream has a gap or a number twice, and that each is as long as its outbox.
func (s *Shop) complete(ctx context.Context) error {
	var list struct {
		Items []Stream `json:"items"`
	}
	if err := s.Journal.Call(ctx, http.MethodGet, "/api/v1/tenants/"+s.Tenant+"/streams", nil, &list); err != nil {
		return err
	}
	inJournal := map[string]uint64{}
	for _, stream := range list.Items {
		for _, p := range stream.Producers {
			if len(p.Missing) > 0 || len(p.Twice) > 0 {
				return fmt.Errorf("stream %s of %s: missing %v, twice %v", stream.StreamID, p.Producer, p.Missing, p.Twice)
			}
			inJournal[stream.StreamID] += p.CompleteThrough
		}
	}
	made := map[string]uint64{}
	all, err := s.Outboxes(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		made[o.StreamID] += o.LastSequence
	}
	for id, n := range made {
		if inJournal[id] != n {
			return fmt.Errorf("stream %s: %d events made, %d in the journal", id, n, inJournal[id])
		}
	}
	for _, stream := range list.Items {
		if stream.ChainSeq != made[stream.StreamID] {
			return fmt.Errorf("stream %s: chain of %d links for %d events", stream.StreamID, stream.ChainSeq, made[stream.StreamID])
		}
	}
	return nil
}
