package fleet

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// keeper keeps one member running: it starts the program, watches it become
// ready, and starts it again when it dies, until it is told to stop.
type keeper struct {
	Member
	timing Timing
	report func(Event)
	gaveUp chan<- *StartError

	// everReady closes when the program is ready for the first time.
	everReady chan struct{}
	// stopping closes when the program shall not be started again.
	stopping chan struct{}
	// gone closes when no process is left and none will follow.
	gone chan struct{}

	mu       sync.Mutex
	state    State
	running  *process
	restarts int
	deaths   int // before it was ever ready
	lacks    error
}

func newKeeper(member Member, timing Timing, report func(Event), gaveUp chan<- *StartError) *keeper {
	return &keeper{
		Member: member, timing: timing, report: report, gaveUp: gaveUp,
		everReady: make(chan struct{}), stopping: make(chan struct{}), gone: make(chan struct{}),
		state: Waiting,
	}
}

// start begins to keep the program, unless it was told to stop before.
func (k *keeper) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == Waiting {
		k.state = Starting
		go k.keep()
	}
}

// keep is the life of a member: one turn of the loop is one life of its process.
func (k *keeper) keep() {
	defer close(k.gone)
	for pause := k.timing.FirstPause; ; pause = min(2*pause, k.timing.LongestPause) {
		wasReadyFor, reason := k.live()
		if k.told() {
			k.enter(Stopped)
			return
		}
		if k.isHopeless() {
			k.giveUp(reason)
			return
		}
		if wasReadyFor >= k.timing.HealthyAfter {
			pause = k.timing.FirstPause
		}
		k.enter(Restarting)
		k.report(Event{Name: k.Name, What: Died, Reason: reason, Pause: pause})
		if !k.rest(pause) {
			k.enter(Stopped)
			return
		}
	}
}

// live runs the program once, from its start to its end, and tells how long it
// was ready and why it ended.
func (k *keeper) live() (readyFor time.Duration, reason error) {
	p, err := k.launch()
	if err != nil || p == nil {
		return 0, err
	}
	k.report(Event{Name: k.Name, What: DidStart, PID: p.pid()})

	probing, stopProbing := context.WithCancel(context.Background())
	readyAt := make(chan time.Time, 1)
	go k.watchReadiness(probing, p, readyAt)
	reason = p.wait()
	stopProbing()

	if at, ok := <-readyAt; ok {
		readyFor = time.Since(at)
	}
	return readyFor, reason
}

// launch starts the process, unless the keeper was told to stop. Both are
// decided under one lock, so that no process is born after the order to stop.
func (k *keeper) launch() (*process, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.told() {
		return nil, nil
	}
	k.state = Starting
	k.lacks = nil
	p, err := startProcess(k.Member)
	if err != nil {
		return nil, err
	}
	k.running = p
	return p, nil
}

// watchReadiness asks until the program is ready or the process is gone, and
// closes readyAt when it asks no more.
func (k *keeper) watchReadiness(ctx context.Context, p *process, readyAt chan<- time.Time) {
	defer close(readyAt)
	every := time.NewTicker(k.timing.ProbeEvery)
	defer every.Stop()
	for {
		err := k.Ready(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			readyAt <- time.Now()
			k.becameReady(p)
			return
		}
		k.note(err)
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

func (k *keeper) becameReady(p *process) {
	k.mu.Lock()
	if k.told() {
		k.mu.Unlock()
		return
	}
	k.state = Ready
	k.mu.Unlock()

	k.report(Event{Name: k.Name, What: BecameReady, PID: p.pid(), Took: time.Since(p.started)})
	select {
	case <-k.everReady:
	default:
		close(k.everReady)
	}
}

// isHopeless counts a death; it is true when the program died too often before
// it was ever ready. What was ready once is restarted without end.
func (k *keeper) isHopeless() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = nil
	select {
	case <-k.everReady:
		return false
	default:
		k.deaths++
		return k.deaths >= k.timing.Tries
	}
}

func (k *keeper) giveUp(reason error) {
	k.enter(Failed)
	k.gaveUp <- &StartError{Name: k.Name, Cause: fmt.Errorf("%w, %d times", reason, k.timing.Tries)}
}

// late is the error of a program that runs but is not ready in time.
func (k *keeper) late(limit time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lacks == nil {
		return &StartError{Name: k.Name, Cause: fmt.Errorf("not ready after %v", limit)}
	}
	return &StartError{Name: k.Name, Cause: fmt.Errorf("not ready after %v: %w", limit, k.lacks)}
}

// rest waits before a restart; it is false when the keeper is told to stop meanwhile.
func (k *keeper) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		k.mu.Lock()
		k.restarts++
		k.mu.Unlock()
		return true
	case <-k.stopping:
		return false
	}
}

// stop ends the process and waits until it is gone.
func (k *keeper) stop(hurry <-chan struct{}) {
	p, begun := k.tellToStop()
	if !begun {
		return
	}
	if p != nil {
		k.report(Event{Name: k.Name, What: NowStopping, PID: p.pid()})
		k.end(p, hurry)
	}
	<-k.gone
}

// tellToStop forbids further lives and returns the present one, if any. begun
// is false when the member was never started.
func (k *keeper) tellToStop() (p *process, begun bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.told() {
		close(k.stopping)
	}
	if k.state == Waiting {
		k.state = Stopped
		return nil, false
	}
	if k.running != nil {
		k.state = Stopping
	}
	return k.running, true
}

func (k *keeper) end(p *process, hurry <-chan struct{}) {
	asked := time.Now()
	grace := time.NewTimer(k.Grace)
	defer grace.Stop()
	p.signal(syscall.SIGTERM)
	what := DidStop
	select {
	case <-p.done:
	case <-grace.C:
		what = HadToKill
	case <-hurry:
		what = HadToKill
	}
	if what == HadToKill {
		p.kill()
		<-p.done
	}
	k.report(Event{Name: k.Name, What: what, PID: p.pid(), Took: time.Since(asked)})
}

// told is true when the keeper was told to stop.
func (k *keeper) told() bool {
	select {
	case <-k.stopping:
		return true
	default:
		return false
	}
}

func (k *keeper) enter(state State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = state
	k.running = nil
}

func (k *keeper) note(lacks error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lacks = lacks
}

func (k *keeper) current() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := Status{Name: k.Name, State: k.state, Restarts: k.restarts}
	if k.running != nil {
		status.PID = k.running.pid()
		status.Started = k.running.started
	}
	if k.state == Starting {
		status.Lacks = k.lacks
	}
	return status
}
