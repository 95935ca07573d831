// Package journal is what the journal service knows: what an entry is and how an event becomes one,
// how stored events are chained so that no change goes unseen, when a session adds up, and why an
// event lies in quarantine.
//
// It knows nothing of HTTP, of Dapr, or of how anything is stored.
package journal
