package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
)

// Outbox is how far the events of one stream have come at one producer.
type Outbox struct {
	StreamID         string `json:"streamId"`
	LastSequence     uint64 `json:"lastSequence"`
	PublishedThrough uint64 `json:"publishedThrough"`
	ReceivedThrough  uint64 `json:"receivedThrough"`
	Unconfirmed      uint64 `json:"unconfirmed"`
	Parked           int    `json:"parked"`
	SweptThrough     uint64 `json:"sweptThrough"`
	Generation       int    `json:"generation"`
}

// Delivery is where one event is.
type Delivery struct {
	Sequence   uint64    `json:"sequence"`
	EventID    string    `json:"eventId"`
	Topic      string    `json:"topic"`
	Status     string    `json:"status"`
	Reason     string    `json:"reason"`
	RecordedAt time.Time `json:"recordedAt"`
}

// Outboxes of all streams of a tenant at this producer.
func (s *Service) Outboxes(ctx context.Context, tenant string) (List[Outbox], error) {
	return everything[Outbox](ctx, s, path("tenants", tenant, "deliveries"))
}

// DeliveryQuery says which events of a terminal are wanted.
type DeliveryQuery struct {
	Status string // "": all
	From   uint64 // first sequence
	Limit  int
}

// Deliveries of one terminal's events, oldest first. There are none at a producer that does not know
// the terminal yet.
func (s *Service) Deliveries(ctx context.Context, terminalID string, q DeliveryQuery) (List[Delivery], error) {
	query := url.Values{}
	set(query, "status", q.Status)
	setNumber(query, "from", q.From)
	setNumber(query, "limit", uint64(max(q.Limit, 0)))
	var list List[Delivery]
	err := s.get(ctx, path("terminals", terminalID, "deliveries"), query, &list)
	var p *Problem
	if errors.As(err, &p) && p.IsKind(problem.NotFound) {
		err = nil
	}
	return list, err
}

// Redelivery says what is to be published again: of all streams of the tenant or of one terminal,
// from a sequence on or since a time.
type Redelivery struct {
	FromSequence uint64     `json:"fromSequence,omitempty"`
	Since        *time.Time `json:"since,omitempty"`
	TerminalID   string     `json:"terminalId,omitempty"`
}

// Redelivered is what a producer publishes again of one stream.
type Redelivered struct {
	StreamID     string `json:"streamId"`
	FromSequence uint64 `json:"fromSequence"`
}

// Redeliver publishes events again that the journal may have lost.
func (s *Service) Redeliver(ctx context.Context, tenant string, r Redelivery) ([]Redelivered, error) {
	var answer struct { // the terminal service calls them streams, the cart service items
		Streams []Redelivered `json:"streams"`
		Items   []Redelivered `json:"items"`
	}
	_, err := s.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "redeliver"), body: r}, &answer)
	return append(answer.Streams, answer.Items...), err
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func setNumber(query url.Values, name string, value uint64) {
	if value > 0 {
		query.Set(name, strconv.FormatUint(value, 10))
	}
}
