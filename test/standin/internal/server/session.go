package server

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// transactionLifetime is how long a transaction may stay open, as in MongoDB.
const transactionLifetime = 60 * time.Second

type txnState int

const (
	noTxn txnState = iota
	inProgress
	committed
	aborted
)

// session is what the server remembers of one client session. Its lock is
// held while one of its commands runs: a driver sends them one by one.
type session struct {
	mu     sync.Mutex
	number int64 // of the latest transaction or retryable write
	state  txnState
	txn    *store.Txn
	begun  time.Time
	reply  bson.D // of the retryable write with that number; nil: it did not succeed
}

type sessions struct {
	mu  sync.Mutex
	all map[string]*session
}

func (s *sessions) get(id bson.Raw) *session {
	key := string(id.Lookup("id").Value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*session{}
	}
	if s.all[key] == nil {
		s.all[key] = &session{number: -1}
	}
	return s.all[key]
}

func (s *sessions) list() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.all))
	for _, one := range s.all {
		all = append(all, one)
	}
	return all
}

// expire aborts transactions that have been open for too long.
func (s *sessions) expire(ctx context.Context) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for _, one := range s.list() {
			if one.mu.TryLock() {
				if one.state == inProgress && time.Since(one.begun) > transactionLifetime {
					one.abort()
				}
				one.mu.Unlock()
			}
		}
	}
}

// abortAll aborts what is open, also under commands that run.
func (s *sessions) abortAll() {
	for _, one := range s.list() {
		if one.mu.TryLock() {
			one.abort()
			one.mu.Unlock()
		}
	}
}

func (one *session) abort() {
	if one.state == inProgress {
		one.txn.Abort()
		one.txn, one.state = nil, aborted
	}
}

// inSession runs a command as part of its transaction, as a retryable write, or as it is.
func (s *Server) inSession(r *request, c command) (bson.D, error) {
	id, hasSession := r.body.Lookup("lsid").DocumentOK()
	n, numbered := r.body.Lookup("txnNumber").Int64OK()
	if !hasSession || !numbered {
		if r.inTransaction() {
			return nil, fault.New(fault.InvalidOptions, "'autocommit' field requires a transaction number to also be specified")
		}
		return c.run(s, r)
	}
	one := s.sessions.get(id)
	one.mu.Lock()
	defer one.mu.Unlock()
	if n < one.number {
		return nil, fault.New(fault.TransactionTooOld, "Cannot start transaction %d on session because a newer transaction %d has already started on this session.", n, one.number)
	}
	if r.inTransaction() {
		return s.inTxn(r, c, one, n)
	}
	return s.retryable(r, c, one, n)
}

// retryable runs a write once; the same number again gives the first reply.
func (s *Server) retryable(r *request, c command, one *session, n int64) (bson.D, error) {
	if n == one.number && one.reply != nil {
		return one.reply, nil
	}
	one.abort()
	one.number, one.state, one.reply = n, noTxn, nil
	reply, err := c.run(s, r)
	if err == nil {
		one.reply = reply[:len(reply):len(reply)]
	}
	return reply, err
}

func (s *Server) inTxn(r *request, c command, one *session, n int64) (bson.D, error) {
	if r.name == "commitTransaction" || r.name == "abortTransaction" {
		return one.finish(r.name, n)
	}
	if err := one.enter(s, r, c, n); err != nil {
		return nil, err
	}
	r.txn = one.txn
	reply, err := c.run(s, r)
	if err != nil || hasWriteErrors(reply) {
		one.abort() // any error ends the transaction
	}
	return reply, err
}

// enter starts the transaction or makes sure that it goes on.
func (one *session) enter(s *Server, r *request, c command, n int64) error {
	starting := truth(r.body, "startTransaction", false)
	if !c.inTxn {
		one.abortIf(n)
		return fault.New(fault.NotSupportedInTransaction, "Cannot run '%s' in a multi-document transaction.", r.name)
	}
	if _, err := r.body.LookupErr("writeConcern"); err == nil {
		return fault.New(fault.InvalidOptions, "writeConcern is not allowed within a multi-statement transaction")
	}
	if !starting {
		if _, err := r.body.LookupErr("readConcern"); err == nil {
			return fault.New(fault.InvalidOptions, "Only the first command in a transaction may specify a readConcern")
		}
		if n != one.number || one.state != inProgress {
			return one.missing(n)
		}
		return nil
	}
	if n == one.number && one.state != noTxn {
		return fault.New(fault.TransactionAlreadyInProgress, "Cannot start a transaction at given transaction number %d, a transaction with the same number is in state %d", n, one.state)
	}
	one.abort()
	one.number, one.state, one.txn, one.begun, one.reply = n, inProgress, s.store.Begin(), time.Now(), nil
	return nil
}

func (one *session) abortIf(n int64) {
	if n == one.number {
		one.abort()
	}
}

func (one *session) missing(n int64) error {
	if n == one.number {
		switch one.state {
		case committed:
			return fault.New(fault.TransactionCommitted, "Transaction with { txnNumber: %d } has been committed.", n)
		case aborted:
			return fault.New(fault.NoSuchTransaction, "Transaction with { txnNumber: %d } has been aborted.", n)
		default:
		}
	}
	return fault.New(fault.NoSuchTransaction, "Given transaction number %d does not match any in-progress transactions. The active transaction number is %d", n, one.number)
}

// finish commits or aborts; a commit may be repeated.
func (one *session) finish(how string, n int64) (bson.D, error) {
	if how == "commitTransaction" && n == one.number && one.state == committed {
		return doc(), nil
	}
	if n != one.number || one.state != inProgress {
		return nil, one.missing(n)
	}
	if how == "abortTransaction" {
		one.abort()
		return doc(), nil
	}
	one.txn.Commit()
	one.txn, one.state = nil, committed
	return doc(), nil
}

func hasWriteErrors(reply bson.D) bool {
	for _, e := range reply {
		if e.Key == "writeErrors" {
			return true
		}
	}
	return false
}

// endSessions forgets sessions and aborts what they left open.
func endSessions(s *Server, r *request) (bson.D, error) {
	for _, v := range value.Items(r.body.Index(0).Value()) {
		if id, ok := v.DocumentOK(); ok {
			one := s.sessions.get(id)
			one.mu.Lock()
			one.abort()
			one.mu.Unlock()
		}
	}
	return doc(), nil
}

func outsideTxn(_ *Server, r *request) (bson.D, error) {
	return nil, fault.New(fault.InvalidOptions, "%s must be run within a transaction", r.name)
}
