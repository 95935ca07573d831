package client

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
)

// Answer is what a service answered: the fields that tillctl knows, and all of it as it came, so that
// nothing gets lost when it is printed as JSON.
type Answer[T any] struct {
	Value T
	raw   json.RawMessage
}

// UnmarshalJSON keeps both.
func (a *Answer[T]) UnmarshalJSON(raw []byte) error {
	a.raw = slices.Clone(raw)
	return json.Unmarshal(raw, &a.Value)
}

// MarshalJSON gives back what came.
func (a Answer[T]) MarshalJSON() ([]byte, error) { return a.raw, nil }

// List is a page of things.
type List[T any] struct {
	Items []Answer[T] `json:"items"`
	Total int         `json:"total"`
	Skip  int         `json:"skip"`
	Limit int         `json:"limit"`

	// TotalIsLowerBound is set by searches that stop counting.
	TotalIsLowerBound bool `json:"totalIsLowerBound,omitempty"`
	// NextCursor asks for the next page of a search; "" on the last one.
	NextCursor string `json:"nextCursor,omitempty"`
	// ArchivedUntil is the newest business date that a search asked for and that stands in the archive,
	// which it did not look into; "" when there is none.
	ArchivedUntil string `json:"archivedUntil,omitempty"`
}

// Values are the items without what else was answered.
func (l List[T]) Values() []T {
	values := make([]T, len(l.Items))
	for i, item := range l.Items {
		values[i] = item.Value
	}
	return values
}

// everything asks for page after page of a list until all of it is there.
func everything[T any](ctx context.Context, s *Service, where string) (List[T], error) {
	var all List[T]
	for {
		query := url.Values{"skip": {strconv.Itoa(len(all.Items))}, "limit": {strconv.Itoa(largestPage)}}
		var page List[T]
		if err := s.get(ctx, where, query, &page); err != nil {
			return all, err
		}
		all.Items = append(all.Items, page.Items...)
		all.Total, all.Limit = page.Total, len(all.Items)
		if len(page.Items) == 0 || len(all.Items) >= page.Total {
			return all, nil
		}
	}
}
