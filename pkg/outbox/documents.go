package outbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state"
)

// documentVersion of everything that this package stores. Older ones are upgraded when read, newer
// ones refused.
const documentVersion = 1

// head is where the commands of a stream stand.
type head struct {
	SchemaVersion int             `json:"schema_version"`
	Stream        identity.Stream `json:"stream"`
	NextSequence  uint64          `json:"next_sequence"`
	Indexed       bool            `json:"indexed"` // whether the index lists the stream
	Counters      json.RawMessage `json:"counters,omitempty"`
}

// Parked is an event that the journal could not store.
type Parked struct {
	EventID string    `json:"event_id,omitempty"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
}

// tail is how far the events of a stream have come.
type tail struct {
	SchemaVersion int `json:"schema_version"`
	// Generation counts redeliveries. Status messages echo the generation of what was delivered, and
	// those of an older one are ignored: they may tell of a journal from before its restore.
	Generation       int               `json:"generation"`
	PublishedThrough uint64            `json:"published_through"` // the broker took 1…n
	Received         sequence.Set      `json:"received"`          // the journal has these
	Parked           map[uint64]Parked `json:"parked,omitempty"`
	SweptThrough     uint64            `json:"swept_through"` // 1…n are no longer kept here
}

// settled is what needs no more publishing: received, or parked until somebody decides.
func (t tail) settled() sequence.Set {
	s := t.Received
	for n := range t.Parked {
		s = s.Add(n, n)
	}
	return s
}

// record is one event as it lies in the outbox.
type record struct {
	SchemaVersion int             `json:"schema_version"`
	Topic         string          `json:"topic"`
	EventID       string          `json:"event_id"`
	RecordedAt    time.Time       `json:"recorded_at"`
	TraceParent   string          `json:"traceparent,omitempty"`
	TraceState    string          `json:"tracestate,omitempty"`
	Data          json.RawMessage `json:"data"`
}

// index is one shard of a list of streams.
type index struct {
	SchemaVersion int                        `json:"schema_version"`
	Streams       map[string]identity.Stream `json:"streams"`
}

func decodeHead(item state.Item, stream identity.Stream) (head, error) {
	h := head{SchemaVersion: documentVersion, Stream: stream, NextSequence: 1}
	return h, decode(item, &h, &h.SchemaVersion)
}

func decodeTail(item state.Item) (tail, error) {
	t := tail{SchemaVersion: documentVersion}
	return t, decode(item, &t, &t.SchemaVersion)
}

func decodeRecord(item state.Item) (record, error) {
	var r record
	return r, decode(item, &r, &r.SchemaVersion)
}

func decodeIndex(item state.Item) (index, error) {
	i := index{SchemaVersion: documentVersion, Streams: map[string]identity.Stream{}}
	return i, decode(item, &i, &i.SchemaVersion)
}

func decode(item state.Item, v any, version *int) error {
	if !item.Exists() {
		return nil
	}
	if err := item.Decode(v); err != nil {
		return err
	}
	if *version > documentVersion {
		return fmt.Errorf("outbox: %s has version %d, this program reads up to %d: run a newer one", item.Key, *version, documentVersion)
	}
	return nil
}
