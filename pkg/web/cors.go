package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/rs/cors"
)

// preflightAge is how long a browser may remember what a preflight allowed.
const preflightAge = 10 * time.Minute

// CORS lets pages of these origins call the service from a browser. Callers prove themselves with headers,
// never with cookies; so credentials in CORS' sense are not allowed, whatever the origin.
func CORS(origins []string) gin.HandlerFunc {
	policy := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch},
		AllowedHeaders: []string{"Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Traceparent"},
		ExposedHeaders: []string{"Location", "Retry-After", "X-New-Token", "WWW-Authenticate"},
		MaxAge:         int(preflightAge.Seconds()),
	})
	return func(c *gin.Context) {
		policy.HandlerFunc(c.Writer, c.Request)
		if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
			c.AbortWithStatus(http.StatusNoContent)
		}
	}
}

// CheckOrigin fails for what is no origin as a browser sends one: scheme, host and port, nothing else.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	switch {
	case strings.Contains(origin, "*"):
		return fmt.Errorf("%q: a pattern would let in pages that nobody here knows; name each origin", origin)
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", origin != u.Scheme+"://"+u.Host:
		return fmt.Errorf("%q is no origin such as https://till.example or http://127.0.0.1:5173", origin)
	}
	return nil
}
