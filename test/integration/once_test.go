package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"

	dapr "github.com/dapr/go-sdk/client"
)

// flood publishes events past every outbox, each 1 to 50 times, in any order, from several
// publishers at once, until the broker has taken each of them as often as that.
type flood struct {
	stack  *stack.Stack
	events []event.Event
	times  int // deliveries altogether
}

// publisherOf publishes as a service does, through its sidecar.
func publisherOf(ctx context.Context, t *testing.T, s *stack.Stack, app string) (p *cloudevent.Publisher, end func()) {
	t.Helper()
	token, err := s.Secret(app, "api-token")
	require.NoError(t, err)
	dapr.SetLogger(nil)
	client, err := dapr.NewClientWithAddressContext(ctx, s.SidecarGRPC(app),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second, Backoff: backoff.Config{
			BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: time.Second}}))
	require.NoError(t, err)
	client.WithAuthToken(token)
	return cloudevent.NewPublisher(client, "pubsub", app), client.Close
}

// run publishes until everything was taken.
func (f *flood) run(ctx context.Context, t *testing.T, parallel int) {
	t.Helper()
	type lane struct{ app, topic string }
	publishers := map[string]*cloudevent.Publisher{}
	for _, app := range []string{"cart", "terminal"} {
		p, end := publisherOf(ctx, t, f.stack, app)
		defer end()
		publishers[app] = p
	}
	var plans sync.WaitGroup
	for range parallel {
		mine := map[lane][]outbox.Message{}
		for _, e := range f.events {
			n := 1 + rand.IntN(50/parallel)
			f.times += n
			l := lane{e.Head().Producer, e.Topic()}
			for range n {
				mine[l] = append(mine[l], shop.Message(e))
			}
		}
		for l, messages := range mine {
			rand.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
			plans.Go(func() {
				for len(messages) > 0 {
					// One bulk may not hold an event twice.
					n, unique := 0, map[string]bool{}
					for n < min(len(messages), 60) && !unique[messages[n].EventID] {
						unique[messages[n].EventID] = true
						n++
					}
					taken, err := publishers[l.app].Publish(ctx, l.topic, messages[:n])
					messages = messages[taken:]
					if err != nil && ctx.Err() != nil {
						t.Errorf("%d messages of %s were never taken: %v", len(messages), l.topic, err)
						return
					}
					time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
				}
			})
		}
	}
	plans.Wait()
}

// settled waits until the journal has every event of a ghost, and then holds it against them:
// entries = events, logs = entries, each once, no gap in any sequence, chains intact.
func settled(ctx context.Context, t *testing.T, s *shop.Shop, g *shop.Ghost, events []event.Event) {
	t.Helper()
	journal := "/api/v1/tenants/" + s.Tenant
	var stream shop.Stream
	require.Eventually(t, func() bool {
		var list struct {
			Items []shop.Stream `json:"items"`
		}
		if s.Journal.Call(ctx, http.MethodGet, journal+"/streams", nil, &list) != nil {
			return false
		}
		for _, st := range list.Items {
			if st.StreamID == g.StreamID() {
				stream = st
			}
		}
		complete := uint64(0)
		for _, p := range stream.Producers {
			complete += p.CompleteThrough
		}
		return complete == uint64(len(events))
	}, time.Minute, 200*time.Millisecond, "%+v of %d events", &stream, len(events))
	time.Sleep(time.Second) // what is still on its way is a repeat
	for _, p := range stream.Producers {
		assert.Equal(t, g.Made(p.Producer), p.CompleteThrough, p.Producer)
		assert.Empty(t, p.Missing)
		assert.Empty(t, p.Twice)
	}
	assert.Equal(t, uint64(len(events)), stream.ChainSeq, "every event has one place in the chain")

	entries, err := s.Search(ctx, "terminalNo="+strconv.Itoa(g.No))
	require.NoError(t, err)
	seen := map[string]int{}
	for _, e := range entries {
		seen[e.JournalID]++
	}
	logs, sales := 0, 0
	for _, e := range events {
		switch e.Topic() {
		case event.TopicEvents:
			var timeline struct {
				Events []json.RawMessage `json:"events"`
			}
			require.NoError(t, s.Journal.Call(ctx, http.MethodGet, journal+"/orders/"+e.(*event.Business).CorrelationID+"/timeline", nil, &timeline))
			assert.Len(t, timeline.Events, 1)
			continue
		case event.TopicTranLog:
			sales++
		}
		logs++
		assert.Equal(t, 1, seen[e.Head().EventID], "%s %s", e.Topic(), e.Head().EventID)
	}
	assert.Len(t, entries, logs, "entries = events")
	var reconciled struct {
		Logs struct {
			Transactions int `json:"cartTransactionCount"`
		} `json:"logs"`
	}
	res, err := s.Journal.Do(ctx, http.MethodGet, fmt.Sprintf("%s/stores/%s/terminals/%d/reconciliation?businessDate=%s&openCounter=1", journal, g.Store, g.No, g.BusinessDate), nil)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(res.Body, &reconciled))
	assert.Equal(t, sales, reconciled.Logs.Transactions, "logs = entries")
	var verified shop.Verified
	require.NoError(t, s.Journal.Call(ctx, http.MethodGet, journal+"/verification", nil, &verified))
	assert.True(t, verified.Holds, "%+v", verified)
	assert.Empty(t, verified.Strays)
}

