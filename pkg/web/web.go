// Package web is the HTTP side that all services share: the gin engine with its middleware, and how
// requests are read and problems answered. It knows nothing of any one service.
package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// MaxBody of a request from outside.
const MaxBody = 1 << 20

// New makes the engine of a service: traces, one log line and one metric per request, problems for
// everything that goes wrong, panics included.
func New(service string, log *zap.Logger, reg prometheus.Registerer) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true
	e.RedirectTrailingSlash = false
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tillroll_http_request_seconds", Help: "Time to answer a request.",
		Buckets: []float64{.001, .0025, .005, .01, .015, .03, .05, .1, .25, .5, 1, 3, 10},
	}, []string{"method", "route", "status"})
	reg.MustRegister(seconds)
	e.Use(otelgin.Middleware(service, otelgin.WithFilter(func(r *http.Request) bool { return !isProbe(r.URL.Path) })),
		record(log, seconds), gin.CustomRecoveryWithWriter(io.Discard, recovered))
	e.NoRoute(func(c *gin.Context) { Fail(c, problem.NotFound.New("no route %s", c.Request.URL.Path)) })
	e.NoMethod(func(c *gin.Context) {
		Fail(c, problem.MethodNotAllowed.New("%s cannot be used on %s", c.Request.Method, c.Request.URL.Path))
	})
	return e
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

func recovered(c *gin.Context, value any) {
	Fail(c, problem.Unexpected.New("").Because(fmt.Errorf("panic: %v", value)))
}

const errorKey = "tillroll.error"

// record logs and measures every request but the probes.
func record(log *zap.Logger, seconds *prometheus.HistogramVec) gin.HandlerFunc {
	return func(c *gin.Context) {
		if isProbe(c.Request.URL.Path) {
			c.Next()
			return
		}
		start := time.Now()
		c.Next()
		took, status := time.Since(start), c.Writer.Status()
		seconds.WithLabelValues(c.Request.Method, c.FullPath(), strconv.Itoa(status)).Observe(took.Seconds())
		fields := []zap.Field{
			zap.String("method", c.Request.Method), zap.String("route", c.FullPath()), zap.Int("status", status),
			zap.Duration("took", took), zap.String("trace_id", TraceID(c)),
		}
		failure, _ := c.Get(errorKey)
		err, _ := failure.(error)
		switch {
		case status >= http.StatusInternalServerError:
			log.Error("request failed", append(fields, zap.Error(err))...)
		case err != nil:
			log.Info("request refused", append(fields, zap.Error(err))...)
		default:
			log.Debug("request", fields...)
		}
	}
}

// TraceID of the request, or "".
func TraceID(c *gin.Context) string {
	if sc := trace.SpanContextFromContext(c.Request.Context()); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// Fail answers with the problem in err and ends the request.
func Fail(c *gin.Context, err error) {
	p := problem.Of(err)
	c.Set(errorKey, err)
	if p.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Kind == problem.Unauthenticated {
		c.Header("WWW-Authenticate", `Bearer realm="tillroll"`)
	}
	c.Abort()
	c.Data(p.Kind.Status, problem.MediaType, p.Document(TraceID(c)))
}

// Handle turns a function that answers or fails into a gin handler.
func Handle(status int, fn func(c *gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, err := fn(c)
		if err != nil {
			Fail(c, err)
			return
		}
		if body == nil {
			c.Status(status)
			return
		}
		c.JSON(status, body)
	}
}

// Body reads and validates a JSON body into v (a pointer). Unknown fields, fields that stand twice,
// several values, wrong types and broken rules are problem.BadRequest or problem.Invalid with the fields named. It gives
// the bytes too, for the fingerprint of an idempotent request.
func Body(c *gin.Context, v any) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.TooLarge.New("the body is larger than %d bytes", MaxBody)
	case err != nil:
		return nil, problem.BadRequest.New("the body could not be read").Because(err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte("{}")
		if reflect.TypeOf(v).Elem().Kind() == reflect.Slice {
			raw = []byte("[]")
		}
	}
	if !utf8.Valid(raw) {
		return nil, problem.BadRequest.New("the body is not UTF-8, which JSON is written in")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, problem.BadRequest.New("the body holds more than one JSON value")
	}
	if name := namedTwice(raw); name != "" {
		return nil, problem.BadRequest.New("the field %q stands twice in one object", name)
	}
	return raw, Validate(v)
}

func unreadable(err error) error {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType):
		return problem.Invalid.New("field %s has the wrong type", wrongType.Field).WithFields(problem.Field{
			Name: wrongType.Field, Rule: "type", Message: fmt.Sprintf("a %s is expected, not a %s", wrongType.Type, wrongType.Value)})
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return problem.BadRequest.New("the body is not valid JSON: %v", err)
	case errors.Is(err, money.ErrSyntax), errors.Is(err, money.ErrRange):
		return problem.Invalid.New("an amount cannot be read: %v", err)
	}
	return problem.BadRequest.New("the body does not fit: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// Query binds and validates query parameters into v, a pointer to a struct with form tags.
func Query(c *gin.Context, v any) error {
	if err := c.ShouldBindQuery(v); err != nil {
		var rules validator.ValidationErrors
		if errors.As(err, &rules) {
			return broken(rules)
		}
		return problem.Invalid.New("a query parameter cannot be read: %v", err)
	}
	return Validate(v)
}
