package command

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// envVerb prepares a shell for `dapr run -f dapr`. The Dapr CLI has no place for secrets in its run
// file: what a sidecar needs to know, it inherits from the shell.
type envVerb struct {
	Redis string `default:"127.0.0.1:6379" help:"Where Redis answers; \"dapr init\" starts one at ${default}." placeholder:"HOST:PORT"`
}

func (envVerb) Help() string {
	return `Completes the data folder as init does, and prints what the Dapr CLI's processes inherit from the shell: the tokens with
which apps and sidecars trust each other, and where Redis is. In the repository's folder:

    tillctl env --redis 127.0.0.1:6379
    eval "$(tillctl env)"
    dapr run -f dapr

A password of Redis is yours to add: export TILLROLL_REDIS_PASSWORD=...`
}

// Run the verb. Only assignments go to Out, which a shell executes.
func (v envVerb) Run(w World, data dataFolder) error {
	folder := data.path()
	made, err := strongbox.Complete(folder, w.Random)
	for _, m := range made {
		fmt.Fprintln(w.Err, "made", m)
	}
	if err != nil {
		return err
	}
	// SQLite makes a file, but not the folder that it is in.
	if err := os.MkdirAll(filepath.Join(folder, "state"), 0o700); err != nil {
		return err
	}
	toApp, toSidecar, err := strongbox.SharedTokens(folder)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "export APP_API_TOKEN='%s'\nexport DAPR_API_TOKEN='%s'\nexport TILLROLL_REDIS='%s'\n", toApp, toSidecar, v.Redis)
	return nil
}

// Validate is called by the parser. What is printed is executed by a shell.
func (v envVerb) Validate() error {
	for _, c := range v.Redis {
		if c == '\'' || c < ' ' {
			return fmt.Errorf("--redis %q is no HOST:PORT", v.Redis)
		}
	}
	return nil
}
