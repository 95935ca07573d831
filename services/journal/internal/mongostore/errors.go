package mongostore

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// Codes of the server that mean something here.
const (
	codeNamespaceExists     = 48
	codeMaxTimeExpired      = 50
	codeNotAllowed          = 13
	codeNoSuchIndex         = 27
	codeIndexOptionsDiffer  = 85
	codeIndexKeysDiffer     = 86
	codeTransactionTooLarge = 257
)

// Labels by which server and driver say how to go on.
const (
	labelTransient     = "TransientTransactionError"
	labelUnknownCommit = "UnknownTransactionCommitResult"
)

// refused are the codes with which the server says that it will never take a document: too large, or
// against a rule of the collection.
var refused = []int{121, 10334, 17280, 17419, 17420, codeTransactionTooLarge}

// classify says whether a failure is the data's own fault, which no repetition mends, or a passing
// one. Everything that is not surely the first is the second: an event must not end in quarantine
// because a server is in trouble. Errors of the port pass as they are.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case app.Classified(err):
		return err
	case errors.Is(err, driver.ErrDocumentTooLarge), hasCode(err, refused...):
		return fmt.Errorf("%w: %w", app.ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", app.ErrUnavailable, err)
}

// unreachable says why a server cannot be used that was asked for the first time. What the driver says
// stands behind it: it names hosts, never credentials.
func unreachable(err error) error {
	var none topology.ServerSelectionError
	switch {
	// When another connection of the pool was refused first, the driver quotes its error in words only.
	case strings.Contains(err.Error(), "(AuthenticationFailed)"):
		return errors.New("the MongoDB server does not accept user and password: look at both, and at authSource, the database that knows the user")
	case errors.As(err, &none):
		return fmt.Errorf("%w: no primary of the MongoDB replica set answers, look at the hosts, at replicaSet and at tls: %w", app.ErrUnavailable, err)
	}
	return classify(err)
}

func hasCode(err error, codes ...int) bool {
	var server mongo.ServerError
	if !errors.As(err, &server) {
		return false
	}
	for _, code := range codes {
		if server.HasErrorCode(code) {
			return true
		}
	}
	return false
}

func hasLabel(err error, label string) bool {
	var labelled mongo.LabeledError
	return errors.As(err, &labelled) && labelled.HasErrorLabel(label)
}
