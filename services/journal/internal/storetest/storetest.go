// Package storetest is the contract of app.Store as tests. Every adapter runs all of it, unchanged:
// what passes here behaves the same for the journal, whatever database it is.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Run holds the stores that open gives to the contract. Every call of open gives an empty store,
// which is closed at the end of its test.
func Run(t *testing.T, open func(t *testing.T) app.Store) {
	for _, group := range []struct {
		name  string
		cases map[string]func(t *testing.T, s app.Store)
	}{
		{"recorder", recorderCases},
		{"limits", limitCases},
		{"reader", readerCases},
		{"quarantine", quarantineCases},
		{"debts", debtCases},
		{"log", logCases},
		{"examiner", examinerCases},
		{"access log", accessCases},
		{"search", searchCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, open(t))
				})
			}
		})
	}
}

// RunSearch holds stores to the part of the contract that is about searches only: once more for stores
// that have to go about them in another way.
func RunSearch(t *testing.T, open func(t *testing.T) app.Store) {
	for name, test := range searchCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// provision makes tenants.
func provision(t *testing.T, s app.Store, tenants ...string) {
	t.Helper()
	for _, tenant := range tenants {
		_, err := s.Provision(t.Context(), tenant)
		require.NoError(t, err)
	}
}

// commit stores events that must not fail.
func commit(t *testing.T, s app.Store, tenant string, events ...event.Event) []app.Outcome {
	t.Helper()
	outcomes, err := s.Commit(t.Context(), tenant, tilltest.Records(t, events...))
	require.NoError(t, err)
	return outcomes
}

// verify walks a tenant and demands that every chain holds, that nothing lies outside one, and that
// the recorded progress is what the chains have. It gives the number of links per stream.
func verify(t *testing.T, s app.Store, tenant string) map[string]uint64 {
	t.Helper()
	links := map[string]uint64{}
	var check *journal.StreamCheck
	var state journal.StreamState
	finish := func() {
		if check == nil {
			return
		}
		r := check.Report()
		assert.Nil(t, r.Bad, "the chain of %s", r.Stream.ID())
		assert.Equal(t, r.Seq, r.Count, "links of %s", r.Stream.ID())
		links[r.Stream.ID()] = r.Count
		got := map[string]sequence.Set{}
		for _, p := range state.Progress {
			got[p.Producer] = p.Received
		}
		for _, seen := range r.Sequences {
			assert.Equal(t, seen.Received, got[seen.Producer], "progress of %s in %s", seen.Producer, r.Stream.ID())
		}
	}
	err := s.Walk(t.Context(), tenant, app.Walker{
		Stream: func(st journal.StreamState) error { finish(); state, check = st, journal.CheckStream(st); return nil },
		Link:   func(l *journal.Stored) error { check.Add(l); return nil },
		Stray:  func(where, id string) error { t.Errorf("%s %s lies outside every chain", where, id); return nil },
	})
	require.NoError(t, err)
	finish()
	return links
}

// all finds the event ids of everything in a tenant's journal, in the order of the query.
func all(t *testing.T, s app.Store, tenant string, q journal.Query) []string {
	t.Helper()
	q.Limit = 1000
	page, err := s.Search(t.Context(), tenant, q)
	require.NoError(t, err)
	require.False(t, page.More)
	assert.Equal(t, len(page.Items), page.Total)
	ids := []string{}
	for _, item := range page.Items {
		ids = append(ids, item.EventID)
	}
	return ids
}

func ptr[T any](v T) *T { return &v }

// everyCall makes every call that names a tenant.
func everyCall(ctx context.Context, s app.Store, tenant string) map[string]error {
	errs := map[string]error{}
	_, errs["Commit"] = s.Commit(ctx, tenant, nil)
	_, errs["Known"] = s.Known(ctx, tenant, []string{"x"})
	_, errs["Search"] = s.Search(ctx, tenant, journal.Query{Limit: 1})
	errs["Each"] = s.Each(ctx, tenant, journal.Query{}, func(*journal.Listed) bool { return true })
	_, errs["Entry"] = s.Entry(ctx, tenant, "x")
	_, errs["Direct"] = s.Direct(ctx, tenant, "x")
	_, _, errs["Events"] = s.Events(ctx, tenant, journal.EventQuery{Limit: 1})
	_, _, errs["Order"] = s.Order(ctx, tenant, "x")
	_, errs["Session"] = s.Session(ctx, tenant, journal.SessionKey{})
	_, errs["Progress"] = s.Progress(ctx, identity.TenantStream(tenant), event.ProducerCart)
	_, errs["Streams"] = s.Streams(ctx, tenant)
	_, errs["Backfill"] = s.Backfill(ctx, tenant)
	errs["Walk"] = s.Walk(ctx, tenant, app.Walker{})
	_, errs["Stores"] = s.Stores(ctx, tenant)
	_, errs["Lease"] = s.Lease(ctx, tenant, "x", time.Minute)
	_, errs["LogSize"] = s.LogSize(ctx, tenant)
	_, errs["Unlogged"] = s.Unlogged(ctx, tenant, 1)
	errs["Extend"] = s.Extend(ctx, tenant, 0, nil, nil)
	_, errs["Row"] = s.Row(ctx, tenant, 0, 0, 1)
	_, errs["LeafOf"] = s.LeafOf(ctx, tenant, "x")
	errs["EachLeaf"] = s.EachLeaf(ctx, tenant, 0, 1, nil)
	errs["Logged"] = s.Logged(ctx, tenant, 0, 1, nil)
	errs["PutCheckpoint"] = s.PutCheckpoint(ctx, proof.Checkpoint{Tenant: tenant})
	_, errs["Checkpoints"] = s.Checkpoints(ctx, tenant, app.CheckpointQuery{Limit: 1})
	_, errs["Unexamined"] = s.Unexamined(ctx, tenant, at)
	_, errs["Examination"] = s.Examination(ctx, identity.TenantStream(tenant))
	_, errs["Behind"] = s.Behind(ctx, identity.TenantStream(tenant), 0, 1)
	_, errs["Receipts"] = s.Receipts(ctx, identity.Terminal{TenantID: tenant}, "20260329", []int64{1})
	_, errs["Settle"] = s.Settle(ctx, &app.Settlement{Stream: identity.TenantStream(tenant)})
	_, _, errs["Discrepancies"] = s.Discrepancies(ctx, tenant, app.DiscrepancyQuery{Limit: 1})
	_, errs["Discrepancy"] = s.Discrepancy(ctx, tenant, "x")
	_, errs["Accept"] = s.Accept(ctx, tenant, "x", "ann", "why", at)
	errs["RecordAccess"] = s.RecordAccess(ctx, tenant, &journal.Access{})
	_, _, errs["Accesses"] = s.Accesses(ctx, tenant, app.AccessQuery{Limit: 1})
	_, errs["Retentions"] = s.Retentions(ctx, tenant, 1)
	errs["SetRetention"] = s.SetRetention(ctx, tenant, journal.Retention{})
	_, errs["Segments"] = s.Segments(ctx, tenant, app.SegmentQuery{})
	_, errs["SegmentAt"] = s.SegmentAt(ctx, tenant, "x", 1)
	errs["Hold"] = s.Hold(ctx, tenant, "x", app.Hold{})
	_, errs["ArchiveRuns"] = s.ArchiveRuns(ctx, tenant, 1)
	_, errs["OpenDiscrepancies"] = s.OpenDiscrepancies(ctx, tenant)
	return errs
}

func name(i int) string { return fmt.Sprintf("case %d", i) }
