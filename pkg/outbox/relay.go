package outbox

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state"
)

// Message is one event on its way to a topic.
type Message struct {
	EventID     string
	Time        time.Time
	Data        []byte
	TraceParent string
	TraceState  string
	Generation  int // see tail
}

// Publisher hands messages of one topic to the broker, in order as far as the broker keeps one.
type Publisher interface {
	// Publish returns how many messages from the front of the list the broker surely took, and an
	// error when that is not all of them.
	Publish(ctx context.Context, topic string, messages []Message) (taken int, err error)
}

// RelayConfig are the times of a relay.
type RelayConfig struct {
	// Pace is the least time between the beginnings of two rounds of one stream. The first event after a
	// pause goes out at once; those of a busy till gather for so long and go together, which costs the
	// sidecar, the broker and the journal a fraction. A round that took long, because the machine is busy,
	// is followed by a longer pause. 0: every event goes out at once.
	Pace time.Duration
	// ResendAfter is how long a published event may stay unconfirmed before it is published again.
	// It doubles up to ResendMax while nothing at all is confirmed.
	ResendAfter, ResendMax time.Duration
	// RetryAfter is the pause after a publish that failed; it doubles up to RetryMax.
	RetryAfter, RetryMax time.Duration
	// MarkAfter is how long the tail may lag behind what was published. Confirmations move it anyway;
	// what a crash forgets is published once more.
	MarkAfter time.Duration
	// Scan is how often the index is read for streams that another replica, or this one before its
	// restart, left unconfirmed.
	Scan time.Duration
	// DelistAfter is how long an outbox stays empty before it leaves the index, so that a busy till
	// does not enter and leave it at every item.
	DelistAfter time.Duration
	// Retention is how long confirmed events stay for a redelivery; at least the interval between
	// two backups of the journal. Sweep is how often older ones are looked for.
	Retention, Sweep time.Duration
}

// DefaultRelay is what services use unless told otherwise.
var DefaultRelay = RelayConfig{
	Pace:        100 * time.Millisecond,
	ResendAfter: 5 * time.Second, ResendMax: 5 * time.Minute,
	RetryAfter: 500 * time.Millisecond, RetryMax: 10 * time.Second,
	MarkAfter: time.Second, Scan: 5 * time.Second, DelistAfter: 15 * time.Second,
	Retention: 14 * 24 * time.Hour, Sweep: time.Hour,
}

const (
	// publishBatch is how many new events one round takes from a stream.
	publishBatch = 200
	// resendWindow is how many unconfirmed events the first resend takes. While the journal is away
	// that is all that is sent again and again; it doubles with every confirmation.
	resendWindow, resendWindowMax = 50, 3200
	// publishBytes bounds one bulk publish: sidecars refuse bodies over 4 MiB unless told otherwise.
	publishBytes = 2 << 20
	// paceOfRounds is how many times as long as its rounds a stream's pace is at least, up to paceMax.
	paceOfRounds = 4
	paceMax      = time.Second
	// relayWorkers is how many streams are published at once.
	relayWorkers = 8
)

// Relay publishes the outboxes of a Box until the journal has confirmed them. Two relays on one
// store do no harm: events are published twice with the same id.
type Relay struct {
	box     *Box
	pub     Publisher
	cfg     RelayConfig
	log     *zap.Logger
	metrics *Metrics
	clock   clockwork.Clock

	mu      sync.Mutex
	streams map[string]*course
	wake    chan struct{}
}

// course is what the relay remembers of one stream. Nothing of it needs to survive a restart.
type course struct {
	stream   identity.Stream
	due      time.Time
	began    time.Time     // the last round
	took     time.Duration // the last round
	running  bool
	nudged   bool // again right after the running round
	failures int
	sent     sent
	resend   resend
	emptyAt  time.Time // since when nothing is unconfirmed; zero while something is
}

// sent is how far the stream was published, and when the tail must be told.
type sent struct {
	generation int
	through    uint64
	mark       time.Time // zero: the tail knows
}

// resend is the back-off of what was published and not confirmed.
type resend struct {
	at      time.Time // zero: nothing waits
	wait    time.Duration
	window  int
	through uint64 // the last number of the window that is out; 0: none is
	until   uint64 // what was published when the first window went out: younger events are not resent
	settled uint64 // how much was confirmed when last looked
}

