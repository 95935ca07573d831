package journal_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
)

func TestTheReadmeNamesEveryRoute(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, r := range (&httpapi.API{}).Routes() {
		assert.Regexp(t, "`"+r.Method+" "+r.Path+"[?`]", string(text))
	}
	for _, s := range httpapi.Subscriptions {
		assert.Contains(t, string(text), "`POST "+s.Path+"`")
	}
	assert.Contains(t, string(text), "`POST "+httpapi.DeadLetters+"`")
}
