package journal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/tillroll/tillroll/services/journal/"
	pkg    = "github.com/tillroll/tillroll/pkg/"
)

// inward says what of the service each package may import, and whether it may use what is not ours.
var inward = map[string]struct {
	ours    []string
	foreign func(path string) bool
}{
	"internal/journal": {nil, func(p string) bool { return strings.HasPrefix(p, "golang.org/x/text/") }},
	"internal/app": {[]string{"internal/journal"}, func(p string) bool {
		return !strings.Contains(p, "gin") && !strings.Contains(p, "sql") && !strings.Contains(p, "dapr")
	}},
	"internal/sqlitestore": {[]string{"internal/app", "internal/journal"}, func(p string) bool { return !strings.Contains(p, "gin-gonic") && !strings.Contains(p, "dapr") }},
	"internal/mongostore": {[]string{"internal/app", "internal/journal"}, func(p string) bool {
		return !strings.Contains(p, "gin-gonic") && !strings.Contains(p, "dapr") && !strings.Contains(p, "sql")
	}},
	"internal/httpapi":     {[]string{"internal/app", "internal/journal"}, func(p string) bool { return !strings.Contains(p, "sql") && !strings.Contains(p, "dapr") }},
	"internal/binding":     {nil, func(string) bool { return false }},
	"internal/alerts":      {[]string{"internal/app", "internal/binding"}, func(p string) bool { return !strings.Contains(p, "gin-gonic") && !strings.Contains(p, "sql") }},
	"internal/tilltest":    {[]string{"internal/journal"}, func(string) bool { return true }},
	"internal/mongotest":   {nil, func(string) bool { return true }},
	"internal/storetest":   {[]string{"internal/app", "internal/journal", "internal/tilltest"}, func(string) bool { return true }},
	"cmd/fill":             {[]string{"internal/app", "internal/journal", "internal/mongostore", "internal/sqlitestore"}, func(string) bool { return true }},
	"cmd/journal":          {[]string{"internal/alerts", "internal/app", "internal/binding", "internal/httpapi", "internal/mongostore", "internal/objectstore", "internal/sqlitestore"}, func(string) bool { return true }},
	"internal/objectstore": {[]string{"internal/binding"}, func(p string) bool { return !strings.Contains(p, "gin-gonic") && !strings.Contains(p, "sql") }},
	"cmd/journal-archiver": {[]string{"internal/app", "internal/mongostore"}, func(string) bool { return true }},
	"cmd/rebuild":          {[]string{"internal/app", "internal/sqlitestore"}, func(string) bool { return true }},
}

// values are the packages of pkg that the domain may know.
var values = []string{"canonical", "event", "identity", "money", "proof", "sequence"}

func TestImportsPointInward(t *testing.T) {
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(path))
		rule, ok := inward[from]
		require.True(t, ok, "%s has no rule here", from)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range file.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			switch of, isOurs := strings.CutPrefix(to, module); {
			case isOurs:
				require.Contains(t, rule.ours, of, "%s imports %s", path, to)
			case strings.HasPrefix(to, "github.com/tillroll/tillroll/services/"):
				t.Errorf("%s imports another service: %s", path, to)
			case strings.HasPrefix(to, pkg):
				require.True(t, from != "internal/journal" || slices.Contains(values, strings.TrimPrefix(to, pkg)), "%s imports %s", path, to)
			case strings.Contains(to, "."):
				require.True(t, rule.foreign(to), "%s imports %s", path, to)
			}
		}
		return nil
	}))
}
