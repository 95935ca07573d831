//go:build load

package mongostore

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Two hundred tenants on one server: what it takes to make them, and what it costs to have them.
// `make load-mongo` runs it.
func TestTwoHundredTenants(t *testing.T) {
	const tenants, atOnce = 200, 4
	s, _ := limited(t)
	before := usage(t)
	took := make([]time.Duration, tenants)
	began := time.Now()
	next := make(chan int)
	var made sync.WaitGroup
	for range atOnce {
		made.Go(func() {
			for i := range next {
				start := time.Now()
				_, err := s.Provision(t.Context(), fmt.Sprintf("t%03d", i))
				if err != nil {
					t.Errorf("tenant %d: %v", i, err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	for i := range tenants {
		next <- i
	}
	close(next)
	made.Wait()
	all := time.Since(began)
	empty := usage(t)

	// A day of each: so that everything is open.
	began = time.Now()
	for i := range tenants {
		tenant := fmt.Sprintf("t%03d", i)
		till := tilltest.New(tenant, "s1", 1)
		_, err := s.Commit(t.Context(), tenant, tilltest.Records(t, []event.Event{till.Open(), till.Sale("108"), till.Cash("5")}...))
		require.NoError(t, err)
	}
	used := usage(t)
	indexes, collections := 0, len(journaldb.Tenant.Collections)
	for _, c := range journaldb.Tenant.Collections {
		indexes += len(c.Indexes) + 1 // and _id
	}
	t.Logf("engine: %s", server.Engine)
	t.Logf("%d collections and %d indexes a tenant: WiredTiger keeps each in a file of its own, %d files for all tenants", collections, indexes, tenants*(collections+indexes))
	t.Logf("%d tenants made in %s, %d at a time: %s each; the last ten took %s, the first ten %s", tenants, all.Round(time.Millisecond), atOnce,
		(all / tenants).Round(time.Millisecond), sum(took[tenants-10:]).Round(time.Millisecond), sum(took[:10]).Round(time.Millisecond))
	t.Logf("one commit of three events in each: %s", time.Since(began).Round(time.Millisecond))
	t.Logf("server before:            %s", before)
	t.Logf("server with the tenants:  %s", empty)
	t.Logf("server with a day each:   %s", used)
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	t.Logf("this process: %d MiB in use", memory.HeapAlloc>>20)
}

func sum(all []time.Duration) (total time.Duration) {
	for _, d := range all {
		total += d
	}
	return total
}

// usage is what the server says of itself, and what the operating system says when it runs here.
func usage(t *testing.T) string {
	t.Helper()
	var status struct {
		PID    int64 `bson:"pid"`
		Memory struct {
			Resident int32 `bson:"resident"`
		} `bson:"mem"`
		Connections struct {
			Current int32 `bson:"current"`
		} `bson:"connections"`
	}
	require.NoError(t, administrator(t).Database("admin").RunCommand(t.Context(), bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status))
	files := "on another machine"
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", status.PID)); err == nil {
		files = fmt.Sprint(len(open))
	}
	return fmt.Sprintf("%d MiB, %d connections, open files: %s", status.Memory.Resident, status.Connections.Current, files)
}
