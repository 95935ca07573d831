package jetstreampull

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

// settings is the component's metadata after validation.
type settings struct {
	url            string        // of the broker; several with commas
	user           string        // both or neither with password
	password       string        //
	consumerID     string        // the app's name at the broker; daprd fills in the app id
	maxAge         time.Duration // how long a stream keeps a message, taken or not
	ackWait        time.Duration // a message is delivered again when nothing was heard of it for so long
	nakDelay       time.Duration // pause before a message that failed is delivered again
	publishTimeout time.Duration // for the stream's confirmation
	drainTimeout   time.Duration // what bulk handlers in hand get to finish after a stop
	workers        int           // messages handled at once in a subscription
	bulkWorkers    int           // batches handled at once in a bulk subscription
}

func defaultSettings() settings {
	return settings{
		maxAge:         7 * 24 * time.Hour,
		ackWait:        30 * time.Second,
		nakDelay:       time.Second,
		publishTimeout: 5 * time.Second,
		drainTimeout:   5 * time.Second,
		workers:        16,
		bulkWorkers:    4,
	}
}

// field reads one metadata value into the settings.
type field func(*settings, string) error

// fields is every metadata name that the component understands.
var fields = map[string]field{
	"url":                       func(s *settings, v string) error { s.url = v; return validateURL(v) },
	"user":                      func(s *settings, v string) error { s.user = v; return nil },
	"password":                  func(s *settings, v string) error { s.password = v; return nil },
	pubsub.RuntimeConsumerIDKey: func(s *settings, v string) error { s.consumerID = v; return nil },
	"maxAge":                    duration(time.Second, 10*365*24*time.Hour, func(s *settings) *time.Duration { return &s.maxAge }),
	"ackWait":                   duration(time.Second, time.Hour, func(s *settings) *time.Duration { return &s.ackWait }),
	"nakDelay":                  duration(time.Millisecond, time.Hour, func(s *settings) *time.Duration { return &s.nakDelay }),
	"publishTimeout":            duration(100*time.Millisecond, 5*time.Minute, func(s *settings) *time.Duration { return &s.publishTimeout }),
	"drainTimeout":              duration(0, 5*time.Minute, func(s *settings) *time.Duration { return &s.drainTimeout }),
	"workers":                   count(1000, func(s *settings) *int { return &s.workers }),
	"bulkWorkers":               count(100, func(s *settings) *int { return &s.bulkWorkers }),
}

// runtimeFields are names that daprd reads from the same metadata.
var runtimeFields = []string{"publishingScopes", "subscriptionScopes", "allowedTopics", "protectedTopics"}

// parseSettings refuses names it does not know: a mistyped limit that is
// silently ignored shows only on the day on which it is needed.
func parseSettings(properties map[string]string) (settings, error) {
	s := defaultSettings()
	for name, value := range properties {
		if err := s.set(name, value); err != nil {
			return settings{}, err
		}
	}
	return s, s.validate()
}

func (s *settings) set(name, value string) error {
	for known, read := range fields {
		if !strings.EqualFold(known, name) { // daprd's own names ignore case too
			continue
		}
		if err := read(s, strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("metadata %s: %w", known, err)
		}
		return nil
	}
	if slices.ContainsFunc(runtimeFields, func(known string) bool { return strings.EqualFold(known, name) }) {
		return nil
	}
	known := slices.Sorted(maps.Keys(fields))
	return fmt.Errorf("metadata %s is unknown: use %s", name, strings.Join(append(known, runtimeFields...), ", "))
}

func (s *settings) validate() error {
	switch {
	case s.url == "":
		return errors.New("metadata url is missing: give the broker's address, such as nats://127.0.0.1:4222")
	case s.consumerID == "":
		return errors.New("metadata consumerID is missing: daprd sets it to the app id, so start daprd with --app-id")
	case (s.user == "") != (s.password == ""):
		return errors.New("metadata user and password belong together: give both, or none for a broker without users")
	}
	return nil
}

func validateURL(value string) error {
	for address := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		switch {
		case err != nil: // the parser's message repeats the value, which may hold a password
			return errors.New("this is no URL: write nats://host:port")
		case u.Scheme != "nats" && u.Scheme != "tls", u.Hostname() == "":
			return fmt.Errorf("%q is no broker address: write nats://host:port or tls://host:port", u.Redacted())
		case u.User != nil:
			return errors.New("it contains a user: move it to the metadata user and password, because addresses are logged")
		}
	}
	return nil
}

func duration(low, high time.Duration, at func(*settings) *time.Duration) field {
	return func(s *settings, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%q is no duration: write a number with a unit, such as 30s or 168h", value)
		}
		if d < low || d > high {
			return fmt.Errorf("%s is out of range: use %s to %s", d, low, high)
		}
		*at(s) = d
		return nil
	}
}

func count(high int, at func(*settings) *int) field {
	return func(s *settings, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > high {
			return fmt.Errorf("%q is out of range: use a whole number from 1 to %d", value, high)
		}
		*at(s) = n
		return nil
	}
}
