package app

import (
	"context"
	"fmt"
	"regexp"
	"regexp/syntax"

	"golang.org/x/text/unicode/norm"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// largestPattern is how many instructions a pattern may need. The engine takes time in proportion to
// them and to the text, never more.
const largestPattern = 500

// byPattern finds the entries whose text a pattern matches. Full-width and half-width forms are the
// same to it, upper and lower case are not unless the pattern begins with (?i); ^ and $ are the edges
// of lines. The filters must leave few enough texts to read.
func (s *Search) byPattern(from finder, pattern string) (func(context.Context, string, journal.Query) (journal.Page, error), error) {
	matcher, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
		cut := journal.CutAfter(&q)
		read := 0
		err := from.Each(ctx, tenant, q, func(l *journal.Listed) bool {
			if read++; read > s.limits.Read || ctx.Err() != nil {
				return false
			}
			if matcher.MatchString(norm.NFKC.String(l.JournalText)) {
				cut.Add(*l)
			}
			return true
		})
		switch {
		case err != nil:
			return journal.Page{}, err
		case ctx.Err() != nil:
			return journal.Page{}, ctx.Err()
		case read > s.limits.Read:
			return journal.Page{}, fmt.Errorf("%w: more than %d texts to read for a pattern", ErrTooWide, s.limits.Read)
		}
		return pageOf(cut)
	}, nil
}

func compile(pattern string) (*regexp.Regexp, error) {
	const flags = syntax.Perl &^ syntax.OneLine
	if pattern == "" {
		return nil, badParameter("keyword", "required", "regex=true needs a pattern, such as keyword=No\\. 10[0-9]{2}")
	}
	pattern = norm.NFKC.String(pattern)
	parsed, err := syntax.Parse(pattern, flags)
	var program *syntax.Prog
	if err == nil {
		program, err = syntax.Compile(parsed.Simplify())
	}
	if err != nil {
		return nil, badParameter("keyword", "regex", fmt.Sprintf("is no pattern (%v); write one such as No\\. 10[0-9]{2}, in the syntax of RE2", err))
	}
	if len(program.Inst) > largestPattern {
		return nil, badParameter("keyword", "regex", "is too large a pattern; repeat less, such as [0-9]{2,8} instead of [0-9]{2,800}")
	}
	return regexp.Compile("(?m)" + pattern)
}
