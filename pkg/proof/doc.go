// Package proof is how anybody checks the journal without trusting it: hashes, chain links, the
// Merkle log over them, signed checkpoints, and exports that carry their proofs.
//
// The journal service makes with it what an auditor's tool checks with it, so both read the same
// definitions. It knows neither databases nor HTTP, and of events only that they have a canonical
// text. The encodings of version 1 never change: whoever kept a hash must find it again.
package proof
