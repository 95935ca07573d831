package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// HealthPath is open to everybody: it says what is up and what is down, and nothing else.
const HealthPath = "/health"

// HealthResponse says how the service is.
type HealthResponse struct {
	Status     app.HealthStatus    `json:"status"`
	Service    string              `json:"service"`
	At         time.Time           `json:"at"`
	Components []ComponentResponse `json:"components"`
}

// ComponentResponse is one thing that the service needs. Code and hint are those of its problem while it
// is down; facts are for platform operators.
type ComponentResponse struct {
	Name   string            `json:"name"`
	Status app.HealthStatus  `json:"status"`
	Code   int               `json:"code,omitempty"`
	Title  string            `json:"title,omitempty"`
	Hint   string            `json:"hint,omitempty"`
	Facts  map[string]string `json:"facts,omitempty"`
}

func healthResponse(r *app.HealthReport, facts bool) HealthResponse {
	out := HealthResponse{Status: r.Status, Service: "journal", At: r.At, Components: make([]ComponentResponse, len(r.Components))}
	for i, c := range r.Components {
		out.Components[i] = ComponentResponse{Name: c.Name, Status: c.Status}
		if c.Problem != nil {
			out.Components[i].Code, out.Components[i].Title, out.Components[i].Hint = c.Problem.Code, c.Problem.Title, c.Problem.Hint
		}
		if facts {
			out.Components[i].Facts = c.Facts
		}
	}
	return out
}

// openHealth is 503 when the service cannot do its work.
func (a *API) openHealth(c *gin.Context) {
	r := a.App.Health.Check(c.Request.Context())
	status := http.StatusOK
	if r.Status == app.Unhealthy {
		status = http.StatusServiceUnavailable
	}
	c.JSON(status, healthResponse(r, false))
}

// showHealth is an answer whatever it says.
func (a *API) showHealth(c *gin.Context) (any, error) {
	return healthResponse(a.App.Health.Check(c.Request.Context()), true), nil
}
