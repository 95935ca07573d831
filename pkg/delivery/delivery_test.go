package delivery_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/problem"
)

// handle answers by what the data says.
func handle(_ context.Context, messages []delivery.Message) []delivery.Answer {
	out := make([]delivery.Answer, len(messages))
	for i, m := range messages {
		var d struct{ Do, ID string }
		if m.Err != nil {
			out[i] = delivery.Dropped("", m.Err.Error())
			continue
		}
		_ = json.Unmarshal(m.CloudEvent.Data, &d)
		switch d.Do {
		case "panic":
			panic("boom")
		case "retry":
			out[i] = delivery.Retried(d.ID, problem.Unavailable.New(""))
		default:
			out[i] = delivery.Succeeded(d.ID, "stored")
		}
	}
	return out
}

func post(body string, headers ...string) *httptest.ResponseRecorder {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/", delivery.OnlySidecar("token"), delivery.Route(zap.NewNop(), handle))
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("dapr-api-token", "token")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, req)
	return w
}

func TestEveryAnswerIsA200WithAStatus(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"stored":       {`{"id":"1","data":{"id":"e1"}}`, `{"status":"SUCCESS","success":true,"eventId":"e1","message":"stored"}`},
		"passing":      {`{"id":"1","data":{"do":"retry","id":"e1"}}`, `{"status":"RETRY","success":false,"eventId":"e1","message":"Something this needs does not answer"}`},
		"panic":        {`{"id":"1","data":{"do":"panic"}}`, `{"status":"RETRY","success":false,"eventId":"","message":"Something unexpected happened here"}`},
		"no JSON":      {`garbage`, `{"status":"DROP","success":false,"eventId":"","message":"not a CloudEvent: invalid character 'g' looking for beginning of value"}`},
		"no data":      {`{"id":"1"}`, `{"status":"DROP","success":false,"eventId":"","message":"the CloudEvent has no JSON data"}`},
		"health check": {`{"id":"h","data":{"test":"health-check"}}`, `{"status":"SUCCESS","success":true,"eventId":"h","message":"health check"}`},
		"bulk": {`{"entries":[{"entryId":"a","event":{"data":{"id":"e1"}}},{"entryId":"b","event":"x"},{"entryId":"c","event":{"data":{"do":"retry","id":"e3"}}},{"entryId":"d","event":{"id":"h","data":{"test":"health-check"}}}]}`,
			`{"statuses":[{"entryId":"a","status":"SUCCESS","success":true,"eventId":"e1","message":"stored"},
			{"entryId":"b","status":"DROP","success":false,"eventId":"","message":"not a CloudEvent: json: cannot unmarshal string into Go value of type cloudevent.In"},
			{"entryId":"c","status":"RETRY","success":false,"eventId":"e3","message":"Something this needs does not answer"},
			{"entryId":"d","status":"SUCCESS","success":true,"eventId":"h","message":"health check"}]}`},
		"a panic retries its bulk": {`{"entries":[{"entryId":"a","event":{"data":{"id":"e1"}}},{"entryId":"b","event":{"data":{"do":"panic"}}}]}`,
			`{"statuses":[{"entryId":"a","status":"RETRY","success":false,"eventId":"","message":"Something unexpected happened here"},{"entryId":"b","status":"RETRY","success":false,"eventId":"","message":"Something unexpected happened here"}]}`},
		"empty bulk": {`{"entries":[]}`, `{"statuses":[]}`},
	} {
		w := post(c.body)
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.JSONEq(t, c.want, w.Body.String(), name)
	}
}

// Of a raw subscription everything is delivered wrapped; handlers see what lay on the topic.
func TestARawRouteUnwrapsWhatLayOnTheTopic(t *testing.T) {
	sale, garbage := base64.StdEncoding.EncodeToString([]byte(`{"id":"1","data":{"id":"e1"}}`)), base64.StdEncoding.EncodeToString([]byte("\xff garbage"))
	stored := `"status":"SUCCESS","success":true,"eventId":"e1","message":"stored"`
	dropped := `"status":"DROP","success":false,"eventId":"","message":"not a CloudEvent: invalid character 'ÿ' looking for beginning of value"`
	for body, want := range map[string]string{
		`{"id":"x","topic":"dead","data_base64":"` + sale + `"}`:                                         "{" + stored + "}",
		`{"id":"x","topic":"dead","data_base64":"` + garbage + `"}`:                                      "{" + dropped + "}",
		`{"entries":[{"entryId":"a","event":"` + sale + `"},{"entryId":"b","event":"` + garbage + `"}]}`: `{"statuses":[{"entryId":"a",` + stored + `},{"entryId":"b",` + dropped + `}]}`,
		`{"id":"1","data":{"id":"e1"}}`:                                                                  "{" + stored + "}", // not wrapped
	} {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.POST("/", delivery.RawRoute(zap.NewNop(), func(ctx context.Context, messages []delivery.Message) []delivery.Answer {
			for _, m := range messages {
				assert.Equal(t, m.Err != nil, string(m.Raw) == "\xff garbage", "the message itself")
			}
			return handle(ctx, messages)
		}))
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		assert.JSONEq(t, want, w.Body.String(), body)
	}
}

func TestOnlyTheOwnSidecarDelivers(t *testing.T) {
	assert.Equal(t, http.StatusUnauthorized, post(`{}`, "dapr-api-token", "wrong").Code)
	assert.Equal(t, http.StatusUnauthorized, post(`{}`, "dapr-api-token", "").Code)
	assert.Equal(t, http.StatusForbidden, post(`{}`, "dapr-caller-app-id", "till").Code)

	e := gin.New()
	e.POST("/", delivery.OnlySidecar(""), func(c *gin.Context) { c.Status(http.StatusOK) })
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusUnauthorized, w.Code, "without a configured token nobody comes in")
}
