// Package relayenv is what an operator may set of a relay, by environment variables: the same in every
// service that has one.
package relayenv

import (
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/service"
)

// Relay is embedded into a service's configuration.
type Relay struct {
	ResendAfter time.Duration `env:"TILLROLL_RESEND_AFTER" envDefault:"5s"`
	Retention   time.Duration `env:"TILLROLL_OUTBOX_RETENTION" envDefault:"336h"`
}

// Check gives what is wrong with it.
func (r *Relay) Check() []service.Finding {
	var f []service.Finding
	if r.ResendAfter < 100*time.Millisecond {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_RESEND_AFTER is %s", r.ResendAfter),
			Explain: "The journal needs at least 100ms to confirm an event before it is published again.",
		})
	}
	if r.Retention < time.Hour {
		f = append(f, service.Finding{
			Message: fmt.Sprintf("TILLROLL_OUTBOX_RETENTION is %s", r.Retention),
			Explain: "Confirmed events must stay at least as long as the time between two backups of the journal, or a restored journal misses them.",
		})
	}
	return f
}

// RelayConfig is the default with what the environment says.
func (r *Relay) RelayConfig() outbox.RelayConfig {
	c := outbox.DefaultRelay
	c.ResendAfter, c.Retention = r.ResendAfter, r.Retention
	return c
}
