package profile_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
)

func TestProfilesAreKeptForTheirOwnerAlone(t *testing.T) {
	config := t.TempDir()
	book, err := profile.Open(config)
	require.NoError(t, err)
	assert.Equal(t, profile.Local, book.Chosen(), "nothing is configured")
	book.Profiles["hq"] = profile.Profile{JournalURL: "https://j", Tenant: "acme"}
	book.Current = "hq"
	require.NoError(t, book.Save())

	file := filepath.Join(config, "tillroll", "profiles.json")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := profile.Open(config)
	require.NoError(t, err)
	assert.Equal(t, "hq", again.Chosen())
	p, err := again.Get("hq")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"journal-url": "https://j", "tenant": "acme"}, p.Values())
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing is left behind")

	for _, path := range []string{file, filepath.Dir(file)} {
		before, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, before.Mode().Perm()|0o020))
		_, err = profile.Open(config)
		var unsafe *profile.Unsafe
		require.ErrorAs(t, err, &unsafe, path)
		assert.ErrorContains(t, err, "chmod ")
		require.NoError(t, os.Chmod(path, before.Mode()))
	}
}

func TestAFileThatCannotBeUnderstoodIsRefused(t *testing.T) {
	for content, says := range map[string]string{"{": "damaged", `{"format":2}`: "newer tillctl"} {
		config := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(config, "tillroll"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(config, "tillroll", "profiles.json"), []byte(content), 0o600))
		_, err := profile.Open(config)
		assert.ErrorContains(t, err, says)
	}
}

func TestNamesCanBeTyped(t *testing.T) {
	for name, good := range map[string]bool{"hq": true, "store.7_b-2": true, "": false, "local": false, "-x": false, "a b": false, "é": false} {
		assert.Equal(t, good, profile.CheckName(name) == nil, name)
	}
}

func TestATokenIsReadFromAFileThatOnlyItsOwnerReads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(content string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		require.NoError(t, os.Chmod(file, mode))
	}
	write(" abc.def.ghi\n", 0o600)
	token, err := profile.ReadToken(file)
	require.NoError(t, err)
	assert.Equal(t, "abc.def.ghi", token)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		write("abc.def.ghi", mode)
		_, err = profile.ReadToken(file)
		assert.ErrorContains(t, err, "chmod 600 "+file)
		assert.NotContains(t, err.Error(), "abc.def.ghi")
	}
	for _, content := range []string{"", " \n", "abc\ndef", "ab\x00c", "été", strings.Repeat("x", 70_000)} {
		write(content, 0o600)
		_, err = profile.ReadToken(file)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "abc")
	}
	_, err = profile.ReadToken(t.TempDir())
	assert.ErrorContains(t, err, "no file")
	_, err = profile.ReadToken(file + "x")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestATokenIsWhatACommandPrints(t *testing.T) {
	var told strings.Builder
	token, err := profile.RunCommand(t.Context(), "echo abc; echo 'sign in' >&2", &told)
	require.NoError(t, err)
	assert.Equal(t, "abc", token)
	assert.Equal(t, "sign in\n", told.String())

	_, err = profile.RunCommand(t.Context(), "echo secret; exit 3", &told)
	assert.ErrorContains(t, err, "exit status 3")
	_, err = profile.RunCommand(t.Context(), "true", &told)
	assert.ErrorContains(t, err, "is empty")
	_, err = profile.RunCommand(t.Context(), "head -c 100000 /dev/zero | tr '\\0' x", &told)
	assert.ErrorContains(t, err, "longer than any token")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = profile.RunCommand(ctx, "sleep 60", &told)
	require.Error(t, err)
	assert.Less(t, time.Since(begun), 20*time.Second)
}

func TestATokenSaysHowLongItHolds(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	token := func(body string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(body)) + ".s" }
	c, ok := profile.ReadClaims(token(`{"sub":"ann","role":"auditor","tenant_id":"acme","exp":1799999000}`))
	require.True(t, ok)
	assert.Equal(t, profile.Claims{Subject: "ann", Role: "auditor", TenantID: "acme", Expiry: 1_799_999_000}, c)
	assert.Equal(t, 1000*time.Second, c.Expired(now))
	assert.Zero(t, c.Expired(now.Add(-950*time.Second)), "clocks differ")
	assert.Zero(t, profile.Claims{}.Expired(now), "it does not say")
	for _, no := range []string{"", "opaque", "a.b.c", "a.!.c"} {
		_, ok := profile.ReadClaims(no)
		assert.False(t, ok, no)
	}
}
