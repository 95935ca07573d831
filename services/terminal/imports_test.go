// Package terminal_test holds the service to the direction of its imports.
package terminal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	pkg  = "github.com/tillroll/tillroll/pkg/"
	here = "github.com/tillroll/tillroll/services/terminal/internal/"
)

// allowed is what each room may import of the product; what is outside of it follows from there. A
// room that is not listed may import anything.
var allowed = map[string][]string{
	"internal/slip":      {pkg + "layout", pkg + "money"},
	"internal/terminal":  {pkg + "event", pkg + "identity", pkg + "layout", pkg + "money", pkg + "problem", here + "slip"},
	"internal/pin":       {},
	"internal/documents": {pkg + "state"},
	"internal/app": {
		pkg + "auth", pkg + "event", pkg + "idempotency", pkg + "identity", pkg + "money", pkg + "outbox", pkg + "problem", pkg + "proof", pkg + "state",
		here + "documents", here + "slip", here + "terminal",
	},
}

// pure rooms take nothing from outside the standard library but what is listed.
var pure = map[string]bool{"internal/slip": true, "internal/terminal": true, "internal/documents": true}

func TestImportsPointInward(t *testing.T) {
	err := filepath.WalkDir("internal", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(path))
		list, limited := allowed[room]
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if strings.HasPrefix(name, "github.com/tillroll/") {
				assert.True(t, !limited || slices.Contains(list, name), "%s imports %s", path, name)
				assert.False(t, strings.Contains(name, "/services/") && !strings.HasPrefix(name, here), "%s imports another service", path)
			} else {
				assert.False(t, pure[room] && strings.Contains(strings.Split(name, "/")[0], "."), "%s imports %s", path, name)
			}
			assert.NotEqual(t, here+"apptest", name, "only tests import apptest")
		}
		return nil
	})
	require.NoError(t, err)
}
