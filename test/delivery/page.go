package delivery

import (
	"fmt"
	"strings"
)

// Broker is one that the rows are tried on.
type Broker struct {
	ID    string // in observed.json
	Title string
	File  string // of the component, below components/
}

// Brokers that the contract is observed on.
var Brokers = []Broker{
	{"jetstream", "JetStream", "local/pubsub.yaml"},
	{"redis", "Redis", "redis/pubsub.yaml"},
	{"rabbitmq", "RabbitMQ", "production/rabbitmq/pubsub.yaml"},
}

// Observed is what became of the events, by broker and then by setup/row.
type Observed map[string]map[string]string

const head = `# What becomes of an event

This page is made of what was observed (` + "`go test ./delivery -update`" + ` in test/), and a test fails when a sidecar does
something else. Each answer below was given by a small application behind a real sidecar, to an event (or a batch of
three, a b c) on a real broker, with the component files of this repository:

%s
The setups differ in what stands between a failure and a loss:

| Setup | Retry policy | Dead-letter topic |
|---|---|---|
%s
Only the first is ours. The policy of this test tries %d times more, so that its end can be seen; that of
components/*/resiliency.yaml has none. A dead-letter topic there is for what a sidecar cannot even deliver.

| What becomes of it | |
|---|---|
%s
**done, unasked**: the same as done, although the application did not say so: the event is gone for all that the
application knows. This is why our handlers answer through one helper (pkg/delivery), always with 200 and a status, and
why an outbox waits for the journal's word and not for the broker's.
`

// Page is the documentation.
func Page(rows []Row, seen Observed) string {
	var files, setups, words strings.Builder
	for _, b := range Brokers {
		fmt.Fprintf(&files, "- %s: [components/%s](../../components/%s)\n", b.Title, b.File, b.File)
	}
	for _, s := range Setups {
		fmt.Fprintf(&setups, "| %s | %s | %s |\n", s.Say, yes(s.Retry), yes(s.DeadLetters))
	}
	for _, w := range Words {
		fmt.Fprintf(&words, "| %s | %s |\n", w[0], w[1])
	}
	var page strings.Builder
	fmt.Fprintf(&page, head, files.String(), setups.String(), Retries, words.String())
	for _, part := range []struct {
		title string
		bulk  bool
	}{{"One event to a request", false}, {"A batch", true}} {
		fmt.Fprintf(&page, "\n## %s\n\n| | Answer | %s | %s | %s | %s |\n|---|---|---|---|---|---|\n", part.title,
			Setups[0].Say, Setups[1].Say, Setups[2].Say, Setups[3].Say)
		for _, row := range rows {
			if row.Bulk != part.bulk {
				continue
			}
			fmt.Fprintf(&page, "| %s | %s |", row.ID, row.answer())
			for _, setup := range Setups {
				fmt.Fprintf(&page, " %s |", cell(row, setup, seen))
			}
			page.WriteString("\n")
		}
	}
	return page.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// answer describes what the application said.
func (r Row) answer() string {
	switch {
	case r.Trouble != "":
		return r.Say
	case r.Bulk && r.Say != "" && !strings.HasPrefix(r.Say, "the answer"):
		return fmt.Sprintf("%d %s", r.Status, r.Say)
	case r.Body == "":
		return fmt.Sprintf("%d, no body", r.Status)
	case r.Say != "":
		return fmt.Sprintf("%d `%s` (%s)", r.Status, r.Body, r.Say)
	}
	return fmt.Sprintf("%d `%s`", r.Status, r.Body)
}

// cell says what became of it, once where it is the same on all brokers.
func cell(row Row, setup Setup, seen Observed) string {
	var groups []string
	said := map[string]int{}
	var titles [][]string
	for _, b := range Brokers {
		outcome := seen[b.ID][setup.ID+"/"+row.ID]
		if !row.asked() {
			outcome = strings.ReplaceAll(outcome, Acknowledged, "**done, unasked**")
		}
		if at, known := said[outcome]; known {
			titles[at] = append(titles[at], b.Title)
			continue
		}
		said[outcome] = len(groups)
		groups, titles = append(groups, outcome), append(titles, []string{b.Title})
	}
	if len(groups) == 1 {
		return groups[0]
	}
	for i := range groups {
		groups[i] = strings.Join(titles[i], ", ") + ": " + groups[i]
	}
	return strings.Join(groups, "<br>")
}

// asked tells whether the application has said SUCCESS to anything, in a way that can be read.
func (r Row) asked() bool { return r.Status/100 == 2 && strings.Contains(r.Body, `"SUCCESS"`) }
