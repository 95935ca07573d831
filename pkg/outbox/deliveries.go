package outbox

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Delivery status of one event.
const (
	DeliveryPending   = "pending"   // not yet given to the broker
	DeliveryPublished = "published" // given to the broker, not yet confirmed by the journal
	DeliveryReceived  = "received"  // in the journal
	DeliveryParked    = "parked"    // in the journal's quarantine
)

// Delivery tells where one event is.
type Delivery struct {
	Sequence   uint64    `json:"sequence"`
	EventID    string    `json:"eventId"`
	Topic      string    `json:"topic"`
	Status     string    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	RecordedAt time.Time `json:"recordedAt"`
}

// Summary tells how far a stream's events have come.
type Summary struct {
	StreamID         string       `json:"streamId"`
	LastSequence     uint64       `json:"lastSequence"`
	PublishedThrough uint64       `json:"publishedThrough"`
	ReceivedThrough  uint64       `json:"receivedThrough"`
	Unconfirmed      uint64       `json:"unconfirmed"`
	Missing          sequence.Set `json:"missing,omitempty"`
	Parked           int          `json:"parked"`
	SweptThrough     uint64       `json:"sweptThrough"`
	Generation       int          `json:"generation"`
}

// Count is how many of the stream's events that are still kept have a status, "" being any.
func (s Summary) Count(status string) uint64 {
	kept, sent := s.LastSequence-s.SweptThrough, s.Missing.Below(s.PublishedThrough+1).Len()
	switch status {
	case "":
		return kept
	case DeliveryPending:
		return s.Missing.Len() - sent
	case DeliveryPublished:
		return sent
	case DeliveryReceived:
		return kept - s.Unconfirmed - uint64(s.Parked)
	default:
		return uint64(s.Parked)
	}
}

// Summary of a stream.
func (b *Box) Summary(ctx context.Context, stream identity.Stream) (Summary, error) {
	h, t, err := b.read(ctx, stream)
	if err != nil {
		return Summary{}, err
	}
	last, settled := h.NextSequence-1, t.settled()
	return Summary{
		StreamID: stream.ID(), LastSequence: last, PublishedThrough: t.PublishedThrough,
		ReceivedThrough: t.Received.Through(), Unconfirmed: last - settled.Len(), Missing: settled.Missing(1, last),
		Parked: len(t.Parked), SweptThrough: t.SweptThrough, Generation: t.Generation,
	}, nil
}

// Deliveries lists at most limit events of a stream from sequence from on, oldest first, all or
// those of one status. It fails with problem.Invalid for an unknown status.
func (b *Box) Deliveries(ctx context.Context, stream identity.Stream, status string, from uint64, limit int) ([]Delivery, error) {
	h, t, err := b.read(ctx, stream)
	if err != nil {
		return nil, err
	}
	chosen, err := t.withStatus(status, max(from, t.SweptThrough+1), h.NextSequence-1)
	if err != nil {
		return nil, err
	}
	numbers := chosen.Numbers(limit)
	if len(numbers) == 0 {
		return []Delivery{}, nil
	}
	records, err := b.records(ctx, stream, numbers)
	if err != nil {
		return nil, err
	}
	out := make([]Delivery, len(records))
	for i, r := range records {
		out[i] = Delivery{
			Sequence: numbers[i], EventID: r.EventID, Topic: r.Topic, RecordedAt: r.RecordedAt,
			Status: t.statusOf(numbers[i]), Reason: t.Parked[numbers[i]].Reason,
		}
	}
	return out, nil
}

// Status tells where the event of that sequence is; it need not be kept here any more.
func (b *Box) Status(ctx context.Context, stream identity.Stream, sequence uint64) (string, error) {
	_, t, err := b.read(ctx, stream)
	return t.statusOf(sequence), err
}

func (t tail) statusOf(n uint64) string {
	if _, parked := t.Parked[n]; parked {
		return DeliveryParked
	}
	switch {
	case t.Received.Contains(n):
		return DeliveryReceived
	case n <= t.PublishedThrough:
		return DeliveryPublished
	default:
		return DeliveryPending
	}
}

func (t tail) withStatus(status string, first, last uint64) (sequence.Set, error) {
	all := sequence.Set(nil).Add(first, last)
	switch status {
	case "":
		return all, nil
	case DeliveryPending:
		return t.settled().Missing(max(first, t.PublishedThrough+1), last), nil
	case DeliveryPublished:
		return t.settled().Missing(first, min(last, t.PublishedThrough)), nil
	case DeliveryReceived:
		return t.Received.Missing(first, last).Missing(first, last), nil
	case DeliveryParked, "failed":
		var s sequence.Set
		for n := range t.Parked {
			if n >= first {
				s = s.Add(n, n)
			}
		}
		return s, nil
	}
	return nil, problem.Invalid.New("status %q is unknown", status).WithFields(problem.Field{
		Name: "status", Rule: "oneof", Message: "one of pending, published, received, parked"})
}
