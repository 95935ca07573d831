package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/doctor"
	"github.com/tillroll/tillroll/services/tillctl/internal/mongoadmin"
)

// doctorVerb says what is missing and how to get it.
type doctorVerb struct {
	output
	TerminalURL string `group:"Services:" env:"TILLROLL_TERMINAL_URL" placeholder:"URL" help:"Where the terminal service is."`
	CartURL     string `group:"Services:" env:"TILLROLL_CART_URL" placeholder:"URL" help:"Where the cart service is."`
	JournalURL  string `group:"Services:" env:"TILLROLL_JOURNAL_URL" placeholder:"URL" help:"Where the journal service is."`
	PortOffset  *int   `group:"Services:" env:"TILLROLL_PORT_OFFSET" placeholder:"N" help:"What the runner was told to add to every port."`
	Redis       string `default:"127.0.0.1:6379" env:"TILLROLL_REDIS" placeholder:"HOST:PORT" help:"Where Redis answers, for \"dapr run -f dapr\"."`
	MongoDB     string `name:"mongodb" env:"MONGODB_URI" placeholder:"URI" help:"The journal's MongoDB, if it is kept there."`
}

func (doctorVerb) Help() string {
	return `Looks at this machine and at what runs on it, and changes nothing. A warning is about something that is not needed for
everything. Exit code 3 when something fails.

    tillctl doctor
    tillctl doctor --output json`
}

// diagnosis is what the verb found.
type diagnosis struct {
	OK     bool           `json:"ok"`
	Checks []doctor.Check `json:"checks"`
}

// Run the verb.
func (v doctorVerb) Run(ctx context.Context, w World, data dataFolder) error {
	found := diagnosis{OK: true, Checks: v.checks(ctx, w, data)}
	for _, check := range found.Checks {
		found.OK = found.OK && check.Status != doctor.Fail
	}
	err := v.print(w, found, func() {
		for _, check := range found.Checks {
			fmt.Fprintf(w.Out, "%-4s  %-11s  %s\n", check.Status, check.Name, check.Message)
			if check.Next != "" {
				fmt.Fprintf(w.Out, "%21s→ %s\n", "", check.Next)
			}
		}
	})
	if err == nil && !found.OK {
		return errFound
	}
	return err
}

func (v doctorVerb) checks(ctx context.Context, w World, data dataFolder) []doctor.Check {
	here, bin, home := doctor.Here(os.Getenv), beside(), homeFolder()
	checks := here.Runner(ctx, filepath.Join(bin, "runner"), data.path())
	checks = append(checks,
		here.Compiler(),
		here.Sidecar(ctx, filepath.Join(bin, "daprd")),
		here.Stock(ctx, filepath.Join(home, ".dapr", "bin", "daprd")),
		doctor.Redis(ctx, v.Redis, os.Getenv("TILLROLL_REDIS_PASSWORD")),
		doctor.MongoDB(v.MongoDB, func(uri string) (doctor.Mongo, error) {
			server, err := mongoadmin.Hello(ctx, uri)
			return doctor.Mongo(server), err
		}),
	)
	given := map[string]string{client.TerminalService: v.TerminalURL, client.CartService: v.CartURL, client.JournalService: v.JournalURL}
	where, err := client.Where{Given: given, PortOffset: v.PortOffset, Data: data.path()}.Endpoints()
	if err != nil {
		return append(checks, doctor.Check{Name: "services", Status: doctor.Fail, Message: err.Error(), Next: "Say where they are with --port-offset, or --cart-url and its siblings."})
	}
	_, running := os.Stat(filepath.Join(data.path(), "run.json"))
	var addresses []string
	for _, name := range []string{client.TerminalService, client.CartService, client.JournalService} {
		checks = append(checks, doctor.Service(ctx, name, where[name], running == nil || given[name] != ""))
		addresses = append(addresses, where[name])
	}
	return append(checks, doctor.Clock(ctx, w.Clock.Now, doctor.Kept, data.path(), addresses))
}

// beside is the folder of this program, where the runner puts all others.
func beside() string {
	program, err := os.Executable()
	if err != nil {
		return "bin"
	}
	return filepath.Dir(program)
}

func homeFolder() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}
