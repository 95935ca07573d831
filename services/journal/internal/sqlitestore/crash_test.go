package sqlitestore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// A victim is this test program started again to be killed: its process dies as a machine's does,
// with nothing closed and nothing rolled back.
const (
	victimDir  = "JOURNAL_VICTIM_DIR"
	victimStep = "JOURNAL_VICTIM_STEP" // kill at this step; 0: go on for ever
	// victimArchives is a victim that archives what is there.
	victimArchives = "JOURNAL_VICTIM_ARCHIVES"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		step, _ := strconv.Atoi(os.Getenv(victimStep))
		victim(dir, step)
	}
	os.Exit(m.Run())
}

func victim(dir string, killAt int) {
	s, err := Open(noTest{}.Context(), dir, clockwork.NewRealClock())
	must(err)
	if killAt == 0 {
		sellForEver(s)
	}
	archives := os.Getenv(victimArchives) != ""
	steps := 0
	s.step = func(string) error {
		if steps++; steps == killAt {
			must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {}
		}
		return nil
	}
	if archives {
		must(archiveOnce(noTest{}.Context(), s))
		fmt.Println("steps", steps)
		os.Exit(0)
	}
	_, err = s.Provision(noTest{}.Context(), "acme")
	must(err)
	_, err = s.Commit(noTest{}.Context(), "acme", tilltest.Records(noTest{}, storetest.Everything()...))
	must(err)
	_, err = logAll(noTest{}.Context(), s)
	must(err)
	must(settleOnce(noTest{}.Context(), s))
	fmt.Println("steps", steps)
	os.Exit(0)
}

// settleOnce saves an examination with a finding.
func settleOnce(ctx context.Context, s *Store) error {
	stream := identity.Stream{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	saved, err := s.Examination(ctx, stream)
	if err != nil {
		return err
	}
	gap := &journal.Finding{Kind: journal.SequenceGap, Key: "cart", Detail: "number 2 has not come"}
	_, err = s.Settle(ctx, &app.Settlement{Stream: stream, Turn: saved.Turn, Seq: 1, State: []byte("{}"), Now: time.Now(),
		Findings: map[journal.FindingKey]*journal.Finding{{Kind: gap.Kind, Key: gap.Key}: gap}})
	return err
}

// sellForEver tells of every sale after its commit was reported, until it is killed.
func sellForEver(s *Store) {
	_, err := s.Provision(noTest{}.Context(), "acme")
	must(err)
	till := tilltest.New("acme", "s1", 1).Named(strconv.Itoa(os.Getpid()))
	for {
		batch := make([]event.Event, 1+rand.IntN(5))
		for i := range batch {
			batch[i] = till.Sale("1")
		}
		_, err := s.Commit(noTest{}.Context(), "acme", tilltest.Records(noTest{}, batch...))
		must(err)
		for _, e := range batch {
			fmt.Println(e.Head().EventID)
		}
	}
}

// lastWords is what a victim has said; spoke closes at the first.
type lastWords struct {
	text  bytes.Buffer
	once  sync.Once
	spoke chan struct{}
}

func (w *lastWords) Write(p []byte) (int, error) {
	defer w.once.Do(func() { close(w.spoke) })
	return w.text.Write(p)
}

// startVictim starts a victim and gives what it has written when it has ended. With a life it is killed that
// long after its first word.
func startVictim(t *testing.T, dir string, step int, life time.Duration) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimDir+"="+dir, victimStep+"="+strconv.Itoa(step))
	out, errs := &lastWords{spoke: make(chan struct{})}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, errs
	require.NoError(t, cmd.Start())
	if life > 0 {
		select {
		case <-out.spoke:
		case <-time.After(30 * time.Second):
			assert.Fail(t, "the victim says nothing")
		}
		time.Sleep(life)
		require.NoError(t, cmd.Process.Kill())
	}
	err := cmd.Wait()
	if err != nil {
		require.Contains(t, err.Error(), "killed", errs.String())
	}
	return out.text.String()
}

func TestNothingIsHalfStoredWhereverTheProcessDies(t *testing.T) {
	t.Parallel()
	never := startVictim(t, t.TempDir(), 1<<20, 0)
	steps, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(never, "steps ")))
	require.NoError(t, err, never)
	require.Greater(t, steps, 15)
	for step := 1; step <= steps; step++ {
		t.Run("step "+strconv.Itoa(step), func(t *testing.T) {
			t.Parallel()
			dieAt(t, step)
		})
	}
}

func dieAt(t *testing.T, step int) {
	dir, batch := t.TempDir(), storetest.Everything()
	require.Empty(t, startVictim(t, dir, step, 0), "it was killed")
	s, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	before, _ := storetest.State(t, s)
	require.Contains(t, []int{0, len(batch)}, before)

	outcomes, err := s.Commit(t.Context(), "acme", tilltest.Records(t, batch...))
	require.NoError(t, err)
	for _, o := range outcomes {
		require.Equal(t, before == len(batch), o == app.Repeat)
	}
	after, entries := storetest.State(t, s)
	assert.Equal(t, len(batch), after)
	assert.Equal(t, 6, entries)
	_, err = s.Terminal(t.Context(), "acme-s1-1")
	require.NoError(t, err)

	// An examination and what it found are there together or not at all.
	saved, err := s.Examination(t.Context(), identity.Stream{TenantID: "acme", StoreCode: "s1", TerminalNo: 1})
	require.NoError(t, err)
	_, kept, err := s.Discrepancies(t.Context(), "acme", app.DiscrepancyQuery{Limit: 1})
	require.NoError(t, err)
	require.EqualValues(t, saved.Turn, kept)
	require.NoError(t, settleOnce(t.Context(), s))
	_, kept, err = s.Discrepancies(t.Context(), "acme", app.DiscrepancyQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, 1, kept)

	c, err := logAll(t.Context(), s)
	require.NoError(t, err)
	assert.Equal(t, uint64(len(batch)), c.Size, "every event is in the log, once")
	v, err := app.New(app.Config{Store: s, Clock: clockwork.NewRealClock(), Log: nop, Metrics: newRegistry()}).Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds(), found(v))
	assert.Equal(t, 1, v.Log.Checkpoints)
}

func TestWhatWasReportedStoredIsThereAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	told := map[string]bool{}
	for range 4 {
		out := startVictim(t, dir, 0, time.Duration(1+rand.IntN(250))*time.Millisecond)
		lines := bufio.NewScanner(strings.NewReader(out))
		for lines.Scan() {
			if len(lines.Text()) == 36 { // the last line may be cut
				told[lines.Text()] = true
			}
		}
	}
	require.NotEmpty(t, told)
	s, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ids := make([]string, 0, len(told))
	for id := range told {
		ids = append(ids, id)
	}
	known, err := s.Known(t.Context(), "acme", ids)
	require.NoError(t, err)
	assert.Len(t, known, len(told), "every event that was reported stored")
	events, entries := storetest.State(t, s)
	assert.Equal(t, events, entries)
	t.Logf("%d sales reported, %d stored", len(told), events)
}

// stepped lets a test act at every step of a commit.
type stepped struct{ *Store }

func (s stepped) OnStep(do func(name string) error) { s.step = do }

func TestWhateverHappensAtAStepEverythingIsStoredOnce(t *testing.T) {
	t.Parallel()
	storetest.RunFaults(t, func(t *testing.T) storetest.Steps {
		s, err := Open(t.Context(), t.TempDir(), clockwork.NewRealClock())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return stepped{s}
	})
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
