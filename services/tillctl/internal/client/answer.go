package client

import (
	"encoding/json"
	"slices"
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
}

// Values are the items without what else was answered.
func (l List[T]) Values() []T {
	values := make([]T, len(l.Items))
	for i, item := range l.Items {
		values[i] = item.Value
	}
	return values
}
