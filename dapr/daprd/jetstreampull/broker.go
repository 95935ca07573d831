package jetstreampull

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dapr/kit/logger"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// dialTimeout bounds one attempt to connect, and so how long Init takes when
	// the broker does not even refuse.
	dialTimeout = 2 * time.Second
	// pingInterval finds a broker that is gone without closing the connection,
	// after at most three intervals.
	pingInterval = 10 * time.Second
	// maxReconnectDelay is reached after a few attempts. It is short because an
	// attempt on one machine costs nothing and a sale is waiting.
	maxReconnectDelay = time.Second
	// reconnectsPerReport keeps a long outage from filling the log.
	reconnectsPerReport = 60
	// apiTimeout bounds a request that makes a stream or a consumer.
	apiTimeout = 5 * time.Second
	// maxAckPending is how many messages of a topic may be in the hands of an
	// app, all its instances and its delayed failures together. It only has to be
	// more than they can work on; beyond it a failing app is not flooded.
	maxAckPending = 4096
)

var (
	errDisconnected = errors.New("the connection to the broker is lost")
	errPaused       = errors.New("the subscription is paused")
	errNoStream     = errors.New("the broker has no stream for this topic")
)

// broker is the connection and what lives at its other end.
type broker struct {
	settings settings
	log      logger.Logger
	nc       atomic.Pointer[nats.Conn] // set once; a callback may come before dial returns
	js       jetstream.JetStream
	link     *gate    // open while connected
	streams  sync.Map // topics whose stream is known to exist on this connection
	onLink   func(up bool)
}

// dial connects, or leaves the connection trying when the broker is not there
// yet: a sidecar must come up without it. It fails for settings that can never
// work.
func dial(s settings, log logger.Logger, onLink func(up bool)) (*broker, error) {
	b := &broker{settings: s, log: log, link: newGate(errDisconnected), onLink: onLink}
	nc, err := nats.Connect(s.url, b.options()...)
	if err != nil {
		return nil, fmt.Errorf("cannot use the broker at %s: %w", s.url, err)
	}
	b.nc.Store(nc)
	if b.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, err
	}
	if nc.IsConnected() {
		b.connected(nc) // the callback comes too, but Init's caller may publish before it
	} else {
		log.Warnf("The broker at %s is not there yet (%v). The sidecar goes on and connects when it is.", s.url, b.lastError())
	}
	return b, nil
}

func (b *broker) options() []nats.Option {
	options := []nats.Option{
		nats.Name(b.settings.consumerID),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		// Without it two refused passwords in a row would end the connection for
		// good, and the sidecar would look healthy.
		nats.IgnoreAuthErrorAbort(),
		// No buffer: a publish into it would be confirmed by nobody for the length
		// of the outage.
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(b.reconnectDelay),
		nats.ConnectHandler(b.connected),
		nats.ReconnectHandler(b.connected),
		nats.DisconnectErrHandler(b.disconnected),
		nats.ErrorHandler(b.complain),
	}
	if b.settings.user != "" {
		// An inbox of its own name: the broker may let a user have no other.
		options = append(options, nats.UserInfo(b.settings.user, b.settings.password), nats.CustomInboxPrefix("_INBOX."+brokerName(b.settings.user)))
	}
	return options
}

func (b *broker) connected(*nats.Conn) {
	if b.connectedNow() {
		return
	}
	// It may be a broker with an empty store.
	b.streams.Clear()
	b.link.open()
	b.onLink(true)
	b.log.Infof("Connected to the broker at %s", b.settings.url)
}

func (b *broker) disconnected(_ *nats.Conn, err error) {
	b.link.shut(errDisconnected)
	b.onLink(false)
	if err != nil { // nil when we closed it ourselves
		b.log.Warnf("Lost the broker at %s: %v. Trying to connect again, for ever.", b.settings.url, err)
	}
}

func (b *broker) connectedNow() bool {
	inside, _ := b.link.peek()
	return inside.Err() == nil
}

// complain logs what the broker reports outside of any request, above all
// rights that a user lacks.
func (b *broker) complain(_ *nats.Conn, sub *nats.Subscription, err error) {
	if sub != nil {
		err = fmt.Errorf("%s: %w", sub.Subject, err)
	}
	b.log.Errorf("The broker at %s complains about user %q: %v", b.settings.url, b.settings.user, err)
}

// reconnectDelay spreads the attempts of several sidecars a little.
func (b *broker) reconnectDelay(attempt int) time.Duration {
	if attempt%reconnectsPerReport == 0 {
		b.log.Warnf("Still no broker at %s after %d attempts: %v", b.settings.url, attempt, b.lastError())
	}
	step := time.Duration(attempt) * 100 * time.Millisecond
	return min(step, maxReconnectDelay) + rand.N(100*time.Millisecond)
}

// lastError tells a refused password from a broker that is not running: the
// client keeps an error only for what happened after the connection was made.
func (b *broker) lastError() error {
	if nc := b.nc.Load(); nc != nil && nc.LastError() != nil {
		return nc.LastError()
	}
	return errors.New("nobody answers there")
}

// unavailable is the error for whoever needs the broker now.
func (b *broker) unavailable() error {
	return fmt.Errorf("the broker at %s is not available (%w): start it, or check url, user and password of the pub/sub component", b.settings.url, b.lastError())
}

// ensureStream makes the topic's stream unless this connection has seen it.
func (b *broker) ensureStream(ctx context.Context, topic string) error {
	if _, known := b.streams.Load(topic); known {
		return nil
	}
	_, err := b.makeStream(ctx, topic)
	return err
}

// makeStream makes the topic's stream, or brings an existing one to the
// settings of today.
func (b *broker) makeStream(ctx context.Context, topic string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:     brokerName(topic),
		Subjects: []string{topic},
		Storage:  jetstream.FileStorage,
		MaxAge:   b.settings.maxAge,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make the stream of topic %s: %w", topic, err)
	}
	b.streams.Store(topic, struct{}{})
	return stream, nil
}

func (b *broker) forgetStream(topic string) { b.streams.Delete(topic) }

// makeConsumer makes the topic's stream and this app's durable consumer on it.
func (b *broker) makeConsumer(ctx context.Context, topic string) (incarnation, error) {
	stream, err := b.makeStream(ctx, topic)
	if err != nil {
		return incarnation{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       brokerName(b.settings.consumerID),
		DeliverPolicy: jetstream.DeliverAllPolicy, // a new app takes what was published before it came
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       b.settings.ackWait,
		MaxDeliver:    -1,
		MaxAckPending: maxAckPending,
	})
	if err != nil {
		return incarnation{}, fmt.Errorf("cannot make the consumer %s of topic %s: %w", b.settings.consumerID, topic, err)
	}
	return incarnation{stream.CachedInfo().Created.UnixNano(), consumer.CachedInfo().Created.UnixNano()}, nil
}

// incarnation tells a stream and consumer from others of the same names, made
// after a wipe. Message numbers start anew there, so an acknowledgement for the
// old ones would hit, and lose, a message that nobody has handled.
type incarnation struct{ stream, consumer int64 }

// close writes out the last acknowledgements and hangs up.
func (b *broker) close() {
	nc := b.nc.Load()
	if nc.IsConnected() {
		_ = nc.FlushTimeout(time.Second) // what does not arrive is delivered again
	}
	nc.Close()
	b.link.shut(errDisconnected)
}
