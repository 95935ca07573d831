package terminal

import (
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
)

// ModeMainMenu is the function mode of a terminal that does nothing in particular.
const ModeMainMenu = "MainMenu"

// anyStatus stands for modes that a terminal may have at any time.
var anyStatus = []string{event.StatusIdle, event.StatusOpened, event.StatusClosing, event.StatusClosed}

// modes are what a till's screen can be in, and the statuses in which it can.
var modes = map[string][]string{
	ModeMainMenu:    anyStatus,
	"OpenTerminal":  {event.StatusIdle, event.StatusClosed},
	"Sales":         {event.StatusOpened},
	"Returns":       {event.StatusOpened},
	"Void":          {event.StatusOpened},
	"Reports":       anyStatus,
	"CloseTerminal": {event.StatusOpened},
	"Journal":       anyStatus,
	"Maintenance":   anyStatus,
	"CashInOut":     {event.StatusOpened},
}

// SetMode changes the function mode. It fails with problem.Invalid for an unknown one and with
// WrongStatus. No events mean that the terminal was in this mode already.
func (t *Terminal) SetMode(mode string, now time.Time) ([]event.Event, error) {
	statuses, known := modes[mode]
	if !known {
		return nil, problem.Invalid.New("there is no function mode %q", mode).WithFields(problem.Field{
			Name: "functionMode", Rule: "oneof", Message: "must be one of MainMenu, OpenTerminal, Sales, Returns, Void, Reports, CloseTerminal, Journal, Maintenance, CashInOut"})
	}
	if t.FunctionMode == mode {
		return nil, nil
	}
	if !slices.Contains(statuses, t.Status) {
		return nil, WrongStatus.New("mode %s is not possible while the terminal is %s", mode, t.Status)
	}
	t.FunctionMode = mode
	return []event.Event{t.changed(now)}, nil
}
