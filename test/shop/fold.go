package shop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
)

// Folded replays the Sales.* events of every transaction that the journal holds of the tenant, as its
// timelines tell them, and compares what comes out with the transaction that is stored, to the last
// digit. It fails as well when an order of sales is not among them.
func (s *Shop) Folded(ctx context.Context, sales map[int][]Sale) error {
	stored, err := s.transactions(ctx, sales)
	if err != nil {
		return err
	}
	var timelines bytes.Buffer
	var orders []string
	for order := range stored {
		res, err := s.Journal.Do(ctx, http.MethodGet, "/api/v1/tenants/"+s.Tenant+"/orders/"+order+"/timeline", nil)
		if err != nil {
			return fmt.Errorf("timeline of %s: %w", order, err)
		}
		timelines.Write(append(bytes.TrimSpace(res.Body), '\n'))
		orders = append(orders, order)
	}
	replayed, err := s.replay(ctx, &timelines)
	if err != nil {
		return err
	}
	for i, order := range orders {
		if i >= len(replayed) {
			return fmt.Errorf("%d transactions came of %d orders", len(replayed), len(orders))
		}
		want, err := withoutEnvelope(stored[order])
		if err != nil {
			return err
		}
		got, err := withoutEnvelope(replayed[i])
		if err != nil {
			return err
		}
		if !bytes.Equal(want, got) {
			return fmt.Errorf("order %s is stored as\n%s\nand its events make\n%s", order, want, got)
		}
	}
	return nil
}

// transactions exports what the journal holds, and gives the transaction of each order. It waits
// until the export has those of sales: the log follows the commits a moment later.
func (s *Shop) transactions(ctx context.Context, sales map[int][]Sale) (map[string]json.RawMessage, error) {
	for {
		found, err := s.exported(ctx)
		if err != nil {
			return nil, err
		}
		missing := ""
		for _, of := range sales {
			for _, sale := range of {
				if _, there := found[sale.CartID]; !there {
					missing = sale.CartID
				}
			}
		}
		if missing == "" {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("order %s is not in the export: %w", missing, ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (s *Shop) exported(ctx context.Context) (map[string]json.RawMessage, error) {
	tenant := "/api/v1/tenants/" + s.Tenant
	var checkpoint struct {
		Size uint64 `json:"size"`
	}
	if err := s.Journal.Call(ctx, http.MethodGet, tenant+"/checkpoints/latest", nil, &checkpoint); err != nil {
		return nil, err
	}
	found := map[string]json.RawMessage{}
	for from := uint64(0); from < checkpoint.Size; {
		res, err := s.Journal.Do(ctx, http.MethodGet, fmt.Sprintf("%s/export?size=%d&from=%d&limit=1000", tenant, checkpoint.Size, from), nil)
		if err != nil {
			return nil, err
		}
		events := uint64(0)
		lines := bufio.NewScanner(bytes.NewReader(res.Body))
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var line struct {
				EventID string          `json:"eventId"`
				Content json.RawMessage `json:"content"`
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				return nil, err
			}
			if line.EventID == "" {
				continue // a checkpoint
			}
			events++
			var log struct {
				CartID   string `json:"cart_id"`
				Receipt  *int64 `json:"receipt_no"`
				Producer string `json:"producer"`
			}
			if err := json.Unmarshal(line.Content, &log); err != nil {
				return nil, err
			}
			if log.Producer == event.ProducerCart && log.Receipt != nil {
				found[log.CartID] = line.Content
			}
		}
		if events == 0 || lines.Err() != nil {
			return nil, errors.Join(fmt.Errorf("the export ends at %d of %d", from, checkpoint.Size), lines.Err())
		}
		from += events
	}
	return found, nil
}

// replay runs the cart's own fold, a program of the cart service, over timelines.
func (s *Shop) replay(ctx context.Context, timelines *bytes.Buffer) ([]json.RawMessage, error) {
	program := filepath.Join(s.Stack.Root, "bin", "replay")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/replay") //nolint:gosec // our own program
	build.Dir = filepath.Join(s.Stack.Root, "services", "cart")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building replay: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, program, "-tenant", s.Tenant) //nolint:gosec // our own program
	cmd.Stdin, cmd.Stderr = timelines, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the events do not make their orders: %w", err)
	}
	var all []json.RawMessage
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// withoutEnvelope is a transaction in one spelling, without what the outbox put around it.
func withoutEnvelope(raw json.RawMessage) ([]byte, error) {
	form, err := canonical.JSON(raw)
	if err != nil {
		return nil, err
	}
	var log event.TranLog
	if err := json.Unmarshal(form, &log); err != nil {
		return nil, err
	}
	log.Envelope = event.Envelope{}
	if form, err = json.Marshal(&log); err != nil {
		return nil, err
	}
	return canonical.JSON(form)
}
