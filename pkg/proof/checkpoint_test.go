package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/proof"
)

var signedAt = time.Date(2026, 4, 1, 9, 0, 0, 987, time.FixedZone("", 9*3600))

func newKey(t testing.TB) (*proof.Signer, proof.Keys, string) {
	t.Helper()
	private, public, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, derived, err := proof.NewSigner(private)
	require.NoError(t, err)
	require.Equal(t, public, derived)
	keys, err := proof.ParseKeys("# the journal of the shop\n\n" + public + "\n")
	require.NoError(t, err)
	return signer, keys, public
}

func sign(t testing.TB, s *proof.Signer, tenant string, size uint64, root proof.Hash) proof.Checkpoint {
	t.Helper()
	c, err := s.Sign(proof.Checkpoint{Tenant: tenant, Size: size, Root: root, Time: signedAt})
	require.NoError(t, err)
	return c
}

func TestACheckpointIsReadByWhoTrustsItsKey(t *testing.T) {
	signer, keys, _ := newKey(t)
	_, others, _ := newKey(t)
	c := sign(t, signer, "acme", 7, proof.HashOf([]byte("1")))
	assert.True(t, strings.HasPrefix(c.Note, "tillroll/journal/acme\n7\n"), c.Note)
	assert.Contains(t, c.Note, "\n2026-04-01T00:00:00Z\n\n— tillroll-journal ")
	got, err := keys.Open(c.Note)
	require.NoError(t, err)
	assert.Equal(t, c, got)
	got, err = proof.ReadUnverified(c.Note)
	require.NoError(t, err)
	assert.Equal(t, c, got)
	_, err = others.Open(c.Note)
	assert.ErrorContains(t, err, "none of the keys")
	for _, forged := range []string{
		strings.Replace(c.Note, "\n7\n", "\n8\n", 1), strings.Replace(c.Note, "acme", "bolt", 1), strings.Replace(c.Note, "00:00:00Z", "00:00:01Z", 1),
	} {
		_, err = keys.Open(forged)
		assert.ErrorContains(t, err, "changed, or forged")
	}
	for _, text := range []string{"", "x", "a\n\nb\n", c.Note[:20], "tillroll/journal/acme\nx\ny\nz\n\n— x y\n"} {
		_, err = keys.Open(text)
		require.Error(t, err)
		_, err = proof.ReadUnverified(text)
		require.Error(t, err)
	}
}

func TestTheShortFormFitsOnAReceipt(t *testing.T) {
	c := proof.Checkpoint{Size: 123_456_789, Root: proof.HashOf([]byte("1"))}
	assert.Equal(t, "123456789 X5FD-GPX5-GXBR-UETG", c.Short())
	assert.Less(t, len(c.Short()), 32)
}

func TestKeysAreReadOrRefused(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "abc", "PRIVATE+KEY+a+b+c"} {
		_, err := proof.ParseKeys(text)
		require.Error(t, err)
		_, _, err = proof.NewSigner(text)
		require.Error(t, err)
	}
}

func TestAFileOfCheckpointsIsTakenApart(t *testing.T) {
	signer, keys, _ := newKey(t)
	a, b := sign(t, signer, "acme", 7, proof.Hash{1}), sign(t, signer, "acme", 9, proof.Hash{2})
	for _, text := range []string{a.Note + b.Note, a.Note + "\n\n" + b.Note + "\n", "\n" + strings.ReplaceAll(a.Note+b.Note, "\n", "\r\n")} {
		notes := proof.SplitNotes(text)
		require.Len(t, notes, 2)
		for i, want := range []proof.Checkpoint{a, b} {
			got, err := keys.Open(notes[i])
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
	assert.Empty(t, proof.SplitNotes("\n"))
	assert.Len(t, proof.SplitNotes("nonsense"), 1)
}
