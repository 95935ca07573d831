package mongostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
)

// Waits between two tries of a transaction that met another one. They grow and are drawn at random,
// so that two processes do not meet again and again.
const (
	firstWait   = 2 * time.Millisecond
	longestWait = 250 * time.Millisecond
)

// mostTwice is how often a key that is there already is taken for another transaction's work.
const mostTwice = 10

// errCollided is this package's own word for a transaction that has to begin again from its reads.
var errCollided = errors.New("mongostore: another transaction was first")

// transact runs fn in a transaction and commits it, by the driver's rules:
//   - an error with the label TransientTransactionError, wherever it comes from, means that nothing
//     was stored and that all of it may be tried again, reads included;
//   - an error of the commit with the label UnknownTransactionCommitResult means that the same commit
//     may be sent again, and only that, unless the server says that its time is up.
//
// A key that another transaction stored first is a collision too: the reads of the next try see it.
// Once begun it runs to its end even when ctx ends, in at most writeWait: a commit that is broken off
// would be in doubt. ctx is looked at before every try and before the commit.
func (s *Store) transact(ctx context.Context, fn func(ctx mongo.SessionContext) error) error {
	if err := ctx.Err(); err != nil {
		return classify(err)
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
	defer cancel()
	session, err := s.client.StartSession()
	if err != nil {
		return classify(err)
	}
	defer session.EndSession(own)
	twice := 0
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := try(ctx, mongo.NewSessionContext(own, session), fn)
		if mongo.IsDuplicateKeyError(err) {
			twice++
		}
		if !again(err) || twice > mostTwice {
			return classify(err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-own.Done():
			return classify(err)
		case <-ctx.Done():
			return classify(err)
		}
	}
}

// again tells whether a transaction that failed so is tried once more.
func again(err error) bool {
	return hasLabel(err, labelTransient) || errors.Is(err, errCollided) || mongo.IsDuplicateKeyError(err)
}

// try makes one transaction.
func try(caller context.Context, ctx mongo.SessionContext, fn func(ctx mongo.SessionContext) error) error {
	commitWait := writeWait
	err := ctx.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(durable()).SetMaxCommitTime(&commitWait))
	if err != nil {
		return err
	}
	if err = fn(ctx); err == nil {
		err = caller.Err()
	}
	if err != nil {
		_ = ctx.AbortTransaction(ctx) // what cannot be aborted, the server ends by itself
		return err
	}
	for {
		err := ctx.CommitTransaction(ctx)
		unknown := hasLabel(err, labelUnknownCommit) && !hasCode(err, codeMaxTimeExpired)
		if err == nil || !unknown || ctx.Err() != nil {
			return err
		}
		time.Sleep(firstWait)
	}
}

// view runs fn, which only reads, in one consistent view.
func (s *Store) view(ctx context.Context, fn func(ctx mongo.SessionContext) error) error {
	return s.transact(ctx, fn)
}
