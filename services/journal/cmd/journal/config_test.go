package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

func TestTheSettingsOfTransactionsAndSearchesAreChecked(t *testing.T) {
	t.Setenv("APP_PORT", "8005")
	t.Setenv("APP_API_TOKEN", "t")
	var good config
	require.NoError(t, service.Load(&good))
	assert.Equal(t, 256, good.Batch)
	assert.Zero(t, good.Linger)
	assert.Equal(t, app.UsualSearchLimits, good.Search.limits())
	for says, change := range map[string]func(*config){
		"TILLROLL_COMMIT_BATCH is 0":                                         func(c *config) { c.Batch = 0 },
		"TILLROLL_COMMIT_BATCH is 1001":                                      func(c *config) { c.Batch = 1001 },
		"TILLROLL_COMMIT_LINGER is -1s":                                      func(c *config) { c.Linger = -time.Second },
		"TILLROLL_COMMIT_LINGER is 1m0s":                                     func(c *config) { c.Linger = time.Minute },
		"TILLROLL_SEARCH_EXAMINED is 0":                                      func(c *config) { c.Search.Examined = 0 },
		"TILLROLL_SEARCH_FEW is 20001":                                       func(c *config) { c.Search.Few = 20001 },
		"TILLROLL_SEARCH_READ is -1":                                         func(c *config) { c.Search.Read = -1 },
		"TILLROLL_SEARCH_TIME is 0s":                                         func(c *config) { c.Search.Time = 0 },
		"TILLROLL_SEARCH_FEW, _READ and _EXAMINED are 6000, 5000 and 100000": func(c *config) { c.Search.Few = 6000 },
		"TILLROLL_SEARCH_FEW, _READ and _EXAMINED are 1000, 5000 and 4000":   func(c *config) { c.Search.Examined = 4000 },
		"APP_API_TOKEN is empty":                                             func(c *config) { c.AppToken = "" },
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

func TestTheSettingsOfASearchComeFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{"APP_PORT": "8005", "APP_API_TOKEN": "t", "TILLROLL_SEARCH_EXAMINED": "7000",
		"TILLROLL_SEARCH_FEW": "50", "TILLROLL_SEARCH_READ": "600", "TILLROLL_SEARCH_TIME": "900ms"} {
		t.Setenv(name, value)
	}
	var c config
	require.NoError(t, service.Load(&c))
	assert.Equal(t, app.SearchLimits{Examined: 7000, Few: 50, Read: 600, Time: 900 * time.Millisecond}, c.Search.limits())
}
