package mongostore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// noTest stands in for a test in a process that is not one.
type noTest struct{}

func (noTest) Helper()           {}
func (noTest) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// sales that every process delivers, in batches over all tills.
const sellerTills, sellerRounds = 3, 15

func sellerRound(tills []*tilltest.Till) []event.Event {
	var batch []event.Event
	for _, till := range tills {
		batch = append(batch, till.Sale("108"), till.Cash("5"))
	}
	return batch
}

// seller is a second journal process: this test program, started again, that is delivered the same
// events as the others at the same time.
func seller() {
	ctx := context.Background()
	s, err := Open(ctx, Config{
		URI: os.Getenv("JOURNAL_SELLER_URI"), Namespace: os.Getenv("JOURNAL_SELLER_NAMESPACE"),
		Clock: clockwork.NewRealClock(), AnyRights: true,
	})
	must(err)
	_, err = s.Provision(ctx, "acme")
	must(err)
	var tills []*tilltest.Till
	for no := range sellerTills {
		tills = append(tills, tilltest.New("acme", "s1", no+1))
	}
	for range sellerRounds {
		outcomes, err := s.Commit(ctx, "acme", tilltest.Records(noTest{}, sellerRound(tills)...))
		must(err)
		for _, o := range outcomes {
			fmt.Println(o)
		}
	}
	must(s.Close())
}

func TestSeveralProcessesStoreEachEventOnce(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	outs := make([]bytes.Buffer, 3)
	var running sync.WaitGroup
	for i := range outs {
		running.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), "JOURNAL_SELLER_URI="+cfg.URI, "JOURNAL_SELLER_NAMESPACE="+cfg.Namespace)
			cmd.Stdout, cmd.Stderr = &outs[i], &outs[i]
			assert.NoError(t, cmd.Run())
		})
	}
	running.Wait()
	stored, repeats := 0, 0
	for i := range outs {
		stored += strings.Count(outs[i].String(), app.Stored.String())
		repeats += strings.Count(outs[i].String(), app.Repeat.String())
	}
	const all = sellerTills * sellerRounds * 2
	require.Equal(t, all, stored, outs[0].String())
	assert.Equal(t, all*(len(outs)-1), repeats)
	events, entries := storetest.State(t, s)
	assert.Equal(t, all, events)
	assert.Equal(t, all, entries)
}
