// Package problem is how every service says what went wrong: RFC 9457 problem details with a stable
// numeric code, plain words and the next step.
//
// A Kind is one row of a catalogue: it is the documentation, the wire contract and what tests walk.
// An Error is one occurrence. Errors that are not problems become Unexpected on the wire; their text
// goes to the log only.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// MediaType of a problem document (RFC 9457).
const MediaType = "application/problem+json"

// Kind is one row of the catalogue. Code, Status and Name never change once published.
type Kind struct {
	Code   int    // stable number, ranges by service (architecture.md, Values)
	Status int    // HTTP status
	Name   string // kebab-case, ends the problem's type URI
	Title  string // what went wrong, the same for every occurrence
	Hint   string // what to do next
}

// Type is the problem's type URI.
func (k *Kind) Type() string { return "urn:tillroll:problem:" + k.Name }

// New makes an occurrence of k. detail says what is wrong with this request, for its sender.
func (k *Kind) New(detail string, args ...any) *Error {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Error{Kind: k, Detail: detail, Hint: k.Hint}
}

// Field is one thing wrong in a request.
type Field struct {
	Name    string `json:"name"`    // JSON path or parameter name, as the client wrote it
	Rule    string `json:"rule"`    // the rule that was broken: required, max, format …
	Message string `json:"message"` // in plain words, with what would be right
}

// Error is one occurrence of a Kind.
type Error struct {
	Kind       *Kind
	Detail     string
	Hint       string
	Fields     []Field
	RetryAfter time.Duration // more than zero: the same request may work after this long
	cause      error
}

func (e *Error) Error() string {
	s := e.Kind.Name
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the cause, which never reaches the wire.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, kind.New("")) true for every error of that kind.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Kind == e.Kind
}

// Because adds the cause for the log.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// WithHint replaces the catalogue's hint by one that fits this occurrence better.
func (e *Error) WithHint(hint string, args ...any) *Error {
	e.Hint = fmt.Sprintf(hint, args...)
	return e
}

// WithFields adds what is wrong field by field.
func (e *Error) WithFields(fields ...Field) *Error {
	e.Fields = append(e.Fields, fields...)
	return e
}

// After says when to try again.
func (e *Error) After(d time.Duration) *Error { e.RetryAfter = d; return e }

// Body is the wire form.
type Body struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Code   int     `json:"code"`
	Detail string  `json:"detail,omitempty"`
	Hint   string  `json:"hint,omitempty"`
	Errors []Field `json:"errors,omitempty"`
	Trace  string  `json:"traceId,omitempty"`
}

// Document is the JSON of e; traceID may be empty.
func (e *Error) Document(traceID string) []byte {
	b, err := json.Marshal(Body{
		Type: e.Kind.Type(), Title: e.Kind.Title, Status: e.Kind.Status, Code: e.Kind.Code,
		Detail: e.Detail, Hint: e.Hint, Errors: e.Fields, Trace: traceID,
	})
	if err != nil { // strings and numbers only: cannot fail
		panic(err)
	}
	return b
}

// Of finds the problem in err; anything else is Unexpected with err as its cause.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Unexpected.New("").Because(err)
}

// Is tells whether err is an occurrence of k.
func Is(err error, k *Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// The kinds that all services share. Numbers follow the peer's common ranges.
var (
	BadRequest       = &Kind{100000, http.StatusBadRequest, "bad-request", "The request cannot be read", "Compare the request with the API description at /docs."}
	NotFound         = &Kind{100001, http.StatusNotFound, "not-found", "There is no such thing", "Check the path and the ids in it."}
	MethodNotAllowed = &Kind{100002, http.StatusMethodNotAllowed, "method-not-allowed", "This path does not take this method", "See the Allow header for the methods that it takes."}
	TooLarge         = &Kind{100003, http.StatusRequestEntityTooLarge, "request-too-large", "The request is too large", "Split it into smaller requests."}
	Unauthenticated  = &Kind{200001, http.StatusUnauthorized, "unauthenticated", "Who is calling is not proven", "Send Authorization: Bearer <token>, or X-API-Key with a terminal's key."}
	Forbidden        = &Kind{200002, http.StatusForbidden, "forbidden", "The caller may not do this", "Use a credential of the right tenant, terminal and role."}
	Invalid          = &Kind{300001, http.StatusUnprocessableEntity, "invalid-input", "The request breaks a rule", "Mend the fields named in errors and send it again."}
	InvalidOperation = &Kind{300004, http.StatusBadRequest, "invalid-operation", "Not possible in this state", "Read the current state first, then do what it allows."}
	IdempotencyReuse = &Kind{300005, http.StatusUnprocessableEntity, "idempotency-key-reused", "This Idempotency-Key belongs to another request", "Use a new key for a new request; repeat the same body with the old key."}
	Conflict         = &Kind{500005, http.StatusConflict, "conflict", "Somebody else changed it at the same time", "Read it again and repeat the request."}
	Unavailable      = &Kind{600001, http.StatusServiceUnavailable, "unavailable", "Something this needs does not answer", "Try again after Retry-After seconds, with the same Idempotency-Key if the request changes something."}
	Unexpected       = &Kind{900999, http.StatusInternalServerError, "unexpected", "Something unexpected happened here", "Try again; if it stays, tell the operator the traceId."}
)

// Common is the catalogue of the shared kinds.
var Common = []*Kind{
	BadRequest, NotFound, MethodNotAllowed, TooLarge, Unauthenticated, Forbidden, Invalid,
	InvalidOperation, IdempotencyReuse, Conflict, Unavailable, Unexpected,
}
