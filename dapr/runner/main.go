// Command runner builds, starts, watches and stops a local Tillroll stack: the
// broker, and every app of dapr/embedded.yaml with its Dapr sidecar.
package main

import (
	"os"

	"github.com/tillroll/tillroll/dapr/runner/internal/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:], os.Stdout, os.Stderr))
}
