package main

import (
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/outbox/relayenv"
	"github.com/tillroll/tillroll/pkg/service"
)

// config of the service, from the environment.
type config struct {
	service.Settings
	relayenv.Relay
	StateStore string        `env:"TILLROLL_STATESTORE" envDefault:"statestore"`
	CloseWait  time.Duration `env:"TILLROLL_CLOSE_WAIT" envDefault:"3s"`
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
	return append(f, c.Relay.Check()...)
}

// relay is as the environment has it, and at once.
func (c *config) relay() outbox.RelayConfig {
	r := c.RelayConfig()
	r.Pace = 0 // tills wait for the snapshots of their opening and closing
	return r
}
