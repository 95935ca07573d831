package stack

import (
	"fmt"
	"os"
	"testing"
)

// Note says something about the run that must be read also when everything passes, such as what could
// not be tested: go test hides what a passing package prints, .ci/test-stack shows the notes at its end.
func Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(os.Stderr, text)
	name := os.Getenv("TILLROLL_TEST_NOTES")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // named by .ci/test-stack
	if err != nil {
		return
	}
	_, _ = fmt.Fprintln(file, text)
	_ = file.Close()
}

// Skip skips a test and notes why.
func Skip(t testing.TB, why error) {
	t.Helper()
	Note("SKIPPED %s: %v", t.Name(), why)
	t.Skip(why)
}