// NewRelay makes the relay of box. Run starts it.
func NewRelay(box *Box, pub Publisher, cfg RelayConfig, log *zap.Logger, metrics *Metrics) *Relay {
	r := &Relay{
		box: box, pub: pub, cfg: cfg, log: log, metrics: metrics, clock: box.clock,
		streams: map[string]*course{}, wake: make(chan struct{}, 1),
	}
	box.nudge = r.nudge
	metrics.ages.clock = box.clock
	return r
}

// nudge has a stream looked at now, also in the pause after a failure: with a new event there is a
// reason to find out whether the broker is back.
func (r *Relay) nudge(stream identity.Stream) {
	r.mu.Lock()
	c := r.course(stream)
	c.nudged = true
	r.hasten(c)
	r.mu.Unlock()
	r.signal()
}

// hasten makes a stream due as soon as its pace allows; the caller holds the lock.
func (r *Relay) hasten(c *course) {
	soon := r.clock.Now()
	if r.cfg.Pace > 0 {
		pace := max(r.cfg.Pace, min(c.took*paceOfRounds, paceMax))
		if paced := c.began.Add(pace); paced.After(soon) {
			soon = paced
		}
	}
	if c.due.IsZero() || soon.Before(c.due) {
		c.due = soon
	}
}

func (r *Relay) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// course of stream; the caller holds the lock.
func (r *Relay) course(stream identity.Stream) *course {
	c, ok := r.streams[stream.ID()]
	if !ok {
		c = &course{stream: stream}
		r.streams[stream.ID()] = c
	}
	return c
}

// Run relays until ctx ends, then finishes the rounds under way. It starts with the index, so
// everything that was unconfirmed before a crash is found at once.
func (r *Relay) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, relayWorkers)
	nextScan, nextSweep := r.clock.Now(), r.clock.Now().Add(r.cfg.Sweep/10)
	for {
		now := r.clock.Now()
		if !now.Before(nextScan) {
			r.scan(ctx)
			nextScan = now.Add(r.cfg.Scan)
		}
		if !now.Before(nextSweep) {
			workers.Go(func() { r.sweepAll(ctx) })
			nextSweep = now.Add(r.cfg.Sweep)
		}
		ready, next := r.takeDue(now)
		for _, c := range ready {
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots }()
				r.finish(c, r.round(ctx, c))
			})
		}
		if nextScan.Before(next) || next.IsZero() {
			next = nextScan
		}
		timer := r.clock.NewTimer(next.Sub(r.clock.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.Chan():
		case <-r.wake:
			timer.Stop()
		}
	}
}

// takeDue marks what is due as running and tells when the next one is.
func (r *Relay) takeDue(now time.Time) (ready []*course, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.streams {
		switch {
		case c.running || c.due.IsZero():
		case !c.due.After(now):
			c.running, c.nudged, c.began = true, false, now
			ready = append(ready, c)
		case next.IsZero() || c.due.Before(next):
			next = c.due
		}
	}
	return ready, next
}

// finish plans the stream's next round.
func (r *Relay) finish(c *course, due time.Time) {
	r.mu.Lock()
	c.running, c.took = false, r.clock.Now().Sub(c.began)
	if c.due = due; c.nudged {
		r.hasten(c)
	}
	if c.due.IsZero() {
		delete(r.streams, c.stream.ID())
	}
	r.mu.Unlock()
	r.signal()
}

// scan adds the streams that the index lists.
func (r *Relay) scan(ctx context.Context) {
	listed, err := r.box.list(ctx, "outbox-index")
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("outbox index cannot be read; trying again", zap.Error(err))
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, stream := range listed {
		if c := r.course(stream); c.due.IsZero() {
			c.due = r.clock.Now()
		}
	}
	r.metrics.streams.Set(float64(len(listed)))
}

// list reads all shards of a list of streams.
func (b *Box) list(ctx context.Context, prefix string) (map[string]identity.Stream, error) {
	items, err := b.store.Get(ctx, shardKeys(prefix)...)
	if err != nil {
		return nil, err
	}
	all := map[string]identity.Stream{}
	for _, item := range items {
		shard, err := decodeIndex(item)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, shard.Streams)
	}
	return all, nil
}

