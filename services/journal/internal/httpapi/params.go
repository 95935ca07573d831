package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// params reads query parameters and collects everything that is wrong with them: name, rule, and an
// example of what would be right. What nobody asks for is wrong too: a misspelt filter would give a
// wrong answer in silence.
type params struct {
	values url.Values
	asked  []string
	broken []problem.Field
}

// newParams reads the query itself: the standard library drops in silence what it cannot read.
func newParams(c *gin.Context) *params {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.fail("query", "format", "cannot be read (%v); write ; & and = inside of values as %%3B %%26 and %%3D", err)
	}
	return p
}

func (p *params) fail(name, rule, message string, args ...any) {
	p.broken = append(p.broken, problem.Field{Name: name, Rule: rule, Message: fmt.Sprintf(message, args...)})
}

// one gives the single value of a parameter; "" counts as not given.
func (p *params) one(name string) (string, bool) {
	p.asked = append(p.asked, name)
	given := p.values[name]
	if len(given) > 1 {
		p.fail(name, "once", "must be given once")
		return "", false
	}
	return p.values.Get(name), p.values.Get(name) != ""
}

// err is BadSearch with everything that is wrong, or nil.
func (p *params) err() error {
	for name := range p.values {
		if !slices.Contains(p.asked, name) {
			p.fail(name, "known", "is no parameter here; there are %s", strings.Join(p.asked, ", "))
		}
	}
	if len(p.broken) == 0 {
		return nil
	}
	slices.SortStableFunc(p.broken, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
	return app.BadSearch.New("%s: %s", p.broken[0].Name, p.broken[0].Message).WithFields(p.broken...)
}

// maxText bounds free text.
const maxText = 200

func (p *params) text(name string) string {
	s, _ := p.one(name)
	if len(s) > maxText {
		p.fail(name, "max", "must be at most %d bytes long", maxText)
		return ""
	}
	return s
}

func (p *params) flag(name string) bool {
	s, given := p.one(name)
	if given && s != "true" && s != "false" {
		p.fail(name, "boolean", "must be true or false")
	}
	return s == "true"
}

func (p *params) number(name string, example int64) *int64 {
	s, given := p.one(name)
	if !given {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		p.fail(name, "integer", "must be a whole number such as %d", example)
		return nil
	}
	return &n
}

// bounded is a whole number between low and high.
func (p *params) bounded(name string, fallback, low, high int) int {
	n := p.number(name, int64(fallback))
	switch {
	case n == nil:
		return fallback
	case *n < int64(low) || *n > int64(high):
		p.fail(name, "range", "must be from %d to %d", low, high)
		return fallback
	}
	return int(*n)
}

func (p *params) businessDate(name string) *string {
	s, given := p.one(name)
	if !given {
		return nil
	}
	if !journal.ValidBusinessDate(s) {
		p.fail(name, "date", "must be a date of the form YYYYMMDD such as 20260329")
		return nil
	}
	return &s
}

func (p *params) day(name string) *string {
	s, given := p.one(name)
	if !given {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		p.fail(name, "date", "must be a date of the form YYYY-MM-DD such as 2026-03-29")
		return nil
	}
	return &s
}

func (p *params) amount(name string) *money.Decimal {
	s, given := p.one(name)
	if !given {
		return nil
	}
	d, err := money.Parse(s)
	if err != nil {
		p.fail(name, "amount", "must be a plain decimal number such as 10.99, of at most %d digits", money.MaxDigits)
		return nil
	}
	return &d
}

// span checks that a range runs upwards.
func span[T any](p *params, to string, s journal.Span[T], compare func(a, b T) int) journal.Span[T] {
	if s.From != nil && s.To != nil && compare(*s.From, *s.To) > 0 {
		p.fail(to, "order", "must not lie before its counterpart: write the smaller value into …From")
	}
	return s
}

// terminals reads a list of numbers and ranges, such as 1-5,9.
func (p *params) terminals(name string) sequence.Set {
	s, given := p.one(name)
	if !given {
		return nil
	}
	var set sequence.Set
	for _, part := range strings.Split(s, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		low, errLow := strconv.ParseUint(first, 10, 32)
		high, errHigh := strconv.ParseUint(last, 10, 32)
		if errLow != nil || errHigh != nil || low < 1 || high > identity.MaxTerminalNo || low > high {
			p.fail(name, "numbers", "must be terminal numbers and ranges from 1 to %d such as 1-5,9", identity.MaxTerminalNo)
			return nil
		}
		set = set.Add(low, high)
	}
	return set
}

// types reads a list of codes and category names, such as sales,401.
func (p *params) types(name string) []journal.Type {
	s, given := p.one(name)
	if !given {
		return nil
	}
	var types []journal.Type
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if of := journal.OfCategory(part); of != nil {
			types = append(types, of...)
			continue
		}
		code, err := strconv.Atoi(part)
		if err != nil || !journal.Type(code).Valid() {
			p.fail(name, "types", "%.20q is neither a transaction type such as 101 nor one of %s", part, strings.Join(journal.Categories, ", "))
			return nil
		}
		types = append(types, journal.Type(code).Canonical())
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// sort reads field:direction,field:direction.
func (p *params) sort(name string) []journal.Order {
	s, given := p.one(name)
	if !given {
		return nil
	}
	var order []journal.Order
	for _, part := range strings.Split(s, ",") {
		field, direction, _ := strings.Cut(strings.TrimSpace(part), ":")
		o := journal.Order{Field: journal.Field(field), Descending: direction == "desc"}
		if o.Field == journal.ByRelevance && part == s && direction != "asc" {
			return []journal.Order{{Field: journal.ByRelevance, Descending: true}}
		}
		known := slices.Contains(journal.Fields, o.Field) && (direction == "asc" || direction == "desc" || direction == "")
		if !known || slices.ContainsFunc(order, func(other journal.Order) bool { return other.Field == o.Field }) {
			p.fail(name, "sort", "must be different fields with asc or desc such as businessDate:asc,receiptNo:desc, or relevance alone; fields are %s", fieldNames())
			return nil
		}
		order = append(order, o)
	}
	return order
}

func fieldNames() string {
	names := make([]string, len(journal.Fields))
	for i, f := range journal.Fields {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
