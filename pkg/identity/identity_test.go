package identity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/identity"
)

func TestCodes(t *testing.T) {
	for _, good := range []string{"a", "acme", "0", "shop_01", strings.Repeat("a", 32)} {
		assert.True(t, identity.ValidCode(good), good)
	}
	for _, bad := range []string{"", "A", "_a", "a-b", "a.b", "a/b", "../x", "$where", "a b", "é", "a\n", strings.Repeat("a", 33)} {
		assert.False(t, identity.ValidCode(bad), bad)
	}
}

func TestStreams(t *testing.T) {
	till := identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 7}
	require.NoError(t, till.Validate())
	assert.Equal(t, "acme-s1-7", identity.TerminalStream(till).ID())
	assert.Equal(t, "acme", identity.TenantStream("acme").ID())
	require.NoError(t, identity.TenantStream("acme").Validate())
	for _, bad := range []identity.Stream{{}, {TenantID: "acme", StoreCode: "s1"}, {TenantID: "acme", TerminalNo: 1}, {TenantID: "ACME"}, {TenantID: "acme", StoreCode: "s1", TerminalNo: -1}, {TenantID: "acme", StoreCode: "s1", TerminalNo: 10000}} {
		assert.Error(t, bad.Validate(), "%+v", bad)
	}
}
