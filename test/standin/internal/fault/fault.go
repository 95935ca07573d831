// Package fault is the vocabulary of refusals: the error codes of MongoDB that
// the stand-in answers with, and nothing else.
package fault

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

// Code is an error code of MongoDB.
type Code int32

// The codes, as MongoDB's error_codes.yml numbers them.
const (
	BadValue                     Code = 2
	Unauthorized                 Code = 13
	TypeMismatch                 Code = 14
	FailedToParse                Code = 9
	UserNotFound                 Code = 11
	AuthenticationFailed         Code = 18
	NamespaceNotFound            Code = 26
	IndexNotFound                Code = 27
	RoleNotFound                 Code = 31
	ConflictingUpdateOperators   Code = 40
	CursorNotFound               Code = 43
	NamespaceExists              Code = 48
	InvalidRoleModification      Code = 49
	CommandNotFound              Code = 59
	ImmutableField               Code = 66
	CannotCreateIndex            Code = 67
	InvalidOptions               Code = 72
	InvalidNamespace             Code = 73
	IndexOptionsConflict         Code = 85
	IndexKeySpecsConflict        Code = 86
	WriteConflict                Code = 112
	CannotIndexParallelArrays    Code = 171
	TransactionTooOld            Code = 225
	NoSuchTransaction            Code = 251
	TransactionCommitted         Code = 256
	NotSupportedInTransaction    Code = 263
	BSONObjectTooLarge           Code = 10334
	DuplicateKey                 Code = 11000
	UnrecognizedPipelineStage    Code = 40324
	UserExists                   Code = 51003
	RoleExists                   Code = 51002
	InvalidRegex                 Code = 51091
	TransactionAlreadyInProgress Code = 50911
)

var names = map[Code]string{
	BadValue: "BadValue", Unauthorized: "Unauthorized", TypeMismatch: "TypeMismatch",
	FailedToParse: "FailedToParse", UserNotFound: "UserNotFound", AuthenticationFailed: "AuthenticationFailed",
	NamespaceNotFound: "NamespaceNotFound", IndexNotFound: "IndexNotFound", RoleNotFound: "RoleNotFound",
	ConflictingUpdateOperators: "ConflictingUpdateOperators", CursorNotFound: "CursorNotFound",
	NamespaceExists: "NamespaceExists", InvalidRoleModification: "InvalidRoleModification", CommandNotFound: "CommandNotFound", ImmutableField: "ImmutableField",
	CannotCreateIndex: "CannotCreateIndex", InvalidOptions: "InvalidOptions", InvalidNamespace: "InvalidNamespace",
	IndexOptionsConflict: "IndexOptionsConflict", IndexKeySpecsConflict: "IndexKeySpecsConflict",
	WriteConflict: "WriteConflict", CannotIndexParallelArrays: "CannotIndexParallelArrays",
	TransactionTooOld: "TransactionTooOld", NoSuchTransaction: "NoSuchTransaction",
	TransactionCommitted: "TransactionCommitted", NotSupportedInTransaction: "OperationNotSupportedInTransaction",
	BSONObjectTooLarge: "BSONObjectTooLarge", DuplicateKey: "DuplicateKey",
	// Codes that a fail point may be told to answer with.
	6: "HostUnreachable", 7: "HostNotFound", 50: "MaxTimeMSExpired", 64: "WriteConcernFailed",
	79: "UnknownReplWriteConcern", 89: "NetworkTimeout", 91: "ShutdownInProgress",
	100: "UnsatisfiableWriteConcern", 189: "PrimarySteppedDown", 262: "ExceededTimeLimit", 9001: "SocketException",
	10107: "NotWritablePrimary", 11600: "InterruptedAtShutdown", 11602: "InterruptedDueToReplStateChange",
	13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary",
}

// Name is the name of the code; codes without one are called by their number.
func (c Code) Name() string {
	if name, ok := names[c]; ok {
		return name
	}
	return fmt.Sprintf("Location%d", int32(c))
}

// Labels that tell a driver what it may do after an error.
const (
	TransientTransaction = "TransientTransactionError"
	RetryableWrite       = "RetryableWriteError"
)

// retryable are the codes after which a driver may send a write again.
var retryable = []Code{6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}

// Retryable tells whether a write that failed with c may be sent again.
func (c Code) Retryable() bool { return slices.Contains(retryable, c) }

// Error is a refusal.
type Error struct {
	Code    Code
	Message string
	Labels  []string
	// Details are further fields of the reply.
	Details bson.D
}

func (e *Error) Error() string { return e.Message }

// New makes a refusal.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Label adds an error label.
func (e *Error) Label(label string) {
	if !slices.Contains(e.Labels, label) {
		e.Labels = append(e.Labels, label)
	}
}
