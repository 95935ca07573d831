package delivery_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
)

// FuzzDelivery posts whatever a sidecar, or somebody with its token, could: it is always answered with
// 200 and readable statuses, or Dapr would forget the event.
func FuzzDelivery(f *testing.F) {
	for _, body := range []string{
		`{"id":"1","data":{"id":"e1"}}`, `{"id":"1"}`, `{"id":"h","data":{"test":"health-check"}}`, `garbage`, ``, `null`, `[]`, `""`, `{}`, `{"entries":null}`,
		`{"entries":[]}`, `{"entries":[null]}`, `{"entries":[{}]}`, `{"entries":[{"entryId":"a","event":{"data":{"do":"panic"}}},{"entryId":"a","event":"x"}]}`,
		`{"entries":{"a":1}}`, `{"data":{"do":"retry"},"entries":1}`, `{"id":1,"data":{}}`, `{"data_base64":"!"}`, `{"generation":1e99,"data":1}`, "{\"id\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	statuses := []string{"SUCCESS", "RETRY", "DROP"}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := post(string(body))
		var answer struct {
			Status   string
			Statuses []struct{ Status string }
		}
		if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &answer) != nil {
			t.Fatalf("%q was answered with %d %q", body, w.Code, w.Body)
		}
		if answer.Statuses == nil && !slices.Contains(statuses, answer.Status) {
			t.Fatalf("%q was answered without a status: %q", body, w.Body)
		}
		for _, s := range answer.Statuses {
			if !slices.Contains(statuses, s.Status) {
				t.Fatalf("%q was answered without a status: %q", body, w.Body)
			}
		}
	})
}
