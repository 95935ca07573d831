// Package shopdays makes the events of realistic shop days: stores that sell in Japanese and in
// English, returns, voids, cancelled sales, cash in and out, tills opened and closed with counts that
// fit. The same plan gives the same events, to the last byte.
//
// It is for filling a journal to measure it. It makes events and knows nothing of where they go.
package shopdays
