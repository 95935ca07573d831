package alerts_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/alerts"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

type sidecar struct {
	got []*dapr.InvokeBindingRequest
	err error
}

func (s *sidecar) InvokeOutputBinding(_ context.Context, in *dapr.InvokeBindingRequest) error {
	s.got = append(s.got, in)
	return s.err
}

func TestAnAlertIsABodyThatAWebhookTakes(t *testing.T) {
	s := &sidecar{}
	a := &app.Alert{
		Kind: app.AlertQuarantine, Title: "An event came again with other content", Tenant: "acme", Stream: "acme-s1-1", EventID: "e1", Topic: "topic-tranlog",
		TraceID: "t1", Reason: "content-changed", Detail: "<!channel> <https://evil|look> & @here\nnext", Path: "/tenants/acme/quarantine/q1",
		At: time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), Suppressed: 7,
	}
	require.NoError(t, alerts.New(s, "alerts", "https://journal.example.com/").Send(t.Context(), a))
	require.Len(t, s.got, 1)
	assert.Equal(t, "alerts", s.got[0].Name)
	assert.Equal(t, "post", s.got[0].Operation)
	assert.Equal(t, "application/json", s.got[0].Metadata["Content-Type"])
	var body struct {
		Text        string
		Attachments []struct {
			Color, Fallback string
			Fields          []struct{ Title, Value string }
		}
	}
	require.NoError(t, json.Unmarshal(s.got[0].Data, &body))
	assert.Equal(t, "*Tillroll journal*: An event came again with other content (and 7 more of this kind that were held back)", body.Text)
	fields := map[string]string{}
	for _, f := range body.Attachments[0].Fields {
		fields[f.Title] = f.Value
	}
	assert.Equal(t, map[string]string{
		"Service": "journal", "Kind": "quarantine", "Tenant": "acme", "Till": "acme-s1-1", "Reason": "content-changed", "Topic": "topic-tranlog", "Event": "e1",
		"Detail": "&lt;!channel&gt; &lt;https://evil|look&gt; &amp; @\u200bhere next", "Trace": "t1", "At": "2026-03-29T00:00:00Z",
		"Look at": "https://journal.example.com/api/v1/tenants/acme/quarantine/q1",
	}, fields)
	s.err = errors.New(`Post "https://chat.example.com/T0/s3cret": away`)
	err := alerts.New(s, "alerts", "").Send(t.Context(), a)
	require.ErrorIs(t, err, s.err)
	assert.Equal(t, `Post "https://chat.example.com/...": away`, err.Error())
}
