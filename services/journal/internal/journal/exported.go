package journal

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
)

// Exported makes the record of an event again from its line in an export, which was checked before. The
// record says what was stored then, also where today's rules would make another entry of the event.
func Exported(l *proof.Line) (*Record, error) {
	r, err := decodeExported(l.Content)
	if err != nil {
		return nil, err
	}
	if r.ContentHash != l.ContentHash {
		return nil, errors.New("its content is not in the form that is hashed")
	}
	if r.Envelope().EventID != l.EventID || r.Stream().ID() != l.Stream {
		return nil, errors.New("its content is of another event or terminal than its link")
	}
	switch {
	case l.Entry == nil:
		r.Entry, r.EntryHash = nil, Hash{}
	case r.EntryHash != l.EntryHash:
		r.Entry = &Entry{}
		if err := json.Unmarshal(l.Entry, r.Entry); err != nil {
			return nil, fmt.Errorf("its entry: %w", err)
		}
		if r.EntryHash, err = r.Entry.Hash(); err == nil && r.EntryHash != l.EntryHash {
			err = errors.New("its entry has fields that this program does not know")
		}
	}
	return r, err
}

// decodeExported finds out what an event is: its topic does not stand in an export, but no two topics have
// the same fields.
func decodeExported(content []byte) (*Record, error) {
	var has struct {
		MadeBy          *string          `json:"made_by"`
		Kind            *string          `json:"kind"`
		EventType       *string          `json:"eventType"`
		Operation       *string          `json:"operation"`
		TransactionType *int             `json:"transaction_type"`
		Amount          *json.RawMessage `json:"amount"`
	}
	if err := json.Unmarshal(content, &has); err != nil {
		return nil, err
	}
	switch {
	case has.MadeBy != nil:
		d := &Direct{}
		if err := json.Unmarshal(content, d); err != nil {
			return nil, err
		}
		if err := d.Validate(); err != nil {
			return nil, err
		}
		return newRecord(d, content)
	case has.Kind != nil:
		return Decode(event.TopicTerminal, content)
	case has.EventType != nil:
		return Decode(event.TopicEvents, content)
	case has.Operation != nil:
		return Decode(event.TopicOpenCloseLog, content)
	case has.TransactionType != nil:
		return Decode(event.TopicTranLog, content)
	case has.Amount != nil:
		return Decode(event.TopicCashLog, content)
	}
	return nil, errors.New("it is no event of a kind that this program knows")
}
