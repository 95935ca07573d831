// Package jetstreampull is a Dapr pub/sub component over NATS JetStream, for
// events that must arrive: at least once, in spite of a crash of the app, of the
// sidecar or of the broker, and of a broker whose store was wiped.
//
//   - A topic is a stream of its own and an app is a durable pull consumer on
//     it. Both are made when they are needed, and made again when they are gone.
//   - A message is pulled when a worker is free for it, is kept from expiring
//     while the app works (or the sidecar retries), and is acknowledged after the
//     app has answered. A failure is delivered again after a delay.
//   - A publish is confirmed when the stream has stored it, and fails at once
//     when the broker is away: the publisher's outbox is the buffer, not the
//     sidecar's memory.
//   - No message carries an id for the broker to recognise repeats by. An event
//     that is published again is delivered again; only the consumer can tell what
//     it has already taken.
//
// It pulls with a few lines of its own (inbox.go) instead of the client
// library's Consume and Fetch: Consume takes messages in advance, whose leases
// then run out while the app is busy, and Fetch cannot be cancelled.
//
// The package knows neither Tillroll's topics nor its events.
package jetstreampull
