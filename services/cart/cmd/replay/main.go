// Command replay makes orders' transactions again from their Sales.* events alone: it reads timelines
// as the journal answers them (GET …/orders/{orderId}/timeline), one a line, and writes for each the
// transaction that the cart service must have published, without its envelope, as one line of JSON.
// The journal proves so that it holds the whole story of a sale, to the last digit.
//
//	replay -tenant acme < timelines.jsonl > tranlogs.jsonl
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// timeline is as much of the journal's answer as a cart is made of.
type timeline struct {
	OrderID string `json:"orderId"`
	Events  []struct {
		EventID    string          `json:"eventId"`
		EventType  string          `json:"eventType"`
		UserID     string          `json:"userId"`
		StoreID    string          `json:"storeId"`
		TerminalNo int             `json:"terminalNo"`
		Payload    json.RawMessage `json:"payload"`
	} `json:"events"`
}

func main() {
	tenant := flag.String("tenant", "", "whose orders they are")
	flag.Parse()
	if err := replay(*tenant, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func replay(tenant string, in io.Reader, out io.Writer) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var t timeline
		if err := d.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		events := make([]*event.Business, len(t.Events))
		for i, told := range t.Events {
			events[i] = &event.Business{
				Envelope:  event.Envelope{EventID: told.EventID, TenantID: tenant, StoreCode: told.StoreID, TerminalNo: told.TerminalNo},
				EventType: told.EventType, UserID: told.UserID, Payload: told.Payload,
			}
		}
		folded, err := cart.Fold(events)
		if err != nil {
			return fmt.Errorf("order %s: %w", t.OrderID, err)
		}
		if err := e.Encode(folded.TranLog()); err != nil {
			return err
		}
	}
}
