package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

func TestATokenIsPrintedAloneAndVerifies(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data), &w.err)
	w.out.Reset()
	require.Equal(t, 0, w.run("token", "--role", "auditor", "--tenant", "acme", "--life", "2h", "--subject", "alice", "--data", data), &w.err)
	token, rest, _ := strings.Cut(w.out.String(), "\n")
	assert.Empty(t, rest)

	key, err := strongbox.IssuerKey(data)
	require.NoError(t, err)
	now := w.clock.Now()
	verifier := auth.NewVerifier(func(string) (jose.JSONWebKeySet, bool) { return auth.PublicSet(key), true }, func() time.Time { return now })
	p, err := verifier.Verify(token)
	require.NoError(t, err)
	assert.Equal(t, &auth.Principal{Subject: "alice", Role: auth.Auditor, TenantID: "acme"}, p)

	now = now.Add(2*time.Hour + time.Minute)
	_, err = verifier.Verify(token)
	assert.Error(t, err)
}

func TestAPlatformOperatorNeedsNoTenantAndASubjectIsFound(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	require.Equal(t, 0, w.run("token", "--role", "platform", "--data", data), &w.err)
	require.Equal(t, 0, w.run("token", "--role", "platform", "--tenant", "", "--data", data), &w.err)
}

func TestWithoutAKeyATokenSaysWhatToRun(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 1, w.run("token", "--role", "platform", "--data", t.TempDir()))
	assert.Contains(t, w.err.String(), "tillctl init")
}
