// Package architecture holds the code to the layout: imports point inward, services know nothing of
// each other, and the database driver stays in its adapter.
package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/tillroll/tillroll/"

// file is one Go file: where it stands and what it imports.
type file struct {
	path    string // from the root of the repository
	dir     string
	pkg     string
	imports []string
	ast     *ast.File
}

func files(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	var all []file
	for _, top := range []string{"pkg", "services", "dapr", "test"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, top), func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
				return err
			}
			src, err := os.ReadFile(name) //nolint:gosec // our own sources
			if err != nil {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			f := file{path: filepath.ToSlash(rel), dir: path.Dir(filepath.ToSlash(rel)), pkg: parsed.Name.Name, ast: parsed}
			for _, spec := range parsed.Imports {
				f.imports = append(f.imports, strings.Trim(spec.Path.Value, `"`))
			}
			all = append(all, f)
			return err
		}))
	}
	require.Greater(t, len(all), 50, "the walk must find the code")
	return all
}

// rule forbids imports. A file that matches From must not import what matches Forbid, unless Allow
// matches it.
type rule struct{ name, from, forbid, allow string }

var rules = []rule{
	{"pkg imports no service", `^pkg/`, module + `(services|dapr|test)/`, ``},
	{"a service imports no other service, nor tests", `^services/`, module + `(services|dapr|test)/`, `SELF`},
	{"the domain knows the standard library and value types only", `^services/([a-z]+)/internal/(terminal|cart|journal|register|slip)/`, `\.`,
		`^(` + module + `pkg/(money|identity|event|canonical|sequence|problem|layout|plain|proof)|` + module + `services/(terminal/internal/slip|cart/internal/cart)|golang\.org/x/text/.*)$`},
	{"use cases know no adapter", `^services/([a-z]+)/internal/app/`, module + `services/[a-z]+/internal/(httpapi|sqlitestore|mongostore|catalogfile)`, ``},
	{"use cases know no driver, no web framework and no sidecar", `^services/(terminal|cart|journal)/internal/app/`, `^(database/sql|github.com/gin-gonic/|go.mongodb.org/|modernc.org/|github.com/dapr/)`, ``},
	{"stores know no routes", `^services/([a-z]+)/internal/(sqlitestore|mongostore)/`, module + `services/[a-z]+/internal/httpapi`, ``},
	{"the MongoDB driver stays in mongostore, and in tillctl's mongoadmin", `^(pkg|services)/`, `^go\.mongodb\.org/`, `IN mongo`},
	{"SQLite stays in sqlitestore", `^(pkg|services/(cart|journal|terminal))/`, `^(modernc\.org/sqlite|database/sql$)`, `IN sqlitestore`},
	{"tillctl knows SQLite only to copy it", `^services/tillctl/`, `^(modernc\.org/sqlite|database/sql$)`, `IN tillctl/internal/backup`},
	{"time, state and money packages know no transport", `^pkg/(money|identity|event|canonical|sequence|problem|layout|plain|idempotency)/`, `^(net/http|github.com/gin-gonic/|github.com/dapr/)`, `^net/http$`},
}

func (r rule) broken(f file, imported string) bool {
	if strings.HasSuffix(f.path, "_test.go") || !regexp.MustCompile(r.from).MatchString(f.path) || !regexp.MustCompile(r.forbid).MatchString(imported) {
		return false
	}
	switch {
	case r.allow == "SELF":
		service := strings.Join(strings.Split(f.path, "/")[:2], "/")
		return !strings.HasPrefix(imported, module+service+"/")
	case strings.HasPrefix(r.allow, "IN "):
		return !strings.Contains(f.dir, "/"+strings.TrimPrefix(r.allow, "IN "))
	case r.allow != "":
		return !regexp.MustCompile(r.allow).MatchString(imported)
	}
	return true
}

func TestImportsPointInward(t *testing.T) {
	all := files(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			matched := 0
			for _, f := range all {
				if regexp.MustCompile(r.from).MatchString(f.path) {
					matched++
				}
				for _, imported := range f.imports {
					assert.False(t, r.broken(f, imported), "%s imports %s", f.path, imported)
				}
			}
			assert.Positive(t, matched, "the rule applies to no file: is its pattern still right?")
		})
	}
}

// A rule that cannot fail is no rule: each is shown a file that breaks it.
func TestRulesCanFail(t *testing.T) {
	for i, c := range []struct{ path, imported string }{
		{"pkg/money/x.go", module + "services/cart/internal/cart"},
		{"services/cart/internal/app/x.go", module + "services/journal/internal/app"},
		{"services/cart/internal/cart/x.go", "github.com/gin-gonic/gin"},
		{"services/journal/internal/app/x.go", module + "services/journal/internal/sqlitestore"},
		{"services/journal/internal/app/x.go", "database/sql"},
		{"services/journal/internal/sqlitestore/x.go", module + "services/journal/internal/httpapi"},
		{"services/journal/internal/app/x.go", "go.mongodb.org/mongo-driver/mongo"},
		{"services/journal/internal/app/x.go", "modernc.org/sqlite"},
		{"services/tillctl/internal/command/x.go", "database/sql"},
		{"pkg/event/x.go", "github.com/gin-gonic/gin"},
	} {
		assert.True(t, rules[i].broken(file{path: c.path, dir: path.Dir(c.path)}, c.imported), rules[i].name)
	}
}

func TestNamesSaySomething(t *testing.T) {
	for _, f := range files(t) {
		assert.False(t, slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "base", "models", "misc"}, strings.TrimSuffix(f.pkg, "_test")), f.path)
	}
}

// Every package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented, example := map[string]bool{}, map[string]string{}
	for _, f := range files(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		example[f.dir] = f.path
		if f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40 {
			documented[f.dir] = true
		}
	}
	for dir, name := range example {
		assert.True(t, documented[dir], "no package comment in %s (%s)", dir, name)
	}
}