// marks is the state store of processed ids, as the journal's sidecar shows it.
type marks struct {
	stack   *stack.Stack
	sidecar *shop.Client
}

func marksOf(t *testing.T, s *stack.Stack) marks {
	t.Helper()
	token, err := s.Secret("journal", "api-token")
	require.NoError(t, err)
	return marks{s, shop.NewClient(s.SidecarURL("journal"), "dapr-api-token", token)}
}

// lie marks events as processed that are not, one with its own content and one with another.
func (m marks) lie(ctx context.Context, t *testing.T, own, other event.Event) {
	t.Helper()
	hash, err := canonical.Hash(shop.Message(own).Data)
	require.NoError(t, err)
	var states []map[string]any
	for id, hash := range map[string]string{own.Head().EventID: hash, other.Head().EventID: "00" + hash[2:]} {
		states = append(states, map[string]any{"key": "processed/" + own.Head().TenantID + "/" + id,
			"value": map[string]string{"event_id": id, "status": "received", "content_hash": hash, "processed_at": "2026-01-01T00:00:00Z"}})
	}
	require.NoError(t, m.sidecar.Call(ctx, http.MethodPost, "/v1.0/state/processed", states, nil))
}

// files of the store.
func (m marks) files() []string {
	files, _ := filepath.Glob(filepath.Join(m.stack.Data, "state", "journal.db*"))
	return files
}

// spoil makes every answer of the store an error.
func (m marks) spoil(t *testing.T) {
	t.Helper()
	files := m.files()
	require.NotEmpty(t, files, "the store of processed ids is not where the test looks for it")
	for _, name := range files {
		require.NoError(t, os.Truncate(name, 0))
		require.NoError(t, os.WriteFile(name, []byte("no database, but long enough to be read as one ................................................................................"), 0o600))
	}
}

// clear empties it: the next sidecar makes it anew.
func (m marks) clear(t *testing.T) {
	t.Helper()
	for _, name := range m.files() {
		require.NoError(t, os.Remove(name))
	}
	kill(t, m.stack, "journal.daprd")
}

// kill -9 a process, as soon as there is one.
func kill(t *testing.T, s *stack.Stack, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Kill(name) == nil }, time.Minute, 50*time.Millisecond, "%s never ran", name)
}

// Each event is delivered 1 to 50 times, reordered and in parallel, while the journal, its sidecar
// and the broker are killed and the state store of processed ids lies, breaks and is cleared.
func TestEveryEventIsStoredOnceHoweverItIsDelivered(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, err := shop.Open(ctx, running, "once")
	require.NoError(t, err)
	onceInEffect(ctx, t, running, s, 40, 1)
}

func onceInEffect(ctx context.Context, t *testing.T, st *stack.Stack, s *shop.Shop, each, rounds int) {
	t.Helper()
	began := time.Now()
	g := shop.NewGhost(s.Tenant, s.Store, 99)
	f := &flood{stack: st}
	for i := range each {
		f.events = append(f.events, g.Sale(strconv.Itoa(1+i)), g.Business(fmt.Sprintf("order-%d", i)))
		if i%4 == 0 {
			f.events = append(f.events, g.Cash("100"))
		}
	}
	m := marksOf(t, st)
	m.lie(ctx, t, f.events[0], f.events[1])
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx, t, 4)
	}()
	for range rounds {
		for _, strike := range []func(){
			func() { kill(t, st, "journal") },
			func() { kill(t, st, "journal.daprd") },
			func() { m.spoil(t) },
			func() { m.clear(t) },
			func() { kill(t, st, "broker") },
			func() { kill(t, st, "cart.daprd") },
			func() { kill(t, st, "journal") },
		} {
			time.Sleep(800 * time.Millisecond)
			strike()
		}
		require.NoError(t, st.Ready(time.Minute))
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the publishers did not end")
	}
	t.Logf("%s: %d events, published %d times", time.Since(began), len(f.events), f.times)
	settled(ctx, t, s, g, f.events)
}
