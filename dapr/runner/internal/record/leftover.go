package record

import (
	"syscall"
	"time"
)

// Leftovers lists the processes of a run that are still alive although their
// runner is gone.
func (r Run) Leftovers() []Process {
	var alive []Process
	for _, process := range r.Processes {
		if process.Alive() {
			alive = append(alive, process)
		}
	}
	return alive
}

// Stop ends processes that are not our children: SIGTERM to all, and SIGKILL to
// what is left after the grace.
func Stop(processes []Process, grace time.Duration) {
	signal(processes, syscall.SIGTERM)
	if !gone(processes, grace) {
		signal(processes, syscall.SIGKILL)
		gone(processes, grace)
	}
}

func signal(processes []Process, s syscall.Signal) {
	for _, process := range processes {
		// Asked again just before: what has ended meanwhile must not be hit.
		if process.Alive() {
			_ = syscall.Kill(process.PID, s)
		}
	}
}

func gone(processes []Process, within time.Duration) bool {
	const pause = 20 * time.Millisecond
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(pause) {
		if len((Run{Processes: processes}).Leftovers()) == 0 {
			return true
		}
	}
	return false
}
