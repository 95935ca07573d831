package doctor

import (
	"context"
	"encoding/json"
)

// Runner asks the runner beside us for what the local stack needs of this machine: Go, disk, memory, the
// data folder, ports, and what the last run has left.
func (s System) Runner(ctx context.Context, program, data string) []Check {
	const name = "local stack"
	args := []string{"doctor", "-json"}
	if data != "" {
		args = append(args, "-data", data)
	}
	out, err := s.Run(ctx, program, args...)
	var found struct {
		Checks []Check `json:"checks"`
	}
	if json.Unmarshal([]byte(out), &found) == nil && len(found.Checks) > 0 {
		return found.Checks // it fails when it has found something
	}
	if err != nil {
		return []Check{{name, Warn, "the runner could not be asked for it: " + program + ": " + err.Error(), "make runner builds it; a machine that runs no local stack needs none."}}
	}
	return []Check{{name, Warn, program + " gave no answer that can be read", "Build it anew: make runner."}}
}
