package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
)

// Problem is a service's problem document (RFC 9457), as a client sees it.
type Problem struct {
	Service    string          `json:"-"`
	RetryAfter time.Duration   `json:"-"` // more than zero: the service asks to try again then
	Type       string          `json:"type"`
	Title      string          `json:"title"`
	Status     int             `json:"status"`
	Code       int             `json:"code"`
	Detail     string          `json:"detail"`
	Hint       string          `json:"hint"`
	Errors     []problem.Field `json:"errors"`
	TraceID    string          `json:"traceId"`
}

// newProblem reads the answer to a request that failed. What is no problem document comes from
// something between us and the service, such as a proxy or a sidecar.
func newProblem(s *Service, resp *http.Response, raw []byte) *Problem {
	p := &Problem{}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType != problem.MediaType || json.Unmarshal(raw, p) != nil {
		p = &Problem{
			Title:  fmt.Sprintf("%s answered %s", s.base, resp.Status),
			Detail: firstLine(string(raw)),
			Hint:   "This is not how a Tillroll service answers: check the address, and what stands between.",
		}
	}
	p.Service, p.Status = s.name, resp.StatusCode
	if resp.StatusCode == http.StatusServiceUnavailable {
		p.RetryAfter = retryAfter(resp.Header)
	}
	return p
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.ToValidUTF8(line[:min(len(line), 200)], "")
}

// Error tells all that the service told.
func (p *Problem) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", p.Service, p.Title)
	if p.Code != 0 {
		fmt.Fprintf(&text, " (%d)", p.Code)
	}
	if p.Detail != "" {
		text.WriteString("\n  " + p.Detail)
	}
	for _, field := range p.Errors {
		if line := field.Name + ": " + field.Message; line != p.Detail {
			text.WriteString("\n    " + line)
		}
	}
	if p.Hint != "" {
		text.WriteString("\n  → " + p.Hint)
	}
	if p.TraceID != "" && p.Status >= http.StatusInternalServerError {
		text.WriteString("\n  traceId " + p.TraceID)
	}
	return text.String()
}

// IsKind tells whether the problem is of that kind.
func (p *Problem) IsKind(kind *problem.Kind) bool { return p.Code == kind.Code }
