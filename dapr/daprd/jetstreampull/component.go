package jetstreampull

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dapr/components-contrib/health"
	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/kit/logger"
)

// errClosed is for calls before Init and after Close.
var errClosed = errors.New("the pub/sub component is not running: it is not initialised or already closed")

// settleTime is what handlers get to return after their context was cancelled.
const settleTime = time.Second

// Component is the pub/sub component. Its parts: settings.go reads the
// metadata, broker.go holds the connection, publish.go publishes, subscribe.go
// and inbox.go take messages, delivery.go gives them to the app.
type Component struct {
	log      logger.Logger
	settings settings
	broker   *broker // nil before Init
	pulling  *gate   // open while connected and not paused

	mu            sync.Mutex // guards paused, and Subscribe against Close
	paused        bool
	stopped       context.Context
	stop          context.CancelFunc
	subscriptions sync.WaitGroup // those that take messages
	inHand        sync.WaitGroup // messages that are being handled
}

var (
	_ pubsub.PubSub             = (*Component)(nil)
	_ pubsub.BulkPublisher      = (*Component)(nil)
	_ pubsub.BulkSubscriber     = (*Component)(nil)
	_ pubsub.PausableSubscriber = (*Component)(nil)
	_ health.Pinger             = (*Component)(nil)
)

// New makes a component that Init has to be called on.
func New(log logger.Logger) pubsub.PubSub {
	c := &Component{log: log, pulling: newGate(errDisconnected)}
	c.stopped, c.stop = context.WithCancel(context.Background())
	return c
}

// Init reads the metadata and connects. It fails for metadata that is wrong,
// not for a broker that is away.
func (c *Component) Init(_ context.Context, md pubsub.Metadata) error {
	s, err := parseSettings(md.Properties)
	if err != nil {
		return err
	}
	c.settings = s
	c.broker, err = dial(s, c.log, c.linked)
	return err
}

// Features tells daprd to use BulkPublish. A message's time to live is daprd's
// own business: it travels in the event.
func (c *Component) Features() []pubsub.Feature {
	return []pubsub.Feature{pubsub.FeatureBulkPublish}
}

// Ping fails while the broker is away.
func (c *Component) Ping(context.Context) error {
	if c.broker == nil || c.stopped.Err() != nil {
		return errClosed
	}
	if !c.broker.connectedNow() {
		return c.broker.unavailable()
	}
	return nil
}

// linked follows the connection; a paused component stays paused through it.
func (c *Component) linked(up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !up:
		c.pulling.shut(errDisconnected)
	case !c.paused:
		c.pulling.open()
	}
}

// Pause stops taking messages. What is in hand goes on to the app.
func (c *Component) Pause(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
	c.pulling.shut(errPaused)
	return nil
}

// Resume takes messages again, now or when the broker is back.
func (c *Component) Resume(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
	if c.broker.connectedNow() {
		c.pulling.open()
	}
	return nil
}

// Close ends all subscriptions, lets the messages in hand finish for as long as
// drainTimeout allows, and hangs up. What did not finish is delivered again.
func (c *Component) Close() error {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	if c.broker == nil {
		return nil
	}
	c.subscriptions.Wait()
	if !c.handsEmptyWithin(c.settings.drainTimeout + settleTime) {
		c.log.Warnf("Closing although handlers are at work after %s: their messages will be delivered again", c.settings.drainTimeout)
	}
	c.broker.close()
	return nil
}

func (c *Component) handsEmptyWithin(limit time.Duration) bool {
	empty := make(chan struct{})
	go func() {
		c.inHand.Wait()
		close(empty)
	}()
	select {
	case <-empty:
		return true
	case <-time.After(limit):
		return false
	}
}

// GetComponentMetadata lists the metadata names for daprd's tools.
func (c *Component) GetComponentMetadata() metadata.MetadataMap {
	names := metadata.MetadataMap{}
	for name := range fields {
		names[name] = metadata.MetadataField{Type: "string"}
	}
	return names
}
