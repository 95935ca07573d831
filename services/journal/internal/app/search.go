package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Search finds journal entries.
type Search struct {
	store   Store
	archive *archiveFinder // nil: there is none
	seconds *searchSeconds
	limits  SearchLimits
}

// NewSearch is for whoever needs nothing else of the service.
func NewSearch(store Store, limits SearchLimits, metrics prometheus.Registerer) *Search {
	return &Search{store: store, limits: limits.OrUsual(), seconds: newSearchSeconds(metrics)}
}

// SearchRequest is a query as a caller states it.
type SearchRequest struct {
	Tenant        string
	Query         journal.Query        // without Generated, Keywords and After
	GenerateDates journal.Span[string] // YYYY-MM-DD, both included, in TimeZone
	TimeZone      string               // "": the store's
	Keyword       string
	Regex         bool // Keyword is a pattern
	Cursor        string
	Archived      bool // the archive is searched, and not the live journal
}

// SearchResult is a page and the way to the next.
type SearchResult struct {
	journal.Page
	NextCursor string // "" on the last page
	// ArchivedUntil is the newest business date (YYYYMMDD) in the archive that was asked for and not
	// searched, because the live journal was; "": none.
	ArchivedUntil string
}

// Find gives one page. It fails with BadSearch, SearchTooWide or TenantUnknown.
func (s *Search) Find(ctx context.Context, r SearchRequest) (*SearchResult, error) {
	defer s.seconds.time(&r)()
	q := r.Query
	var err error
	if q.Generated, err = s.instants(ctx, &r); err != nil {
		return nil, err
	}
	find, err := s.way(&r, &q)
	if err != nil {
		return nil, err
	}
	print := fingerprint(&q, &r)
	from, err := readCursor(r.Cursor, print)
	if err != nil {
		return nil, err
	}
	if q.After = from.After; q.After != "" && q.Counting == journal.CountUsual {
		q.Counting = journal.CountNone // the first page has counted
	}
	limited, cancel := context.WithTimeout(ctx, s.limits.Time)
	defer cancel()
	page, err := find(limited, r.Tenant, q)
	switch {
	case err == nil:
	case ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return nil, tooWide(&q, "the search took longer than %s", s.limits.Time).Because(err)
	case errors.Is(err, ErrTooWide):
		return nil, tooWide(&q, "there are %s", strings.TrimPrefix(err.Error(), ErrTooWide.Error()+": ")).Because(err)
	case errors.Is(err, ErrNotFound):
		return nil, badCursor()
	default:
		return nil, asProblem(err, EntryNotFound)
	}
	if q.Counting == journal.CountNone {
		page.Total, page.TotalIsLowerBound = from.Total, from.LowerBound
	}
	result := &SearchResult{Page: page}
	if !r.Archived {
		if result.ArchivedUntil, err = s.archivedUntil(ctx, r.Tenant, &q); err != nil {
			return nil, asProblem(err, TenantUnknown)
		}
	}
	if page.More {
		result.NextCursor = writeCursor(cursor{1, print, page.Items[len(page.Items)-1].EventID, page.Total, page.TotalIsLowerBound})
	}
	return result, nil
}

// way chooses how to find what is asked for: a pattern and an order by relevance are the
// application's, everything else is the store's.
func (s *Search) way(r *SearchRequest, q *journal.Query) (func(context.Context, string, journal.Query) (journal.Page, error), error) {
	var from finder = s.store
	if r.Archived {
		if err := s.checkArchived(q); err != nil {
			return nil, err
		}
		from = s.archive
	}
	ranked := len(q.Sort) > 0 && q.Sort[0].Field == journal.ByRelevance
	if r.Regex {
		if ranked {
			return nil, badParameter("sort", "keyword", "a pattern has no relevance; sort by another field, or search without regex=true")
		}
		return s.byPattern(from, r.Keyword)
	}
	q.Keywords = journal.Keywords(r.Keyword)
	if !ranked {
		return from.Search, nil
	}
	if len(q.Keywords) == 0 {
		return nil, badParameter("sort", "keyword", "relevance is that of keywords, such as keyword=coffee&sort=relevance")
	}
	q.Sort = nil // equals by relevance: newest first
	return s.byRelevance(from), nil
}

// tooWide says which filters would leave less to look at: those that are not there yet.
func tooWide(q *journal.Query, detail string, args ...any) *problem.Error {
	var more []string
	for _, f := range []struct {
		given bool
		names string
	}{
		{q.BusinessDate.From != nil && q.BusinessDate.To != nil, "businessDateFrom and businessDateTo"},
		{q.StoreCode != "", "a store, with …/stores/{store}/journals"},
		{len(q.Terminals) > 0, "terminalNo"},
		{!q.ReceiptNo.Open(), "receiptNoFrom and receiptNoTo"},
		{len(q.Types) > 0, "transactionType"},
	} {
		if !f.given {
			more = append(more, f.names)
		}
	}
	e := SearchTooWide.New(detail, args...)
	if len(more) == 0 {
		return e.WithHint("Ask for fewer days at a time with businessDateFrom and businessDateTo.")
	}
	return e.WithHint("Add a filter that leaves less to look at: %s.", strings.Join(more, "; or "))
}

func badParameter(name, rule, message string) error {
	return BadSearch.New("%s: %s", name, message).WithFields(problem.Field{Name: name, Rule: rule, Message: message})
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

// fingerprint of what is asked for, the page apart.
func fingerprint(q *journal.Query, r *SearchRequest) string {
	same := *q
	same.Skip, same.Limit, same.After, same.Counting = 0, 0, "", 0
	if r.Archived {
		return printOf(same, r.Regex, r.Query.Sort, r.Keyword, "archived")
	}
	return printOf(same, r.Regex, r.Query.Sort, r.Keyword)
}

// Entry gives one entry.
func (s *Search) Entry(ctx context.Context, tenant, id string) (*journal.Listed, error) {
	l, err := s.store.Entry(ctx, tenant, id)
	return l, asProblem(err, EntryNotFound)
}
