package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

func access(n int, subject string) *journal.Access {
	return &journal.Access{
		ID: fmt.Sprint("id-", n), At: at.Add(time.Duration(n/2) * time.Minute), Subject: subject, Role: "auditor", Method: "GET", Route: "/tenants/:tenant/journals",
		Path: "/tenants/acme/journals", Query: "keyword='; DROP TABLE log_access; --", Status: 200, Items: n, TraceID: "t",
	}
}

var accessCases = map[string]func(t *testing.T, s app.Store){
	"reads are kept as they were, and listed newest first": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		var all []*journal.Access
		for n := range 6 {
			a := access(n, []string{"ann", "bob"}[n%2])
			require.NoError(t, s.RecordAccess(t.Context(), "acme", a))
			all = append([]*journal.Access{a}, all...)
		}
		items, total, err := s.Accesses(t.Context(), "acme", app.AccessQuery{Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, 6, total)
		assert.Equal(t, all, items)
		items, total, err = s.Accesses(t.Context(), "acme", app.AccessQuery{Limit: 2, Skip: 1})
		require.NoError(t, err)
		assert.Equal(t, 6, total)
		assert.Equal(t, all[1:3], items)
		from, to := at.Add(time.Minute), at.Add(2*time.Minute)
		items, total, err = s.Accesses(t.Context(), "acme", app.AccessQuery{Subject: "bob", At: journal.Span[time.Time]{From: &from, To: &to}, Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, 1, total)
		assert.Equal(t, []*journal.Access{all[2]}, items)
		items, total, err = s.Accesses(t.Context(), "bolt", app.AccessQuery{Limit: 10})
		require.NoError(t, err)
		assert.Zero(t, total)
		assert.Empty(t, items)
	},
	"a read is kept once": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		require.NoError(t, s.RecordAccess(t.Context(), "acme", access(1, "ann")))
		require.Error(t, s.RecordAccess(t.Context(), "acme", access(1, "bob")))
		items, _, err := s.Accesses(t.Context(), "acme", app.AccessQuery{Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, []*journal.Access{access(1, "ann")}, items)
	},
}
