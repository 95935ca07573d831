package problem_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/problem"
)

func TestDocument(t *testing.T) {
	e := problem.Invalid.New("%d things are wrong", 1).WithFields(problem.Field{Name: "a", Rule: "required", Message: "must be given"}).After(time.Second).Because(errors.New("secret"))
	assert.JSONEq(t, `{"type":"urn:tillroll:problem:invalid-input","title":"The request breaks a rule","status":422,"code":300001,
		"detail":"1 things are wrong","hint":"Mend the fields named in errors and send it again.","errors":[{"name":"a","rule":"required","message":"must be given"}],"traceId":"t"}`, string(e.Document("t")))
	assert.NotContains(t, string(e.Document("")), "secret")
	assert.Contains(t, e.Error(), "secret", "the log has the cause")
}

func TestOf(t *testing.T) {
	cause := errors.New("disk on fire")
	wrapped := fmt.Errorf("while billing: %w", problem.Conflict.New("").Because(cause))
	assert.True(t, problem.Is(wrapped, problem.Conflict))
	assert.ErrorIs(t, wrapped, cause)
	assert.Same(t, problem.Conflict, problem.Of(wrapped).Kind)
	other := problem.Of(cause)
	assert.Same(t, problem.Unexpected, other.Kind)
	assert.NotContains(t, string(other.Document("")), "fire", "nothing internal leaks")
	assert.ErrorIs(t, other, cause)
}

func TestTheCatalogueIsSound(t *testing.T) {
	codes, names := map[int]bool{}, map[string]bool{}
	for _, k := range problem.Common {
		assert.False(t, codes[k.Code], "code %d twice", k.Code)
		assert.False(t, names[k.Name], "name %s twice", k.Name)
		codes[k.Code], names[k.Name] = true, true
		assert.NotEmpty(t, k.Title)
		assert.NotEmpty(t, k.Hint)
		assert.GreaterOrEqual(t, k.Status, 400)
	}
}
