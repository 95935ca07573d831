package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/service"
)

func TestTheSettingsOfATransactionAreChecked(t *testing.T) {
	t.Setenv("APP_PORT", "8005")
	t.Setenv("APP_API_TOKEN", "t")
	var good config
	require.NoError(t, service.Load(&good))
	assert.Equal(t, 256, good.Batch)
	assert.Zero(t, good.Linger)
	for says, change := range map[string]func(*config){
		"TILLROLL_COMMIT_BATCH is 0":     func(c *config) { c.Batch = 0 },
		"TILLROLL_COMMIT_BATCH is 1001":  func(c *config) { c.Batch = 1001 },
		"TILLROLL_COMMIT_LINGER is -1s":  func(c *config) { c.Linger = -time.Second },
		"TILLROLL_COMMIT_LINGER is 1m0s": func(c *config) { c.Linger = time.Minute },
		"APP_API_TOKEN is empty":         func(c *config) { c.AppToken = "" },
	} {
		c := good
		change(&c)
		found := c.Check()
		if assert.Len(t, found, 1, says) {
			assert.Equal(t, says, found[0].Message)
			assert.NotEmpty(t, found[0].Explain)
		}
	}
}
