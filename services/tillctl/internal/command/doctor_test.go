package command_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDoctorFailsWhenSomethingDoes(t *testing.T) {
	w := newWorld(t)
	t.Setenv("MONGODB_URI", "")
	t.Setenv("TILLROLL_REDIS", "127.0.0.1:1")
	code := w.against(t, services{"/readyz": `{"ready":false,"checks":{"database":"Something"}}`, "/healthz": `{}`}, "doctor")
	assert.Equal(t, 3, code)
	assert.Contains(t, w.out.String(), "is not ready: database")
	assert.Contains(t, w.out.String(), "→ make logs SERVICE=journal tells why.")
	assert.Contains(t, w.out.String(), "nothing answers at 127.0.0.1:1")
}

func TestDoctorForPrograms(t *testing.T) {
	w := newWorld(t)
	t.Setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50&directConnection=true")
	sameTime := func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Date", w.clock.Now().UTC().Format(http.TimeFormat))
	}
	code := w.against(t, services{"/readyz": `{"ready":true,"checks":{}}`, "/healthz": sameTime}, "doctor", "-o", "json")
	assert.Equal(t, 3, code, w.out.String())
	var found struct {
		OK     bool
		Checks []struct{ Name, Status, Message, Next string }
	}
	require.NoError(t, json.Unmarshal(w.out.Bytes(), &found))
	assert.False(t, found.OK)
	var failed []string
	for _, c := range found.Checks {
		if c.Status == "fail" {
			failed = append(failed, c.Name)
		}
		assert.Contains(t, []string{"ok", "warn", "fail"}, c.Status)
		assert.Equal(t, c.Status == "ok", c.Next == "", c.Name)
	}
	assert.Equal(t, []string{"MongoDB"}, failed)
}
