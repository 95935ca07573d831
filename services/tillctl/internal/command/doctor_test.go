package command_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
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

// What doctor says of MongoDB is what servers said of themselves.
func TestDoctorAsksTheMongoDBServer(t *testing.T) {
	finder := finderProgram(t)
	protected, alone := standIn(t, finder, "-auth"), standIn(t, finder, "-guise standalone")
	_, host, _ := strings.Cut(protected, "@")
	stranger := "mongodb://ann:" + url.QueryEscape("s3cret/") + "@" + host
	for _, test := range []struct{ uri, status, says, next string }{
		{protected, "ok", " is version 7.0.", ""},
		{protected, "ok", "replica set rs0", ""},
		{stranger, "fail", "cannot be used", "user, password"},
		{alone, "fail", "stands alone", "--replSet rs0"},
		{strings.Replace(alone, "replicaSet=rs0", "directConnection=true", 1), "fail", "stands alone", "--replSet rs0"},
		{strings.Replace(protected, "rs0", "rs7", 1), "fail", "it belongs to the replica set rs0, not to rs7", "MONGODB_URI"},
		{"mongodb://ann:s3%cret@127.0.0.1/", "fail", "cannot be read", "MONGODB_URI"},
	} {
		w := newWorld(t)
		t.Setenv("MONGODB_URI", test.uri)
		w.against(t, services{"/readyz": `{"ready":true,"checks":{}}`, "/healthz": `{}`}, "doctor", "-o", "json")
		var found struct {
			Checks []struct{ Name, Status, Message, Next string }
		}
		require.NoError(t, json.Unmarshal(w.out.Bytes(), &found), w.err.String())
		asked := 0
		for _, c := range found.Checks {
			if c.Name != "MongoDB" {
				continue
			}
			asked++
			assert.Equal(t, test.status, c.Status, c.Message)
			assert.Contains(t, c.Message, test.says)
			assert.Contains(t, c.Next, test.next)
		}
		assert.Equal(t, 1, asked)
		assert.NotContains(t, w.out.String(), "s3")
	}
}
