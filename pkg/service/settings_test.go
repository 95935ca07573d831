package service

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSettingsExplainThemselves(t *testing.T) {
	good := map[string]string{"APP_PORT": "8003", "APP_API_TOKEN": "x"}
	for name, c := range map[string]struct {
		env  map[string]string
		says []string
	}{
		"good":             {nil, nil},
		"nothing":          {map[string]string{"APP_PORT": "", "APP_API_TOKEN": ""}, []string{"APP_PORT is 0", "such as APP_PORT=8003", "APP_API_TOKEN is empty", "pose as the sidecar"}},
		"port no number":   {map[string]string{"APP_PORT": "many"}, []string{"AppPort"}},
		"log level":        {map[string]string{"TILLROLL_LOG_LEVEL": "loud"}, []string{"Use debug, info, warn or error."}},
		"every origin":     {map[string]string{"TILLROLL_CORS_ORIGINS": "https://till.example,*"}, []string{"TILLROLL_CORS_ORIGINS", "name each origin"}},
		"a path":           {map[string]string{"TILLROLL_CORS_ORIGINS": "https://till.example/app"}, []string{"is no origin such as", "leave it empty if there are none"}},
		"writers":          {map[string]string{"TILLROLL_STATE_WRITERS": "-1"}, []string{"Use 1 for a SQLite state store"}},
		"refresh too fast": {map[string]string{"TILLROLL_KEY_REFRESH": "1ms"}, []string{"TILLROLL_KEY_REFRESH is 1ms"}},
		"grace too short":  {map[string]string{"TILLROLL_STOP_GRACE": "1ms"}, []string{"at least 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []map[string]string{good, c.env} {
				for k, v := range m {
					t.Setenv(k, v)
				}
			}
			var s Settings
			err := Load(&s)
			if c.says == nil {
				require.NoError(t, err)
				assert.Equal(t, "127.0.0.1", s.Listen, "nothing listens to the outside unless told")
				return
			}
			for _, text := range c.says {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}
