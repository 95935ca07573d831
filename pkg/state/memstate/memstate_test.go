package memstate_test

import (
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/pkg/state/statetest"
)

func TestContract(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	statetest.Run(t, memstate.New(clock.Now), clock.Advance)
}
