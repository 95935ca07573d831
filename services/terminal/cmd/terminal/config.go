package main

import (
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
)

// config of the service, from the environment.
type config struct {
	service.Settings
	StateStore  string        `env:"TILLROLL_STATESTORE" envDefault:"statestore"`
	CloseWait   time.Duration `env:"TILLROLL_CLOSE_WAIT" envDefault:"3s"`
	ResendAfter time.Duration `env:"TILLROLL_RESEND_AFTER" envDefault:"5s"`
	Retention   time.Duration `env:"TILLROLL_OUTBOX_RETENTION" envDefault:"336h"`
}

// Check implements service.Checker.
func (c *config) Check() []service.Finding {
	f := c.Settings.Check()
	if c.CloseWait < 0 || c.CloseWait >= c.StopGrace {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_CLOSE_WAIT is %s", c.CloseWait),
			Explain: "A close request waits this long for the cart service; it must be shorter than TILLROLL_STOP_GRACE, or a stop would cut it off.",
		})
	}
	if c.ResendAfter < 100*time.Millisecond {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_RESEND_AFTER is %s", c.ResendAfter),
			Explain: "The journal needs at least 100ms to confirm an event before it is published again.",
		})
	}
	if c.Retention < time.Hour {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_OUTBOX_RETENTION is %s", c.Retention),
			Explain: "Confirmed events must stay at least as long as the time between two backups of the journal, or a restored journal misses them.",
		})
	}
	return f
}

// relay is the default with what the environment says.
func (c *config) relay() outbox.RelayConfig {
	r := outbox.DefaultRelay
	r.Pace = 0 // tills wait for the snapshots of their opening and closing
	r.ResendAfter, r.Retention = c.ResendAfter, c.Retention
	return r
}
