// Package delivery observes what becomes of an event, depending on what an application answers: who
// acknowledges it, who tries again, what lands in the dead letters, what is lost. It runs real
// sidecars on real brokers; the answers are data (answers.yaml), and so is what was observed
// (observed.json). README.md is made of both, and a test holds all three together.
package delivery

import (
	_ "embed"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed answers.yaml
var answersFile []byte

// Row is one answer.
type Row struct {
	ID      string `yaml:"-"` // s01 … for a single event, b01 … for a batch
	Bulk    bool   `yaml:"-"`
	Status  int    `yaml:"status"`
	Body    string `yaml:"body"`
	Trouble string `yaml:"trouble"` // closes, hangs or refuses, instead of an answer
	Say     string `yaml:"say"`
}

// Events that a row sends, by name.
func (r Row) Events() []string {
	if r.Bulk {
		return []string{"a", "b", "c"}
	}
	return []string{"a"}
}

// triedIn is false for a refused connection with nothing behind it: a broker that delivers again at once
// does so thousands of times a second then, and what is seen depends on when it is looked at.
func (r Row) triedIn(s Setup) bool { return r.Trouble != "refuses" || s.Retry || s.DeadLetters }

// Rows are all answers.
func Rows() ([]Row, error) {
	var file struct{ Single, Bulk []Row }
	if err := yaml.Unmarshal(answersFile, &file); err != nil {
		return nil, err
	}
	var all []Row
	for i, r := range file.Single {
		r.ID = fmt.Sprintf("s%02d", i+1)
		all = append(all, r)
	}
	for i, r := range file.Bulk {
		r.ID, r.Bulk = fmt.Sprintf("b%02d", i+1), true
		all = append(all, r)
	}
	return all, nil
}

// Setup is what stands between an answer and a loss.
type Setup struct {
	ID          string
	Retry       bool // an inbound retry policy
	DeadLetters bool
	Say         string
}

// Setups are tried with every row. Only the first is ours.
var Setups = []Setup{
	{ID: "both", Retry: true, DeadLetters: true, Say: "retry policy and dead-letter topic"},
	{ID: "retry", Retry: true, Say: "retry policy alone"},
	{ID: "dead", DeadLetters: true, Say: "dead-letter topic alone"},
	{ID: "none", Say: "neither"},
}

// Retries is how often the policy of the setups tries again. Ours tries without end, of which nothing
// could be observed.
const Retries = 2

// What becomes of one event.
const (
	Acknowledged = "done"            // one delivery, and the sidecar lets the broker forget it
	ToDead       = "dead"            // one delivery, then the sidecar puts it into the dead letters
	RetriedDead  = "retry, dead"     // the sidecar tries again, then puts it into the dead letters
	Dropped      = "dropped"         // one delivery, and without dead letters it is gone
	RetriedLost  = "retry, LOST"     // the sidecar tries again, gives up, and the event is gone
	Lost         = "LOST"            // one delivery that failed, and the event is gone
	Redelivered  = "again"           // the broker delivers it again, without end
	RetriedAgain = "retry, again"    // the sidecar tries again and gives up; then the broker goes on
	Nowhere      = "never delivered" // nothing reached the application: never in observed.json
	Untried      = "–"
)

// Words explains them.
var Words = [][2]string{
	{Acknowledged, "delivered once; the sidecar acknowledges it to the broker"},
	{RetriedDead, "the sidecar delivers it again as the policy says, then puts it into the dead-letter topic and acknowledges it"},
	{ToDead, "delivered once; the sidecar puts it into the dead-letter topic and acknowledges it"},
	{Dropped, "delivered once and taken for a DROP; there is no dead-letter topic, so it is gone"},
	{RetriedAgain, "the sidecar delivers it again as the policy says and gives up; the broker delivers it again, without end"},
	{Redelivered, "delivered once by the sidecar; the broker delivers it again, without end"},
	{RetriedLost, "the sidecar delivers it again as the policy says and gives up; **the component acknowledges it: gone**"},
	{Lost, "delivered once, refused, and **acknowledged by the component all the same: gone**"},
}

// Seen is what was observed of one event.
type Seen struct {
	Delivered int  // how often the application got it
	Dead      bool // it is in the dead letters
}

// Outcome puts into words what was seen of an event in a setup. ours is what was seen of the same event
// in the first setup, which tells how the sidecar reads the answer: without it, what was delivered once
// and is nowhere might as well have been taken as lost.
func Outcome(setup Setup, seen, ours Seen) string {
	attempts := 1
	if setup.Retry {
		attempts += Retries
	}
	switch {
	case seen.Delivered == 0 && !seen.Dead:
		return Nowhere
	case seen.Dead && seen.Delivered <= 1:
		return ToDead
	case seen.Dead:
		return RetriedDead
	case seen.Delivered == 1 && !ours.Dead && ours.Delivered == 1:
		return Acknowledged
	case seen.Delivered == 1 && ours.Dead && ours.Delivered == 1:
		return Dropped
	case seen.Delivered == 1:
		return Lost
	case seen.Delivered <= attempts:
		return RetriedLost
	case setup.Retry:
		return RetriedAgain
	}
	return Redelivered
}

// join says what became of all events of a row, shortly where it is the same for all.
func join(row Row, outcomes map[string]string) string {
	names := row.Events()
	var groups []string
	for i, name := range names {
		if i > 0 && outcomes[name] == outcomes[names[i-1]] {
			continue
		}
		group := []string{}
		for _, other := range names[i:] {
			if outcomes[other] != outcomes[name] {
				break
			}
			group = append(group, other)
		}
		if len(group) == len(names) {
			return outcomes[name]
		}
		groups = append(groups, strings.Join(group, " ")+": "+outcomes[name])
	}
	return strings.Join(groups, "; ")
}
