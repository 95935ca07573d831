package httpapi

// page are the query parameters of every list.
type page struct {
	Skip  int `form:"skip" validate:"min=0"`
	Limit int `form:"limit" validate:"min=1,max=100"`
}

// firstPage is what a request without parameters asks for.
var firstPage = page{Limit: 100}

// list is the answer of every list. Total counts all that match, not only this page; it is a lower
// bound when TotalIsLowerBound says so.
type list[T any] struct {
	Items             []T  `json:"items"`
	Total             int  `json:"total"`
	TotalIsLowerBound bool `json:"totalIsLowerBound,omitempty"`
	Skip              int  `json:"skip"`
	Limit             int  `json:"limit"`
}

// listOf cuts a page out of everything.
func listOf[T any](all []T, p page) list[T] {
	from := min(p.Skip, len(all))
	to := min(from+p.Limit, len(all))
	return list[T]{Items: all[from:to], Total: len(all), Skip: p.Skip, Limit: p.Limit}
}
