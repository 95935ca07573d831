// Package daprstate is the state port over a Dapr sidecar.
package daprstate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tillroll/tillroll/pkg/state"
)

// callTimeout bounds every call: a store that hangs is a store that is away.
const callTimeout = 5 * time.Second

// parallelGets is how many keys of one bulk read the sidecar fetches at once.
const parallelGets = 10

// Store implements state.Store on one Dapr state component.
type Store struct {
	client    dapr.Client
	component string
}

// New uses the component of that name. Call Check before trusting it with an outbox.
func New(client dapr.Client, component string) *Store {
	return &Store{client: client, component: component}
}

// Get implements state.Store.
func (s *Store) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if len(keys) == 1 {
		item, err := s.client.GetState(ctx, s.component, keys[0], nil)
		if err != nil {
			return nil, unavailable(err)
		}
		return []state.Item{{Key: keys[0], Value: item.Value, ETag: item.Etag}}, nil
	}
	bulk, err := s.client.GetBulkState(ctx, s.component, keys, nil, parallelGets)
	if err != nil {
		return nil, unavailable(err)
	}
	found := make(map[string]state.Item, len(bulk))
	for _, item := range bulk {
		if item.Error != "" {
			return nil, unavailable(errors.New(item.Error))
		}
		found[item.Key] = state.Item{Key: item.Key, Value: item.Value, ETag: item.Etag}
	}
	out := make([]state.Item, len(keys))
	for i, k := range keys {
		out[i] = found[k]
		out[i].Key = k
	}
	return out, nil
}

// Write implements state.Store.
func (s *Store) Write(ctx context.Context, ops ...state.Op) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	batch := make([]*dapr.StateOperation, len(ops))
	for i, op := range ops {
		batch[i] = operation(op)
	}
	if err := s.client.ExecuteStateTransaction(ctx, s.component, nil, batch); err != nil {
		if isConflict(err) {
			return fmt.Errorf("%w: %s", state.ErrConflict, status.Convert(err).Message())
		}
		return unavailable(err)
	}
	return nil
}

func operation(op state.Op) *dapr.StateOperation {
	item := &dapr.SetStateItem{Key: op.Key, Value: op.Value}
	if !op.Blind {
		item.Options = &dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite, Consistency: dapr.StateConsistencyStrong}
		if op.ETag != "" {
			item.Etag = &dapr.ETag{Value: op.ETag}
		}
	}
	if op.Value == nil {
		return &dapr.StateOperation{Type: dapr.StateOperationTypeDelete, Item: item}
	}
	if op.Expire > 0 {
		item.Metadata = map[string]string{"ttlInSeconds": strconv.FormatInt(int64(op.Expire/time.Second), 10)}
	}
	return &dapr.StateOperation{Type: dapr.StateOperationTypeUpsert, Item: item}
}

// isConflict recognises a lost first-write race. A plain save says Aborted; inside a transaction
// every store says Internal and only the text tells.
func isConflict(err error) bool {
	st := status.Convert(err)
	if st.Code() == codes.Aborted {
		return true
	}
	text := strings.ToLower(st.Message())
	for _, sign := range []string{"etag", "no item was updated", "no rows affected", "unique constraint"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", state.ErrUnavailable, err) }

// Check proves that the component keeps its transactions atomic: a write with a stale ETag must take
// everything beside it down. Stores that only say they can (Redis writes the rest) lose events, so a
// service refuses to start on them. The ETag is a real one of the store that has become stale: one
// that was made up may be refused for its form alone, which proves nothing.
func (s *Store) Check(ctx context.Context) error {
	const witness, guard = "start-check/witness", "start-check/guard"
	if err := s.Write(ctx, state.Delete(witness), state.Op{Key: guard, Value: []byte(`1`), Blind: true}); err != nil {
		return err
	}
	current, err := state.Get(ctx, s, guard)
	if err != nil {
		return err
	}
	if err := s.Write(ctx, state.Op{Key: guard, Value: []byte(`2`), Blind: true}); err != nil {
		return err
	}
	stale := s.Write(ctx,
		state.Op{Key: witness, Value: []byte(`1`), Blind: true},
		state.Op{Key: guard, Value: []byte(`3`), ETag: current.ETag})
	left, err := state.Get(ctx, s, witness)
	if err != nil {
		return err
	}
	if stale == nil || left.Exists() {
		return fmt.Errorf("state component %q has no atomic transactions with ETags: use state.sqlite, or state.postgresql with version v2; Redis does not do", s.component)
	}
	if !errors.Is(stale, state.ErrConflict) {
		return stale // it did not answer, so it has proven nothing
	}
	return nil
}
