// Package fleet keeps a set of programs running: it starts them in waves,
// waits until each is ready, restarts alone whichever dies, and stops them in
// order.
//
// It knows processes, signals and time. It does not know what the programs are,
// what they print or where they listen: readiness is a function that the caller
// gives, output goes to the caller's writer.
package fleet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Member is one program of a fleet.
type Member struct {
	Name string
	Path string
	Args []string
	// Env is the whole environment; nothing is inherited.
	Env []string
	Dir string
	// Output takes what the program prints, both streams.
	Output io.Writer
	// Ready asks once whether the program is able to work.
	Ready func(context.Context) error
	// StartWave and StopWave order the fleet: lower waves go first, and a wave
	// begins when the one before it is ready, or gone.
	StartWave, StopWave int
	// Grace is how long the program may take to end after SIGTERM.
	Grace time.Duration
}

// Timing is every duration and count of the supervision.
type Timing struct {
	// FirstPause is the wait before the first restart. It doubles up to LongestPause.
	FirstPause, LongestPause time.Duration
	// HealthyAfter is how long a program must have been ready for its pause to begin anew.
	HealthyAfter time.Duration
	// ReadyLimit is how long a program may take to be ready for the first time.
	ReadyLimit time.Duration
	// ProbeEvery is the time between two questions whether a program is ready.
	ProbeEvery time.Duration
	// Tries is how often a program may die before it was ever ready.
	Tries int
}

// DefaultTiming suits programs that start in well under a second.
var DefaultTiming = Timing{
	FirstPause:   200 * time.Millisecond,
	LongestPause: 5 * time.Second,
	HealthyAfter: 30 * time.Second,
	ReadyLimit:   60 * time.Second,
	ProbeEvery:   50 * time.Millisecond,
	Tries:        5,
}

// State is what a member is doing.
type State string

// A member is Waiting until its wave begins, and Restarting while it pauses
// between two lives.
const (
	Waiting    State = "waiting"
	Starting   State = "starting"
	Ready      State = "ready"
	Restarting State = "restarting"
	Stopping   State = "stopping"
	Stopped    State = "stopped"
	Failed     State = "failed"
)

// Status is a member at one moment.
type Status struct {
	Name     string
	State    State
	PID      int
	Started  time.Time
	Restarts int
	// Lacks says what a program that is not ready yet still lacks.
	Lacks error
}

// Event is something that happened to a member.
type Event struct {
	Name string
	What What
	PID  int
	// Reason says why it died or what it still lacks.
	Reason error
	// Pause is the time until the restart.
	Pause time.Duration
	// Took is how long it took to be ready or to end.
	Took time.Duration
}

// What names the kind of an Event.
type What string

// What can happen to a member.
const (
	DidStart    What = "started"
	BecameReady What = "ready"
	Died        What = "died"
	NowStopping What = "stopping"
	DidStop     What = "stopped"
	HadToKill   What = "killed"
)

// StartError says which program kept the fleet from starting.
type StartError struct {
	Name  string
	Cause error
}

func (e *StartError) Error() string { return fmt.Sprintf("%s did not start: %v", e.Name, e.Cause) }

func (e *StartError) Unwrap() error { return e.Cause }

// Fleet is a set of members. Start it once, stop it once.
type Fleet struct {
	keepers []*keeper
	timing  Timing
	// gaveUp has room for every member, so that none waits to be heard.
	gaveUp chan *StartError
}

// New makes a fleet. report is called from several goroutines, never for the
// same member at once, and must not call back into the fleet's Start or Stop.
func New(members []Member, timing Timing, report func(Event)) *Fleet {
	f := &Fleet{timing: timing, gaveUp: make(chan *StartError, len(members))}
	for _, member := range members {
		f.keepers = append(f.keepers, newKeeper(member, timing, report, f.gaveUp))
	}
	return f
}

// Start starts all members, wave by wave, and returns when all are ready. When
// one cannot be made ready it returns a *StartError, and the caller stops what
// is running with Stop.
func (f *Fleet) Start(ctx context.Context) error {
	for _, wave := range waves(f.keepers, func(m Member) int { return m.StartWave }) {
		for _, k := range wave {
			k.start()
		}
		if err := f.awaitReady(ctx, wave); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) awaitReady(ctx context.Context, wave []*keeper) error {
	limit := time.NewTimer(f.timing.ReadyLimit)
	defer limit.Stop()
	for _, k := range wave {
		select {
		case <-k.everReady:
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return k.late(f.timing.ReadyLimit)
		case err := <-f.gaveUp:
			return err
		}
	}
	return nil
}

// Stop stops all members, wave by wave: SIGTERM, and SIGKILL to what is not
// gone after its grace, or at once when hurry closes. It returns when no
// process of the fleet is left.
func (f *Fleet) Stop(hurry <-chan struct{}) {
	for _, wave := range waves(f.keepers, func(m Member) int { return m.StopWave }) {
		var gone sync.WaitGroup
		for _, k := range wave {
			gone.Go(func() { k.stop(hurry) })
		}
		gone.Wait()
	}
}

// Status tells what every member is doing, in the order they were given.
func (f *Fleet) Status() []Status {
	all := make([]Status, len(f.keepers))
	for i, k := range f.keepers {
		all[i] = k.current()
	}
	return all
}

// waves groups the keepers by a number, lowest first.
func waves(keepers []*keeper, number func(Member) int) [][]*keeper {
	byNumber := map[int][]*keeper{}
	for _, k := range keepers {
		byNumber[number(k.Member)] = append(byNumber[number(k.Member)], k)
	}
	var numbers []int
	for n := range byNumber {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	ordered := make([][]*keeper, len(numbers))
	for i, n := range numbers {
		ordered[i] = byNumber[n]
	}
	return ordered
}
