package delivery

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is observed to observed.json, and the page")

// settle is how long nothing may change after everything is as expected; calm how long an observation
// takes that is to be written down.
const (
	settle = 2 * time.Second
	calm   = 15 * time.Second
	away   = 1500 * time.Millisecond // the probe, for the rows of a refused connection
)

// Every answer on every broker in every setup has the outcome that the page says.
func TestTheContract(t *testing.T) {
	rows, err := Rows()
	require.NoError(t, err)
	for _, b := range Brokers {
		t.Run(b.ID, func(t *testing.T) {
			known := observed(t)
			l := open(t, b, rows)
			l.publish(t, func(r Row) []string {
				if r.Trouble == "refuses" {
					return nil
				}
				return r.Events()
			})
			time.Sleep(settle)
			require.NoError(t, l.listener.Close())
			l.publish(t, func(r Row) []string {
				if r.Trouble == "refuses" {
					return r.Events()
				}
				return nil
			})
			time.Sleep(away)
			l.listen(t)
			if *update {
				time.Sleep(calm)
				known[b.ID] = l.probe.outcomes(rows)
				save(t, known, rows)
				return
			}
			compare(t, l, rows, known[b.ID])
		})
	}
}

// compare waits until everything is as known, and that it stays so.
func compare(t *testing.T, l *lab, rows []Row, known map[string]string) {
	t.Helper()
	var since time.Time
	for deadline := time.Now().Add(10 * calm); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		switch {
		case !maps.Equal(known, l.probe.outcomes(rows)):
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > settle:
			return
		}
	}
	assert.Equal(t, known, l.probe.outcomes(rows), "if the sidecar or a component has changed: go test ./delivery -update, and read what is different")
}

// The page says what was observed, of at least forty answers.
func TestThePageSaysWhatWasObserved(t *testing.T) {
	rows, err := Rows()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(rows), 40)
	seen := observed(t)
	for _, b := range Brokers {
		for _, setup := range Setups {
			for _, row := range rows {
				assert.NotContains(t, []string{"", Nowhere}, seen[b.ID][setup.ID+"/"+row.ID], "%s %s %s", b.ID, setup.ID, row.ID)
			}
		}
	}
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	assert.Equal(t, Page(rows, seen), string(page), "go test ./delivery -update makes the page anew")
}

// With our setup nothing is lost, and nobody waits for ever, whatever an application answers: what was not
// taken is in the dead letters. What the sidecar takes for done although nobody said so is listed, because
// it is what a handler must never answer.
func TestOurSetupLosesNothing(t *testing.T) {
	rows, err := Rows()
	require.NoError(t, err)
	seen := observed(t)
	var unasked []string
	for _, row := range rows {
		for _, b := range Brokers {
			outcome := seen[b.ID][Setups[0].ID+"/"+row.ID]
			assert.NotContains(t, outcome, "LOST", "%s %s", b.ID, row.ID)
			assert.NotContains(t, outcome, "again", "%s %s", b.ID, row.ID)
			assert.Equal(t, seen[Brokers[0].ID][Setups[0].ID+"/"+row.ID], outcome, "all brokers alike")
		}
		if !row.asked() && seen[Brokers[0].ID][Setups[0].ID+"/"+row.ID] == Acknowledged {
			unasked = append(unasked, row.answer())
		}
	}
	assert.Contains(t, unasked, "204, no body")
	assert.NotContains(t, unasked, "500, no body")
}

func observed(t *testing.T) Observed {
	t.Helper()
	known := Observed{}
	raw, err := os.ReadFile("observed.json")
	if os.IsNotExist(err) && *update {
		return known
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &known))
	return known
}

func save(t *testing.T, known Observed, rows []Row) {
	t.Helper()
	raw, err := json.MarshalIndent(known, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("observed.json", append(raw, '\n'), 0o600))
	require.NoError(t, os.WriteFile("README.md", []byte(Page(rows, known)), 0o600))
}
