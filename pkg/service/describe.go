package service

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/openapi"
)

// Health is the answer of /healthz.
type Health struct {
	Status  string `json:"status"`
	Service string `json:"service"`
}

// Readiness is the answer of /readyz: each thing that the service needs, and whether it answers.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// own are the routes that every service has beside its API.
var own = []openapi.Endpoint{
	{
		Route:     openapi.Route{Method: http.MethodGet, Path: "/healthz", Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{Tag: "service", Summary: "Whether the process lives", Answer: Health{}},
	},
	{
		Route: openapi.Route{Method: http.MethodGet, Path: "/readyz", Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{
			Tag: "service", Summary: "Whether everything that the service needs answers",
			Details: "503 says so too; it is Dapr's app health check.",
			Answer:  Readiness{}, Answers: map[int]any{http.StatusServiceUnavailable: Readiness{}},
		},
	},
	{
		Route:     openapi.Route{Method: http.MethodGet, Path: "/metrics", Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{Tag: "service", Summary: "Metrics in Prometheus' text format", Media: "text/plain", Answer: ""},
	},
	{
		Route:     openapi.Route{Method: http.MethodGet, Path: openapi.DocumentPath, Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{Tag: "service", Summary: "This description", Answer: map[string]any{}},
	},
	{
		Route:     openapi.Route{Method: http.MethodGet, Path: openapi.DocsPath, Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{Tag: "service", Summary: "This description as a page to read and try", Media: "text/html", Answer: ""},
	},
	{
		Route:     openapi.Route{Method: http.MethodGet, Path: openapi.ProblemsPath, Access: openapi.Public, Status: http.StatusOK},
		Operation: openapi.Operation{Tag: "service", Summary: "Everything that can go wrong, by code", Media: "text/html", Answer: ""},
	},
}

// Describe serves the service's description: its API and the routes that every service has.
func (s *Service) Describe(info openapi.Info, api []openapi.Endpoint) {
	openapi.New(info, append(api, own...)).Mount(s.Engine)
}