// round brings one stream as far as it can now, and tells when to look again (zero: nothing to do).
func (r *Relay) round(ctx context.Context, c *course) time.Time {
	again, err := r.advance(ctx, c)
	if err == nil {
		c.failures = 0
		return again
	}
	c.failures++
	wait := min(r.cfg.RetryAfter<<min(c.failures-1, 10), r.cfg.RetryMax)
	if ctx.Err() == nil {
		r.metrics.failures.Inc()
		r.log.Warn("publishing is held up; trying again", zap.String("stream", c.stream.ID()),
			zap.Int("failures", c.failures), zap.Duration("retry_in", wait), zap.Error(err))
	}
	return r.clock.Now().Add(wait)
}

func (r *Relay) advance(ctx context.Context, c *course) (time.Time, error) {
	h, t, read, err := r.box.readItems(ctx, c.stream)
	if err != nil {
		return time.Time{}, err
	}
	last := h.NextSequence - 1
	settled := t.settled()
	r.metrics.observe(c.stream, last-settled.Len(), len(t.Parked))
	if settled.Through() >= last {
		r.metrics.ages.unconfirmedFrom(c.stream.ID(), 0)
		return r.rest(ctx, c)
	}
	r.metrics.ages.unconfirmedFrom(c.stream.ID(), settled.Through()+1)
	c.emptyAt = time.Time{}
	if c.sent.generation != t.Generation || c.sent.through <= t.PublishedThrough {
		c.sent = sent{generation: t.Generation, through: t.PublishedThrough}
	}
	var next time.Time
	switch {
	case c.sent.through < last:
		next, err = r.publishNew(ctx, c, t, last)
	default:
		next, err = r.resend(ctx, c, t, settled.Missing(1, c.sent.through))
	}
	if err != nil {
		return time.Time{}, err
	}
	return r.mark(ctx, c, read, next)
}

// publishNew sends what was never sent.
func (r *Relay) publishNew(ctx context.Context, c *course, t tail, last uint64) (time.Time, error) {
	numbers := sequence.Set{{First: c.sent.through + 1, Last: last}}.Numbers(publishBatch)
	taken, err := r.publish(ctx, c.stream, t.Generation, numbers)
	now := r.clock.Now()
	if taken > 0 {
		c.sent.through = numbers[taken-1]
		if c.sent.mark.IsZero() {
			c.sent.mark = now.Add(r.cfg.MarkAfter)
		}
	}
	if err != nil {
		return time.Time{}, err
	}
	if c.resend.at.IsZero() {
		c.resend = resend{
			wait: r.cfg.ResendAfter, window: resendWindow, settled: t.Received.Len(),
			at: now.Add(r.cfg.ResendAfter),
		}
	}
	if c.sent.through < last {
		return now, nil
	}
	return c.resend.at, nil
}

// mark tells the tail how far the stream was published, when that is due.
func (r *Relay) mark(ctx context.Context, c *course, read state.Item, next time.Time) (time.Time, error) {
	if c.sent.mark.IsZero() {
		return next, nil
	}
	if c.sent.mark.After(r.clock.Now()) {
		if c.sent.mark.Before(next) {
			next = c.sent.mark
		}
		return next, nil
	}
	c.sent.mark = time.Time{}
	return next, r.box.markPublished(ctx, read, c.sent.generation, c.sent.through)
}

