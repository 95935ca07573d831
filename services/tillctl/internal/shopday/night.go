package shopday

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

const (
	// arrivalPatience is how long events may take to the journal. On a sound stack they need less than
	// a second.
	arrivalPatience = 60 * time.Second
	arrivalPoll     = 100 * time.Millisecond
)

// Arrived waits until the journal has every event of the day and has told so. It gives the number of
// events.
func (d *Day) Arrived(ctx context.Context) (events uint64, err error) {
	for start := d.Clock.Now(); ; {
		events, late, err := d.onTheirWay(ctx)
		if err != nil || len(late) == 0 {
			return events, err
		}
		if d.Clock.Since(start) > arrivalPatience {
			return events, fmt.Errorf("after %s the journal still lacks events: %s\n  See `tillctl deliveries --tenant %s`, and the log of the journal",
				arrivalPatience, strings.Join(late, "; "), d.Tenant)
		}
		select {
		case <-ctx.Done():
			return events, ctx.Err()
		case <-d.Clock.After(arrivalPoll):
		}
	}
}

// onTheirWay counts the events that were made, and names the streams of which some have not arrived.
func (d *Day) onTheirWay(ctx context.Context) (events uint64, late []string, err error) {
	admin := d.Cast.Administrator
	for _, producer := range []*client.Service{admin.Carts.Service, admin.Terminals.Service} {
		outboxes, err := producer.Outboxes(ctx, d.Tenant)
		if err != nil {
			return 0, nil, err
		}
		for _, o := range outboxes.Values() {
			events += o.LastSequence
			if waiting := o.Unconfirmed + uint64(max(o.Parked, 0)); waiting > 0 {
				late = append(late, fmt.Sprintf("%d of %s", waiting, o.StreamID))
			}
		}
	}
	return events, late, nil
}

// Entries of the day's sessions in the journal, in the order in which they happened.
func (d *Day) Entries(ctx context.Context) ([]client.Entry, error) {
	var entries []client.Entry
	for _, b := range d.Books() {
		found, err := d.Cast.Auditor.Journals.Search(ctx, d.Tenant, client.SearchQuery{
			Store: b.Session.Store,
			Filters: url.Values{
				"terminalNo":       {strconv.Itoa(b.Session.TerminalNo)},
				"businessDateFrom": {b.Session.BusinessDate}, "businessDateTo": {b.Session.BusinessDate},
			},
		})
		if err != nil {
			return nil, err
		}
		for _, e := range found.Values() {
			if e.OpenCounter == b.Session.OpenCounter {
				entries = append(entries, e)
			}
		}
	}
	// What one command makes has one time: an opening stands before the float that it puts in.
	slices.SortStableFunc(entries, func(a, b client.Entry) int {
		return cmp.Or(cmp.Compare(a.GenerateDateTime, b.GenerateDateTime), cmp.Compare(a.TransactionType, b.TransactionType))
	})
	return entries, nil
}

// Compare holds entries of the day against the books and says what differs.
func (d *Day) Compare(entries []client.Entry) []string {
	var differences []string
	for _, b := range d.Books() {
		own := slices.DeleteFunc(slices.Clone(entries), func(e client.Entry) bool { return e.TerminalNo != b.Session.TerminalNo })
		differences = append(differences, b.Compare(own)...)
	}
	return differences
}
