package jetstreampull

import "context"

// slots are the workers of a subscription; what is in the channel is at work.
type slots chan struct{}

// claim waits for one free worker.
func (s slots) claim(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// claimAll waits for one free worker and takes along every other that is free.
func (s slots) claimAll(ctx context.Context) (int, error) {
	if err := s.claim(ctx); err != nil {
		return 0, err
	}
	for n := 1; ; n++ {
		select {
		case s <- struct{}{}:
		default:
			return n, nil
		}
	}
}

func (s slots) release(n int) {
	for range n {
		<-s
	}
}