// resend sends again what was sent long enough ago and is not confirmed, a window at a time: the
// next one when the last was confirmed, or the same after a longer wait.
func (r *Relay) resend(ctx context.Context, c *course, t tail, missing sequence.Set) (time.Time, error) {
	now, w := r.clock.Now(), &c.resend
	received := t.Received.Len()
	wait := func() (time.Time, error) {
		*w = resend{wait: r.cfg.ResendAfter, window: resendWindow, settled: received, at: now.Add(r.cfg.ResendAfter)}
		return w.at, nil
	}
	switch {
	case w.at.IsZero(): // found in the index: another replica, or this one before it died, published it
		return wait()
	case w.through > 0 && missing[0].First > w.until: // all that was old came through
		return wait()
	case w.through > 0 && missing[0].First > w.through: // the window came through
		w.wait, w.window = r.cfg.ResendAfter, min(w.window*2, resendWindowMax)
	case w.through == 0 && received > w.settled: // confirmations flow: what is left is young
		return wait()
	case w.at.After(now):
		return w.at, nil
	case w.through > 0: // nobody answers
		w.wait, w.window = min(w.wait*2, r.cfg.ResendMax), resendWindow
	default:
		w.until = c.sent.through
	}
	numbers := missing.Below(w.until + 1).Numbers(w.window)
	for rest := numbers; len(rest) > 0; {
		batch := rest[:min(len(rest), publishBatch)]
		if _, err := r.publish(ctx, c.stream, t.Generation, batch); err != nil {
			return time.Time{}, err
		}
		rest = rest[len(batch):]
		r.metrics.resent.Add(float64(len(batch)))
	}
	w.through, w.settled, w.at = numbers[len(numbers)-1], received, now.Add(w.wait)
	return w.at, nil
}

// publish sends events by number, one bulk per topic, and tells how many from the front went out.
func (r *Relay) publish(ctx context.Context, stream identity.Stream, generation int, numbers []uint64) (int, error) {
	byTopic, topics, err := r.load(ctx, stream, generation, numbers)
	if err != nil {
		return 0, err
	}
	sent := make(map[uint64]bool, len(numbers))
	var failure error
	for _, topic := range topics {
		batch := byTopic[topic]
		taken, err := r.publishTopic(ctx, topic, batch.messages)
		for _, n := range batch.numbers[:taken] {
			sent[n] = true
		}
		r.metrics.published.WithLabelValues(topic).Add(float64(taken))
		failure = errors.Join(failure, err)
	}
	front := 0
	for front < len(numbers) && sent[numbers[front]] {
		front++
	}
	return front, failure
}

// publishTopic sends messages of one topic in bulks that a sidecar takes, until one fails.
func (r *Relay) publishTopic(ctx context.Context, topic string, messages []Message) (taken int, err error) {
	for taken < len(messages) && err == nil {
		end, size := taken+1, len(messages[taken].Data)
		for end < len(messages) && size+len(messages[end].Data) <= publishBytes {
			size += len(messages[end].Data)
			end++
		}
		var n int
		n, err = r.pub.Publish(ctx, topic, messages[taken:end])
		taken += n
	}
	return taken, err
}

type topicBatch struct {
	numbers  []uint64
	messages []Message
}

func (r *Relay) load(ctx context.Context, stream identity.Stream, generation int, numbers []uint64) (map[string]*topicBatch, []string, error) {
	records, err := r.box.records(ctx, stream, numbers)
	if err != nil {
		return nil, nil, err
	}
	r.metrics.ages.saw(stream.ID(), numbers[0], records[0].RecordedAt)
	byTopic, topics := map[string]*topicBatch{}, []string(nil)
	for i, rec := range records {
		batch, ok := byTopic[rec.Topic]
		if !ok {
			batch = &topicBatch{}
			byTopic[rec.Topic], topics = batch, append(topics, rec.Topic)
		}
		batch.numbers = append(batch.numbers, numbers[i])
		batch.messages = append(batch.messages, Message{
			EventID: rec.EventID, Time: rec.RecordedAt, Data: rec.Data,
			TraceParent: rec.TraceParent, TraceState: rec.TraceState, Generation: generation,
		})
	}
	return byTopic, topics, nil
}

// rest takes an outbox that has stayed empty long enough out of the index.
func (r *Relay) rest(ctx context.Context, c *course) (time.Time, error) {
	now := r.clock.Now()
	c.resend = resend{}
	if c.emptyAt.IsZero() {
		c.emptyAt = now
	}
	if due := c.emptyAt.Add(r.cfg.DelistAfter); due.After(now) {
		return due, nil
	}
	err := r.box.delist(ctx, c.stream)
	if errors.Is(err, state.ErrConflict) { // a command came: look again
		return now, nil
	}
	return time.Time{}, err
}
