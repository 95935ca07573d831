package app

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// What one search may cost.
const (
	// keywordBudget is how many entries a keyword search may read.
	keywordBudget = 20_000
	searchTimeout = 3 * time.Second
)

// Search finds journal entries.
type Search struct {
	store   Store
	seconds *searchSeconds
}

// SearchRequest is a query as a caller states it.
type SearchRequest struct {
	Tenant        string
	Query         journal.Query        // without Generated, Keywords and After
	GenerateDates journal.Span[string] // YYYY-MM-DD, both included, in TimeZone
	TimeZone      string               // "": the store's
	Keyword       string
	Cursor        string
}

// SearchResult is a page and the way to the next.
type SearchResult struct {
	journal.Page
	NextCursor string // "" on the last page
}

// Find gives one page. It fails with BadSearch, SearchTooWide or TenantUnknown.
func (s *Search) Find(ctx context.Context, r SearchRequest) (*SearchResult, error) {
	defer s.seconds.time(&r)()
	q := r.Query
	q.Keywords = journal.Keywords(r.Keyword)
	var err error
	if q.Generated, err = s.instants(ctx, &r); err != nil {
		return nil, err
	}
	print := fingerprint(&q)
	if q.After, err = readCursor(r.Cursor, print); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	var page journal.Page
	if len(q.Keywords) > 0 {
		page, err = s.byKeyword(limited, r.Tenant, q)
	} else {
		page, err = s.store.Search(limited, r.Tenant, q)
	}
	switch {
	case err == nil:
	case ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return nil, SearchTooWide.New("the search took longer than %s", searchTimeout).Because(err)
	case errors.Is(err, ErrTooWide):
		return nil, SearchTooWide.New("too many entries would have to be looked at").Because(err)
	case errors.Is(err, ErrNotFound):
		return nil, badCursor()
	default:
		return nil, asProblem(err, EntryNotFound)
	}
	result := &SearchResult{Page: page}
	if page.More {
		result.NextCursor = writeCursor(print, page.Items[len(page.Items)-1].EventID)
	}
	return result, nil
}

// byKeyword reads the candidates of the other filters and looks into each.
func (s *Search) byKeyword(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	var page journal.Page
	read, skip, begun := 0, q.Skip, q.After == ""
	err := s.store.Each(ctx, tenant, q, func(l *journal.Listed) bool {
		if read++; read > keywordBudget {
			return false
		}
		here := begun
		if l.EventID == q.After {
			begun = true
		}
		if !journal.Holds(l.JournalText, q.Keywords) {
			return true
		}
		page.Total++
		switch {
		case !here:
		case skip > 0:
			skip--
		case len(page.Items) < q.Limit:
			page.Items = append(page.Items, *l)
		default:
			page.More = true
		}
		return true
	})
	switch {
	case err != nil:
		return page, err
	case read > keywordBudget:
		return page, SearchTooWide.New("a keyword is looked for in at most %d entries, and the other filters leave more", keywordBudget)
	case !begun:
		return page, ErrNotFound
	}
	return page, nil
}

// instants turns dates into instants in the time zone of the store.
func (s *Search) instants(ctx context.Context, r *SearchRequest) (journal.Span[time.Time], error) {
	var span journal.Span[time.Time]
	if r.GenerateDates.Open() {
		return span, nil
	}
	zone, err := s.zone(ctx, r)
	if err != nil {
		return span, err
	}
	if r.GenerateDates.From != nil {
		from, err := time.ParseInLocation(time.DateOnly, *r.GenerateDates.From, zone)
		if err != nil {
			return span, badDate("generateDateFrom", err)
		}
		span.From = &from
	}
	if r.GenerateDates.To != nil {
		to, err := time.ParseInLocation(time.DateOnly, *r.GenerateDates.To, zone)
		if err != nil {
			return span, badDate("generateDateTo", err)
		}
		to = to.AddDate(0, 0, 1) // the day itself is included
		span.To = &to
	}
	return span, nil
}

func badDate(name string, err error) error {
	return BadSearch.New("%s: must be a date such as 2026-03-29", name).Because(err).
		WithFields(problem.Field{Name: name, Rule: "datetime", Message: "must be a date of the form YYYY-MM-DD such as 2026-03-29"})
}

// zone finds the time zone that dates are meant in: the one that was asked for, else the store's, and
// for a whole tenant the one that all its stores share. A store that is not known has UTC.
func (s *Search) zone(ctx context.Context, r *SearchRequest) (*time.Location, error) {
	name := r.TimeZone
	if name == "" {
		stores, err := s.store.Stores(ctx, r.Tenant)
		if err != nil {
			return nil, asProblem(err, TenantUnknown)
		}
		zones := map[string]bool{}
		for _, snapshot := range stores {
			if r.Query.StoreCode == "" || r.Query.StoreCode == snapshot.Store.StoreCode {
				name, zones[snapshot.Store.TimeZone] = snapshot.Store.TimeZone, true
			}
		}
		if len(zones) > 1 {
			return nil, BadSearch.New("the tenant's stores lie in different time zones").
				WithHint("Say with timeZone=Asia/Tokyo which one the dates are meant in, or search one store.").
				WithFields(problem.Field{Name: "timeZone", Rule: "required", Message: "must be given, such as Asia/Tokyo"})
		}
	}
	zone, err := time.LoadLocation(name) // "" is UTC
	if err != nil || name == "Local" {
		return nil, BadSearch.New("timeZone: %q is unknown", name).
			WithFields(problem.Field{Name: "timeZone", Rule: "timezone", Message: "must be an IANA time zone such as Asia/Tokyo"})
	}
	return zone, nil
}

// cursor is where a page ended. The filter is in it as a fingerprint: going on with another one would
// skip entries in silence.
type cursor struct {
	Version int    `json:"v"`
	Filter  string `json:"f"`
	After   string `json:"a"`
}

func fingerprint(q *journal.Query) string {
	same := *q
	same.Skip, same.Limit, same.After = 0, 0, ""
	raw, err := json.Marshal(same)
	if err != nil {
		panic(fmt.Sprintf("query cannot be written: %v", err)) // plain values only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func writeCursor(fingerprint, after string) string {
	raw, _ := json.Marshal(cursor{1, fingerprint, after}) // strings only: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readCursor(text, fingerprint string) (after string, err error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	var c cursor
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.Version != 1 || c.After == "" {
		return "", badCursor()
	}
	if c.Filter != fingerprint {
		return "", BadSearch.New("cursor: belongs to a search with other filters or another sort").
			WithFields(problem.Field{Name: "cursor", Rule: "same-filters", Message: "must come with the parameters of the search that gave it"})
	}
	return c.After, nil
}

func badCursor() error {
	return BadSearch.New("cursor: was not given by this search").
		WithFields(problem.Field{Name: "cursor", Rule: "format", Message: "must be the nextCursor of the page before"})
}

// Entry gives one entry.
func (s *Search) Entry(ctx context.Context, tenant, id string) (*journal.Listed, error) {
	l, err := s.store.Entry(ctx, tenant, id)
	return l, asProblem(err, EntryNotFound)
}
