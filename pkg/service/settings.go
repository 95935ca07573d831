package service

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/tillroll/tillroll/pkg/web"
)

// Settings that every service has. They come from the environment; the names without TILLROLL_ are
// those that the Dapr CLI gives to an application.
type Settings struct {
	AppPort       int           `env:"APP_PORT"`
	Listen        string        `env:"TILLROLL_LISTEN" envDefault:"127.0.0.1"`
	DaprHTTPPort  int           `env:"DAPR_HTTP_PORT" envDefault:"3500"`
	DaprGRPCPort  int           `env:"DAPR_GRPC_PORT" envDefault:"50001"`
	AppToken      string        `env:"APP_API_TOKEN"`
	LogLevel      string        `env:"TILLROLL_LOG_LEVEL" envDefault:"info"`
	StopGrace     time.Duration `env:"TILLROLL_STOP_GRACE" envDefault:"8s"`
	PubSub        string        `env:"TILLROLL_PUBSUB" envDefault:"pubsub"`
	SecretStore   string        `env:"TILLROLL_SECRETSTORE" envDefault:"secretstore"`
	KeyRefresh    time.Duration `env:"TILLROLL_KEY_REFRESH" envDefault:"1m"`  // how often keys are read again
	StateWriters  int           `env:"TILLROLL_STATE_WRITERS" envDefault:"0"` // at once; 0: any number. SQLite: 1
	CORSOrigins   []string      `env:"TILLROLL_CORS_ORIGINS"`                 // of pages that may call from a browser, comma-separated; empty: none
	TraceEndpoint string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
}

// Finding is one thing wrong with the configuration: what, and what to do about it.
type Finding struct{ Message, Explain string }

func (f Finding) Error() string { return f.Message + "\n    " + f.Explain }

// Checker is a configuration that knows its own rules.
type Checker interface{ Check() []Finding }

// Load fills cfg, a pointer to a struct with env tags, from the environment and checks it. The error
// lists everything that is wrong at once.
func Load(cfg Checker) error {
	if err := env.Parse(cfg); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var problems []error
	for _, f := range cfg.Check() {
		problems = append(problems, f)
	}
	if len(problems) > 0 {
		return fmt.Errorf("configuration:\n  %w", errors.Join(problems...))
	}
	return nil
}

// Check implements Checker.
func (s *Settings) Check() []Finding {
	var f []Finding
	if s.AppPort < 1 || s.AppPort > 65535 {
		f = append(f, Finding{fmt.Sprintf("APP_PORT is %d", s.AppPort), "Give the port on which the service listens, such as APP_PORT=8003; the runner and `dapr run` set it."})
	}
	if s.AppToken == "" {
		f = append(f, Finding{"APP_API_TOKEN is empty", "Without it anybody could pose as the sidecar and deliver events. Give the service and its sidecar the same random token; the runner does so by itself, and `eval \"$(tillctl env)\"` for `dapr run`."})
	}
	if !strings.Contains(" debug info warn error ", " "+s.LogLevel+" ") {
		f = append(f, Finding{fmt.Sprintf("TILLROLL_LOG_LEVEL is %q", s.LogLevel), "Use debug, info, warn or error."})
	}
	if s.StateWriters < 0 {
		f = append(f, Finding{fmt.Sprintf("TILLROLL_STATE_WRITERS is %d", s.StateWriters), "Use 1 for a SQLite state store, 0 (any number at once) for a server database."})
	}
	for _, origin := range s.CORSOrigins {
		if err := web.CheckOrigin(origin); err != nil {
			f = append(f, Finding{"TILLROLL_CORS_ORIGINS: " + err.Error(), "List the origins of the pages that may call this service from a browser, with commas between them; leave it empty if there are none."})
		}
	}
	if s.KeyRefresh < 10*time.Millisecond {
		f = append(f, Finding{fmt.Sprintf("TILLROLL_KEY_REFRESH is %s", s.KeyRefresh), "Reading the keys again takes the sidecar a moment: use 1m, or 10ms at the least."})
	}
	if s.StopGrace < time.Second {
		f = append(f, Finding{fmt.Sprintf("TILLROLL_STOP_GRACE is %s", s.StopGrace), "Requests under way need at least 1s to finish."})
	}
	return f
}
