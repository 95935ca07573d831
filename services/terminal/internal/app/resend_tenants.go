package app

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/problem"
)

// manyTenants is how many whole tenants can wait to be sent at once.
const manyTenants = 256

// queue keeps what waits for its turn, each thing once.
type queue struct {
	mu      sync.Mutex
	waiting map[string]bool
	next    chan string
}

func newQueue() *queue {
	return &queue{waiting: map[string]bool{}, next: make(chan string, manyTenants)}
}

// join the queue, unless id waits in it already. It tells whether there was room.
func (q *queue) join(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[id] {
		return true
	}
	select {
	case q.next <- id:
		q.waiting[id] = true
		return true
	default:
		return false
	}
}

// called says that id's turn has come: who asks from now on may have missed the beginning.
func (q *queue) called(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, id)
}

// queueTenant has a whole tenant sent by ResendTenants: with thousands of tills that takes longer
// than the sidecar waits for an answer.
func (a *App) queueTenant(tenantID string) error {
	if !a.tenants.join(tenantID) {
		return problem.Unavailable.New("too many tenants are wanted at once").After(5 * time.Second)
	}
	return nil
}

// ResendTenants sends the snapshots of whole tenants, one tenant after the other, until ctx ends. What
// is lost when the process dies is asked for again.
func (a *App) ResendTenants(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case tenantID := <-a.tenants.next:
			a.tenants.called(tenantID)
			if err := a.resendTenant(ctx, tenantID); err != nil {
				a.warn(ctx, "a tenant's snapshots were not all sent; whoever lacks some asks again", err, zap.String("tenant", tenantID))
			}
		}
	}
}
