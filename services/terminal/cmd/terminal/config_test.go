package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/service"
)

func TestConfigExplainsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, finding string }{
		"a close that waits longer than a stop": {"TILLROLL_CLOSE_WAIT", "8s", "TILLROLL_CLOSE_WAIT"},
		"a negative wait":                       {"TILLROLL_CLOSE_WAIT", "-1s", "TILLROLL_CLOSE_WAIT"},
		"a resend faster than any answer":       {"TILLROLL_RESEND_AFTER", "1ms", "TILLROLL_RESEND_AFTER"},
		"nothing kept for a redelivery":         {"TILLROLL_OUTBOX_RETENTION", "1m", "TILLROLL_OUTBOX_RETENTION"},
		"no port":                               {"APP_PORT", "0", "APP_PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("APP_PORT", "8001")
			t.Setenv("APP_API_TOKEN", "x")
			t.Setenv(c.variable, c.value)
			var cfg config
			require.ErrorContains(t, service.Load(&cfg), c.finding)
		})
	}
}

func TestConfigReachesTheRelay(t *testing.T) {
	t.Setenv("APP_PORT", "8001")
	t.Setenv("APP_API_TOKEN", "x")
	t.Setenv("TILLROLL_RESEND_AFTER", "2s")
	var cfg config
	require.NoError(t, service.Load(&cfg))
	assert.Equal(t, 2*time.Second, cfg.relay().ResendAfter)
	assert.Equal(t, 14*24*time.Hour, cfg.relay().Retention)
	assert.Equal(t, 3*time.Second, cfg.CloseWait)
}
