package command

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/eventtail"
)

func added() eventtail.Event {
	return eventtail.Event{Topic: "topic-events", Seq: 7, At: time.Date(2026, 3, 29, 9, 0, 0, 0, time.UTC), Cloud: json.RawMessage(
		`{"data":{"tenant_id":"acme","store_code":"s1","terminal_no":1,"producer":"cart","sequence":3,"eventType":"Sales.ProductAdded","correlationId":"c\u001b[2J1"}}`)}
}

func TestFiltersOfATail(t *testing.T) {
	for name, test := range map[string]struct {
		v    eventsTail
		want bool
	}{
		"none":              {eventsTail{}, true},
		"the topic":         {eventsTail{Topic: []string{"tranlog", "topic-events"}}, true},
		"the topic's name":  {eventsTail{Topic: []string{"events"}}, true},
		"another topic":     {eventsTail{Topic: []string{"event"}}, false},
		"the type":          {eventsTail{Type: []string{"Sales.ProductAdded"}}, true},
		"a pattern":         {eventsTail{Type: []string{"Terminal.*", "Sales.*"}}, true},
		"another type":      {eventsTail{Type: []string{"Terminal.*"}}, false},
		"the tenant":        {eventsTail{Tenant: "acme"}, true},
		"another tenant":    {eventsTail{Tenant: "acm"}, false},
		"the terminal":      {eventsTail{Terminal: "acme-s1-1"}, true},
		"another terminal":  {eventsTail{Terminal: "acme-s1-11"}, false},
		"one of two is not": {eventsTail{Topic: []string{"events"}, Tenant: "bolt"}, false},
	} {
		assert.Equal(t, test.want, test.v.wants(added().Topic, added().Facts()), name)
	}
	assert.Error(t, eventsTail{Type: []string{"["}}.Validate())
	assert.Error(t, eventsTail{Count: -1}.Validate())
}

func TestALineOfATailCannotCommandTheWindow(t *testing.T) {
	for _, output := range []string{"line", "json"} {
		var out bytes.Buffer
		require.NoError(t, eventsTail{Output: output}.show(&out, added(), added().Facts()))
		assert.NotContains(t, out.String(), "\x1b", output)
		assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), output)
		assert.Contains(t, out.String(), "Sales.ProductAdded", output)
	}
}

func TestATailWithoutAStackSaysSo(t *testing.T) {
	var out bytes.Buffer
	code := Run(t.Context(), []string{"events", "tail", "--data", t.TempDir()}, World{Out: &out, Err: &out})
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out.String(), "start one with make run")
}
