// Package alerts sends alerts to a chat through a Dapr output binding, in the form that Slack, Mattermost
// and others take at a webhook. The webhook's address is the binding component's secret; it never gets
// here.
package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/binding"
)

// Invoker is what of the sidecar's client is needed.
type Invoker interface {
	InvokeOutputBinding(ctx context.Context, in *dapr.InvokeBindingRequest) error
}

// Binding implements app.Alerter.
type Binding struct {
	sidecar Invoker
	name    string
	base    string // of links; "": paths only
}

// New sends through the output binding of that name. publicURL is where people reach the journal, such as
// https://journal.example.com, for links.
func New(sidecar Invoker, name, publicURL string) *Binding {
	return &Binding{sidecar: sidecar, name: name, base: strings.TrimRight(publicURL, "/")}
}

// prefix of the API's routes.
const prefix = "/api/v1"

// message is the body of an incoming webhook.
type message struct {
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Color    string  `json:"color"`
	Fallback string  `json:"fallback"`
	Fields   []field `json:"fields"`
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// Send implements app.Alerter.
func (b *Binding) Send(ctx context.Context, a *app.Alert) error {
	body, err := json.Marshal(b.message(a))
	if err != nil {
		return err
	}
	return binding.Conceal(b.sidecar.InvokeOutputBinding(ctx, &dapr.InvokeBindingRequest{
		Name: b.name, Operation: "post", Data: body, Metadata: map[string]string{"Content-Type": "application/json"},
	}))
}

func (b *Binding) message(a *app.Alert) message {
	text := fmt.Sprintf("*Tillroll journal*: %s", plain(a.Title))
	if a.Suppressed > 0 {
		text += fmt.Sprintf(" (and %d more of this kind that were held back)", a.Suppressed)
	}
	m := message{Text: text, Attachments: []attachment{{Color: "danger", Fallback: text}}}
	add := func(title, value string, short bool) {
		if value != "" {
			m.Attachments[0].Fields = append(m.Attachments[0].Fields, field{title, plain(value), short})
		}
	}
	add("Service", "journal", true)
	add("Kind", string(a.Kind), true)
	add("Tenant", a.Tenant, true)
	add("Till", a.Stream, true)
	add("Reason", a.Reason, true)
	add("Topic", a.Topic, true)
	add("Event", a.EventID, false)
	add("Detail", a.Detail, false)
	add("Trace", a.TraceID, false)
	add("At", a.At.Format(time.RFC3339), true)
	add("Look at", b.base+prefix+a.Path, false)
	return m
}

// plain keeps what comes from outside from being taken as links, mentions or other markup.
func plain(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "\n", " ", "\r", " ").Replace(s)
}
