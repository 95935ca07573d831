// Package eventtail reads along what the broker of the local stack has stored: every event of every topic,
// in the order in which it came.
//
// It makes no consumer: it asks for stored messages by their number, as a user who may do nothing else. So
// it takes no event from a service, and none comes twice because of it.
package eventtail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Every is how often the broker is asked for news.
const Every = 200 * time.Millisecond

// answerWait is how long the broker may take for one answer.
const answerWait = 5 * time.Second

// pageSize is how many events of one topic are read before the others have their turn.
const pageSize = 500

// codeNoMessage is the broker's answer when there is no message of that number or a later one.
const codeNoMessage = 404

// Event is one stored event.
type Event struct {
	Topic string          `json:"topic"`
	Seq   uint64          `json:"brokerSequence"`
	At    time.Time       `json:"storedAt"`
	Cloud json.RawMessage `json:"event"` // the CloudEvent; null when what is stored is no JSON
}

// Tail reads along.
type Tail struct {
	conn *nats.Conn
	next map[string]uint64 // by stream: the first number not seen yet
}

// Dial connects to the broker as its viewer.
func Dial(url, user, password string) (*Tail, error) {
	conn, err := nats.Connect(url, nats.UserInfo(user, password), nats.Name("tillctl events tail"),
		nats.MaxReconnects(-1), nats.ReconnectWait(time.Second))
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("the broker at %s does not let the viewer in: stop the stack and start it again, so that it reads its users anew", url)
	case err != nil:
		return nil, fmt.Errorf("the broker at %s does not answer: %w", url, err)
	}
	return &Tail{conn: conn, next: map[string]uint64{}}, nil
}

// Close ends the connection.
func (t *Tail) Close() { t.conn.Close() }

// Follow calls see for every event from now on, or from the oldest that the broker still holds, until the
// context ends or see fails. What came in the meantime on several topics is in the order of its time. While
// the broker is away it waits.
func (t *Tail) Follow(ctx context.Context, fromOldest bool, see func(Event) error) error {
	streams, err := t.streams(ctx)
	if err != nil {
		return err
	}
	for _, s := range streams {
		t.next[s.Config.Name] = s.State.Last + 1
		if fromOldest {
			t.next[s.Config.Name] = s.State.First
		}
	}
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		events, more, err := t.news(ctx)
		if err != nil && !passing(err) {
			return err
		}
		for _, e := range events {
			if err := see(e); err != nil {
				return err
			}
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// passing tells whether the broker is only away, or the context at its end.
func passing(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrReconnectBufExceeded)
}

// stream is what the broker says of the store of one topic.
type stream struct {
	Config struct {
		Name     string   `json:"name"`
		Subjects []string `json:"subjects"`
	} `json:"config"`
	State struct {
		First uint64 `json:"first_seq"`
		Last  uint64 `json:"last_seq"`
	} `json:"state"`
}

// news are the events since the last call; more says that there are others.
func (t *Tail) news(ctx context.Context) (events []Event, more bool, err error) {
	streams, err := t.streams(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, s := range streams {
		name := s.Config.Name
		next := max(t.next[name], s.State.First, 1)
		if next > s.State.Last+1 { // the store was wiped and has begun anew
			next = max(s.State.First, 1)
		}
		for n := 0; next <= s.State.Last; n++ {
			if n == pageSize {
				more = true
				break
			}
			e, seq, err := t.message(ctx, name, next)
			if err != nil {
				return events, false, err
			}
			next = seq + 1
			if e != nil {
				events = append(events, *e)
			}
		}
		t.next[name] = next
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events, more, nil
}

// streams lists the stores of all topics.
func (t *Tail) streams(ctx context.Context) ([]stream, error) {
	var all []stream
	for {
		var page struct {
			Total   int      `json:"total"`
			Streams []stream `json:"streams"`
		}
		if err := t.ask(ctx, "$JS.API.STREAM.LIST", map[string]int{"offset": len(all)}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Streams...)
		if len(all) >= page.Total || len(page.Streams) == 0 {
			return all, nil
		}
	}
}

// message gives the stored message of that number; nil when it is gone by now.
func (t *Tail) message(ctx context.Context, name string, seq uint64) (*Event, uint64, error) {
	var found struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	err := t.ask(ctx, "$JS.API.STREAM.MSG.GET."+name, map[string]uint64{"seq": seq}, &found)
	var refused refusal
	if errors.As(err, &refused) && refused.code == codeNoMessage {
		return nil, seq, nil
	}
	if err != nil {
		return nil, seq, err
	}
	m := found.Message
	e := &Event{Topic: m.Subject, Seq: m.Seq, At: m.Time, Cloud: json.RawMessage("null")}
	if json.Valid(m.Data) {
		e.Cloud = m.Data
	}
	return e, seq, nil
}

// refusal is what the broker answers instead.
type refusal struct {
	code        int
	description string
}

func (r refusal) Error() string {
	return fmt.Sprintf("the broker refuses: %s (%d)", r.description, r.code)
}

func (t *Tail) ask(ctx context.Context, subject string, question, answer any) error {
	raw, err := json.Marshal(question)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	reply, err := t.conn.RequestWithContext(ctx, subject, raw)
	if err != nil {
		return err
	}
	var failed struct {
		Error *struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &failed); err != nil {
		return fmt.Errorf("what the broker answers cannot be read: %w", err)
	}
	if failed.Error != nil {
		return refusal{failed.Error.Code, failed.Error.Description}
	}
	return json.Unmarshal(reply.Data, answer)
}

// Facts are what can be seen of an event in one line.
type Facts struct {
	Tenant, Store, Producer, EventID string
	Terminal                         int
	Sequence                         uint64
	Type                             string // of a business event, of a transaction, or what was done
	Detail                           []string
}

// Facts reads an event. What is missing stays empty.
func (e Event) Facts() Facts {
	var cloud struct {
		Data map[string]any `json:"data"`
	}
	_ = json.Unmarshal(e.Cloud, &cloud)
	d := cloud.Data
	text := func(key string) string {
		if v := d[key]; v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	number, _ := d["terminal_no"].(float64)
	sequence, _ := d["sequence"].(float64)
	f := Facts{
		Tenant: text("tenant_id"), Store: text("store_code"), Producer: text("producer"), EventID: text("event_id"),
		Terminal: int(number), Sequence: uint64(sequence),
	}
	for _, key := range []string{"eventType", "transaction_type", "operation", "kind"} {
		if f.Type = text(key); f.Type != "" {
			break
		}
	}
	for _, key := range shown {
		if v := text(key); v != "" {
			f.Detail = append(f.Detail, strings.TrimSuffix(key, "_count")+"="+v)
		}
	}
	return f
}

// shown are fields that tell one event from another, and hold no personal data.
var shown = []string{
	"business_date", "open_counter", "transaction_no", "receipt_no", "amount", "currency", "over_short", "is_sealed",
	"version", "received_through", "asked_by", "correlationId",
}

// Terminal of the facts in the words of the API, or "" when the event is of a whole tenant.
func (f Facts) TerminalID() string {
	if f.Terminal == 0 {
		return ""
	}
	return fmt.Sprintf("%s-%s-%d", f.Tenant, f.Store, f.Terminal)
}
