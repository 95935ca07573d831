package main

import (
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/outbox/relayenv"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// config of the service, from the environment.
type config struct {
	service.Settings
	relayenv.Relay
	StateStore   string        `env:"TILLROLL_STATESTORE" envDefault:"statestore"`
	Catalog      string        `env:"TILLROLL_CATALOG"` // a file; empty: the embedded sample
	ReceiptFirst int64         `env:"TILLROLL_RECEIPT_FIRST" envDefault:"1"`
	ReceiptLast  int64         `env:"TILLROLL_RECEIPT_LAST" envDefault:"999999"`
	SnapshotWait time.Duration `env:"TILLROLL_SNAPSHOT_WAIT" envDefault:"1s"`
}

// maxReceiptNo is what fits onto a receipt.
const maxReceiptNo = 999_999_999

// Check implements service.Checker.
func (c *config) Check() []service.Finding {
	f := c.Settings.Check()
	if c.ReceiptFirst < 1 || c.ReceiptLast <= c.ReceiptFirst || c.ReceiptLast > maxReceiptNo {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_RECEIPT_FIRST is %d and TILLROLL_RECEIPT_LAST is %d", c.ReceiptFirst, c.ReceiptLast),
			Explain: fmt.Sprintf("Receipt numbers run from the first to the last and start again; give a range inside 1 to %d.", maxReceiptNo),
		})
	}
	if c.SnapshotWait < 0 || c.SnapshotWait > 10*time.Second {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_SNAPSHOT_WAIT is %s", c.SnapshotWait),
			Explain: "A till waits that long before it is told that it is not open; give 0s to 10s.",
		})
	}
	return append(f, c.Relay.Check()...)
}

// receipts is the range of receipt numbers.
func (c *config) receipts() register.Range {
	return register.Range{First: c.ReceiptFirst, Last: c.ReceiptLast}
}
