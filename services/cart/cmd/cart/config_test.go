package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/service"
)

func TestConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"defaults":         {nil, ""},
		"receipts of peer": {map[string]string{"TILLROLL_RECEIPT_FIRST": "111111"}, ""},
		"empty range":      {map[string]string{"TILLROLL_RECEIPT_FIRST": "5", "TILLROLL_RECEIPT_LAST": "5"}, "TILLROLL_RECEIPT_LAST"},
		"from zero":        {map[string]string{"TILLROLL_RECEIPT_FIRST": "0"}, "TILLROLL_RECEIPT_FIRST"},
		"too large":        {map[string]string{"TILLROLL_RECEIPT_LAST": "1000000000"}, "TILLROLL_RECEIPT_LAST"},
		"endless wait":     {map[string]string{"TILLROLL_SNAPSHOT_WAIT": "1h"}, "TILLROLL_SNAPSHOT_WAIT"},
		"hasty resend":     {map[string]string{"TILLROLL_RESEND_AFTER": "1ms"}, "TILLROLL_RESEND_AFTER"},
		"short retention":  {map[string]string{"TILLROLL_OUTBOX_RETENTION": "1m"}, "TILLROLL_OUTBOX_RETENTION"},
		"no token":         {map[string]string{"APP_API_TOKEN": ""}, "APP_API_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("APP_PORT", "8003")
			t.Setenv("APP_API_TOKEN", "token")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			var cfg config
			err := service.Load(&cfg)
			if c.want == "" {
				require.NoError(t, err)
				assert.EqualValues(t, 999_999, cfg.receipts().Last)
				assert.Equal(t, cfg.ResendAfter, cfg.RelayConfig().ResendAfter)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}
