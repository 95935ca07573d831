package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

type sale struct {
	Store  string        `json:"store" validate:"required,code"`
	Amount money.Decimal `json:"amount" validate:"dabove=0,dmax=100"`
	Note   string        `json:"note" validate:"max=5,plain"`
	Lines  []struct {
		Item string `json:"item" validate:"required"`
	} `json:"lines" validate:"max=2,dive"`
}

func engine() *gin.Engine {
	e := web.New("test", zap.NewNop(), prometheus.NewRegistry())
	e.POST("/sale", web.Handle(http.StatusCreated, func(c *gin.Context) (any, error) {
		var s sale
		_, err := web.Body(c, &s)
		return s, err
	}))
	e.GET("/list", web.Handle(http.StatusOK, func(c *gin.Context) (any, error) {
		var q struct {
			Limit int    `form:"limit" validate:"max=100"`
			Sort  string `form:"sort" validate:"omitempty,oneof=asc desc"`
		}
		return gin.H{}, web.Query(c, &q)
	}))
	e.GET("/later", web.Handle(http.StatusOK, func(*gin.Context) (any, error) {
		return nil, problem.Unavailable.New("the store sleeps").After(1500 * time.Millisecond)
	}))
	e.GET("/bug", func(*gin.Context) { panic("password=hunter2") })
	e.GET("/error", web.Handle(http.StatusOK, func(*gin.Context) (any, error) { return nil, errors.New("password=hunter2") }))
	return e
}

func call(t *testing.T, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	engine().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var doc map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc), w.Body.String())
	assert.NotContains(t, w.Body.String(), "hunter2")
	return w.Code, doc, w.Header()
}

func TestBadInputIsExplained(t *testing.T) {
	for _, c := range []struct {
		body string
		code int
		says string
	}{
		{`{"store":"s1","amount":10.5}`, 0, ""},
		{``, 300001, "store: must be given"},
		{`{`, 100000, "not valid JSON"},
		{`[]`, 300001, "wrong type"},
		{`{"store":"s1","amount":1} {}`, 100000, "more than one"},
		{`{"store":"s1","amount":1,"x":1}`, 100000, `unknown field "x"`},
		{`{"store":5}`, 300001, "wrong type"},
		{`{"store":"S1","amount":1}`, 300001, "must match"},
		{`{"store":"s1","amount":"1"}`, 300001, "amount cannot be read"},
		{`{"store":"s1","amount":1e99}`, 300001, "amount cannot be read"},
		{`{"store":"s1","amount":0}`, 300001, "amount: must be more than 0"},
		{`{"store":"s1","amount":100.01}`, 300001, "amount: must be at most 100"},
		{`{"store":"s1","amount":1,"note":"123456"}`, 300001, "note: must be at most 5"},
		{`{"store":"s1","amount":1,"note":"a\nb"}`, 300001, "control characters"},
		{`{"store":"s1","amount":1,"lines":[{"item":"a"},{}]}`, 300001, "lines[1].item: must be given"},
		{`{"store":"s1","amount":1,"amount":100}`, 100000, `"amount" stands twice`},
		{`{"store":"s1","amount":1,"AMOUNT":100}`, 100000, `"AMOUNT" stands twice`},
		{`{"store":"s1","amount":1,"lines":[{"item":"a"},{"item":"b","item":"c"}]}`, 100000, `"item" stands twice`},
		{`{"store":"s1","amount":1,"lines":[{"item":"a"},{"item":"a"}],"note":"item"}`, 0, ""},
		{`{"store":"s1","amount":1,"note":"store"}`, 0, ""},
		{"{\"store\":\"s1\",\"amount\":1,\"note\":\"\x83\x65\"}", 100000, "not UTF-8"},
		{`{"store":"s1","amount":1,"note":"a\u202eb"}`, 300001, "marks of direction"},
		{`{"store":"s1","amount":1,"note":"a\u009b"}`, 300001, "control characters"},
		{`{"store":"s1","amount":NaN}`, 100000, "not valid JSON"},
		{`{"store":"s1","amount":-0}`, 300001, "amount: must be more than 0"},
		{`{"store":"s1","amount":99999999999999999999}`, 300001, "amount cannot be read"},
		{`{"store":"s1","amount":0.0000001}`, 300001, "amount cannot be read"},
		{`{"store":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, 100000, "not valid JSON"},
	} {
		status, doc, header := call(t, http.MethodPost, "/sale", c.body)
		if c.code == 0 {
			assert.Equal(t, http.StatusCreated, status)
			continue
		}
		assert.EqualValues(t, c.code, doc["code"], c.body)
		assert.Contains(t, doc["detail"], c.says, c.body)
		assert.NotEmpty(t, doc["hint"])
		assert.Equal(t, problem.MediaType, header.Get("Content-Type"))
	}
	status, _, _ := call(t, http.MethodPost, "/sale", `{"note":"`+strings.Repeat("x", web.MaxBody)+`"}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func TestBadQueriesAreExplained(t *testing.T) {
	for query, says := range map[string]string{"limit=101": "limit", "limit=x": "query parameter", "sort=up": "sort"} {
		status, doc, _ := call(t, http.MethodGet, "/list?"+query, "")
		assert.Equal(t, http.StatusUnprocessableEntity, status)
		assert.Contains(t, doc["detail"], says)
	}
}

func TestEverythingThatFailsIsAProblem(t *testing.T) {
	for path, want := range map[string]int{"/nowhere": 404, "/bug": 500, "/error": 500, "/later": 503, "/sale": 405} {
		status, doc, header := call(t, http.MethodGet, path, "")
		assert.Equal(t, want, status, path)
		assert.EqualValues(t, want, doc["status"], path)
		assert.NotEmpty(t, doc["traceId"] == nil || doc["traceId"] != "", path)
		if path == "/later" {
			assert.Equal(t, "2", header.Get("Retry-After"))
		}
	}
}
