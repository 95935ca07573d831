package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// oneOf is how the parser says that a value is none of those that there are.
var oneOf = regexp.MustCompile(`must be one of ("[^ ]*") but got "(.*)"$`)

// suggest adds to what the parser says what may have been meant by a wrong value.
func suggest(err error) error {
	parts := oneOf.FindStringSubmatch(err.Error())
	if parts == nil {
		return err
	}
	known := strings.Split(strings.Trim(parts[1], `"`), `","`)
	return fmt.Errorf("%w%s", err, didYouMean(parts[2], known))
}

// didYouMean ends a message about a wrong word with the known ones that are like it; "" when none is.
func didYouMean(wrong string, known []string) string {
	var like []string
	for _, k := range known {
		if strings.HasPrefix(k, wrong) && wrong != "" || distance(wrong, k) <= max(1, len(k)/3) {
			like = append(like, fmt.Sprintf("%q", k))
		}
	}
	switch len(like) {
	case 0:
		return ""
	case 1:
		return ", did you mean " + like[0] + "?"
	}
	return ", did you mean one of " + strings.Join(like, ", ") + "?"
}

// distance is how many letters must be put in, taken out, replaced or swapped with the next one.
func distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i, r := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j, s := range b {
			cost := 1
			if r == s {
				cost = 0
			}
			row[j+1] = slices.Min([]int{last[j+1] + 1, row[j] + 1, last[j] + cost})
			if i > 0 && j > 0 && r == b[j-1] && s == a[i-1] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
