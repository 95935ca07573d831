package main

import (
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// searchSettings are what one search may cost. What would cost more is refused, with a hint.
type searchSettings struct {
	Examined int           `env:"TILLROLL_SEARCH_EXAMINED" envDefault:"100000"`
	Few      int           `env:"TILLROLL_SEARCH_FEW" envDefault:"1000"`
	Read     int           `env:"TILLROLL_SEARCH_READ" envDefault:"5000"`
	Time     time.Duration `env:"TILLROLL_SEARCH_TIME" envDefault:"3s"`
}

// The most of each: with more, one search would take the memory of a store's machine, or a reader for
// minutes.
const (
	mostExamined     = 10_000_000
	mostFew          = 20_000
	mostRead         = 200_000
	leastSearchTime  = 100 * time.Millisecond
	longestSearching = time.Minute
)

func (s *searchSettings) limits() app.SearchLimits {
	return app.SearchLimits{Examined: s.Examined, Few: s.Few, Read: s.Read, Time: s.Time}
}

func (s *searchSettings) check() (f []service.Finding) {
	for _, n := range []struct {
		name        string
		value, most int
		explain     string
	}{
		{"TILLROLL_SEARCH_EXAMINED", s.Examined, mostExamined, "Use 1 to %d entries of an index; 100000 are looked at in a fraction of a second."},
		{"TILLROLL_SEARCH_FEW", s.Few, mostFew, "Use 1 to %d entries that are rather looked through than asked about; 1000 suits all but the slowest disks."},
		{"TILLROLL_SEARCH_READ", s.Read, mostRead, "Use 1 to %d texts; 5000 are read in a fraction of a second."},
	} {
		if n.value < 1 || n.value > n.most {
			f = append(f, service.Finding{Message: fmt.Sprintf("%s is %d", n.name, n.value), Explain: fmt.Sprintf(n.explain, n.most)})
		}
	}
	if len(f) == 0 && (s.Few > s.Read || s.Read > s.Examined) {
		f = append(f, service.Finding{Message: fmt.Sprintf("TILLROLL_SEARCH_FEW, _READ and _EXAMINED are %d, %d and %d", s.Few, s.Read, s.Examined),
			Explain: "None may be more than the next: a few entries are looked through at once, texts are read of more, and only columns of an index are looked at of the most."})
	}
	if s.Time < leastSearchTime || s.Time > longestSearching {
		f = append(f, service.Finding{Message: fmt.Sprintf("TILLROLL_SEARCH_TIME is %s", s.Time),
			Explain: fmt.Sprintf("Use %s to %s; a search that takes longer is given up.", leastSearchTime, longestSearching)})
	}
	return f
}
