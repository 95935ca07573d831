package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// exports are files as tillctl writes them, of journals of two tenants, and the public key.
func exports(t *testing.T) (acme, bolt, key string) {
	t.Helper()
	folder := t.TempDir()
	store, err := sqlitestore.Open(t.Context(), filepath.Join(folder, "journal"), clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, public, err := proof.NewSigner(private)
	require.NoError(t, err)
	service := app.New(app.Config{Store: store, Clock: clockwork.NewRealClock(), NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Signer: signer, PublicKey: public})
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	export := func(tenant string, sales int) string {
		_, err := store.Provision(t.Context(), tenant)
		require.NoError(t, err)
		till := tilltest.New(tenant, "s1", 1)
		for range sales {
			_, err := store.Commit(t.Context(), tenant, tilltest.Records(t, till.Sale("10")))
			require.NoError(t, err)
		}
		c, err := service.Proof.Checkpoint(t.Context(), tenant)
		require.NoError(t, err)
		header, err := json.Marshal(proof.Header{Format: proof.ExportFormat, Version: proof.ExportVersion, TenantID: tenant, Events: c.Size, Checkpoint: c.Note})
		require.NoError(t, err)
		page, err := service.Proof.Export(t.Context(), tenant, c.Size, 0, 1000)
		require.NoError(t, err)
		return write(tenant+".jsonl", string(header)+"\n"+string(page))
	}
	return export("acme", 30), export("bolt", 5), write("journal.key", public)
}

func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	found, err := os.ReadDir(folder)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, f := range found {
		all = append(all, f.Name())
	}
	return all
}

func TestSeveralTenantsAreRebuiltIntoOneFolder(t *testing.T) {
	acme, bolt, key := exports(t)
	into := filepath.Join(t.TempDir(), "data")
	var out, complaints bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"-key", key, "-into", into, acme, bolt}, &out, &complaints), &complaints)
	assert.Contains(t, out.String(), "acme.jsonl: the journal of acme as of ")
	assert.Contains(t, out.String(), "bolt.jsonl: the journal of bolt as of ")
	assert.Equal(t, []string{"journal"}, names(t, into))
	store, err := sqlitestore.Open(t.Context(), filepath.Join(into, "journal"), clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	tenants, err := store.Tenants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"acme", "bolt"}, tenants)
	size, err := store.LogSize(t.Context(), "acme")
	require.NoError(t, err)
	assert.EqualValues(t, 30, size)
	assert.Equal(t, exitFailed, run(t.Context(), []string{"-key", key, "-into", into, acme}, &out, &complaints), "nothing is written over")
	assert.Contains(t, complaints.String(), "there is a journal in")
}

// When one export of several is bad nothing of the others is there, either.
func TestNothingOfABadExportIsKept(t *testing.T) {
	acme, bolt, key := exports(t)
	good, err := os.ReadFile(bolt)
	require.NoError(t, err)
	otherAcme, _, otherKey := exports(t)
	for name, c := range map[string]struct {
		args  []string
		spoil func() []byte
		code  int
		says  string
	}{
		"a word":        {[]string{"-key", key, acme, bolt}, func() []byte { return bytes.Replace(good, []byte(`"total_amount":10`), []byte(`"total_amount":11`), 1) }, exitFound, "the event's content was changed"},
		"cut":           {[]string{"-key", key, bolt}, func() []byte { return good[:len(good)*2/3] }, exitFound, "WRONG"},
		"another key":   {[]string{"-key", otherKey, bolt}, func() []byte { return good }, exitFailed, "none of the keys that are trusted"},
		"not an export": {[]string{"-key", key, bolt}, func() []byte { return []byte("my diary\n") }, exitFailed, "this is no export of a journal"},
		"empty":         {[]string{"-key", key, bolt}, func() []byte { return nil }, exitFailed, "this is no export of a journal"},
		"twice":         {[]string{"-key", key, acme, acme}, func() []byte { return good }, exitFailed, "has the tenant acme already"},
		"kept":          {[]string{"-key", otherKey, "-checkpoint", bolt, otherAcme}, func() []byte { return good }, exitFailed, "no signed checkpoint"},
		"no key":        {[]string{"-key", "/nowhere", acme}, func() []byte { return good }, exitFailed, "/nowhere"},
		"no file":       {[]string{"-key", key}, func() []byte { return good }, exitUsage, "Makes a journal anew"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := c.spoil()
			require.NoError(t, os.WriteFile(bolt, bad, 0o600))
			into := filepath.Join(t.TempDir(), "data")
			var out, complaints bytes.Buffer
			assert.Equal(t, c.code, run(t.Context(), append([]string{"-into", into}, c.args...), &out, &complaints))
			assert.Contains(t, complaints.String(), c.says)
			assert.Empty(t, names(t, into))
			assert.Empty(t, out.String())
		})
	}
}
