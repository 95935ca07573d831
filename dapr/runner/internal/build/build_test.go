package build_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/build"
)

// workshop is a service that takes a shared module from nearby, as ours do.
type workshop struct {
	*testing.T
	root, bin string
	out       bytes.Buffer
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{T: t, root: t.TempDir()}
	w.bin = filepath.Join(w.root, "bin")
	w.write("pkg/go.mod", "module example.test/pkg\n\ngo 1.25.0\n")
	w.write("pkg/word/word.go", "package word\n\nconst Word = \"one\"\n")
	w.write("services/cart/go.mod", "module example.test/cart\n\ngo 1.25.0\n\nrequire example.test/pkg v0.0.0\n\nreplace example.test/pkg => ../../pkg\n")
	w.write("services/cart/cmd/cart/main.go", "package main\n\nimport \"example.test/pkg/word\"\n\nfunc main() { println(word.Word) }\n")
	return w
}

func (w *workshop) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

func (w *workshop) targets() []build.Target {
	return []build.Target{{Name: "cart", Dir: filepath.Join(w.root, "services/cart"), Package: "./cmd/cart"}}
}

func (w *workshop) build() ([]string, error) {
	w.out.Reset()
	return build.Builder{Bin: w.bin, Out: &w.out}.Build(context.Background(), w.targets())
}

func (w *workshop) mustBuild(why string, want int) {
	w.Helper()
	made, err := w.build()
	if err != nil {
		w.Fatalf("%s: %v", why, err)
	}
	if len(made) != want {
		w.Errorf("%s: built %v, want %d", why, made, want)
	}
}

func (w *workshop) run() string {
	w.Helper()
	out, err := exec.Command(filepath.Join(w.bin, "cart")).CombinedOutput()
	if err != nil {
		w.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestOnlyWhatChangedIsBuilt(t *testing.T) {
	w := newWorkshop(t)
	w.mustBuild("the first time", 1)
	if got := w.run(); got != "one" {
		t.Errorf("the program says %q", got)
	}
	if !strings.Contains(w.out.String(), "cart  built in") || !strings.Contains(w.out.String(), "The first time takes some minutes") {
		t.Errorf("says %q", w.out.String())
	}

	w.mustBuild("nothing changed", 0)
	if w.out.Len() > 0 {
		t.Errorf("says %q although there is nothing to do", w.out.String())
	}

	w.write("pkg/word/word.go", "package word\n\nconst Word = \"two\"\n")
	w.mustBuild("a shared package changed", 1)
	if got := w.run(); got != "two" {
		t.Errorf("the program says %q", got)
	}

	w.write("services/cart/cmd/cart/main_test.go", "package main\n")
	w.write("services/cart/.hidden/x.go", "package hidden\n")
	w.write("services/cart/testdata/x.json", "{}")
	w.write("services/cart/inner/go.mod", "module example.test/inner\n")
	w.mustBuild("tests, hidden folders, test data, other modules", 0)

	w.write("services/cart/cmd/cart/page.html", "<p>")
	w.mustBuild("a file that may be embedded", 1)

	w.write("services/cart/build.flags", "-s\n-w\n")
	w.mustBuild("linker flags", 1)

	if err := os.Remove(filepath.Join(w.bin, "cart")); err != nil {
		t.Fatal(err)
	}
	w.mustBuild("the program is gone", 1)

	w.write("bin/cart", "something else")
	w.mustBuild("the program was replaced by hand", 1)
}

func TestTheCheckIsQuick(t *testing.T) {
	w := newWorkshop(t)
	w.mustBuild("the first time", 1)
	began := time.Now()
	w.mustBuild("nothing changed", 0)
	// The promise is 100 ms for the whole stack; a busy machine gets some more.
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAFailureShowsTheCompilerAndKeepsTheOldProgram(t *testing.T) {
	w := newWorkshop(t)
	w.mustBuild("the first time", 1)
	w.write("pkg/word/word.go", "package word\n\nconst Word = unknown\n")
	_, err := w.build()
	if err == nil || !strings.Contains(err.Error(), "cart could not be built") || !strings.Contains(err.Error(), "undefined: unknown") {
		t.Errorf("got %v", err)
	}
	if got := w.run(); got != "one" {
		t.Errorf("the program says %q", got)
	}
	leftovers, _ := filepath.Glob(filepath.Join(w.bin, ".stamps", "cart.*"))
	if len(leftovers) > 0 {
		t.Errorf("left behind: %v", leftovers)
	}
}

func TestWithoutGo(t *testing.T) {
	w := newWorkshop(t)
	t.Setenv("PATH", t.TempDir())
	if _, err := w.build(); err == nil || !strings.Contains(err.Error(), "go is not on PATH: install Go 1.25.0 or newer") {
		t.Errorf("got %v", err)
	}
}

func TestGoIsTooOld(t *testing.T) {
	w := newWorkshop(t)
	t.Setenv("GOTOOLCHAIN", "local")
	w.write("services/cart/go.mod", "module example.test/cart\n\ngo 1.999\n")
	_, err := w.build()
	if err == nil || !strings.Contains(err.Error(), "install Go 1.999 or newer") {
		t.Errorf("got %v", err)
	}
}

func TestABrokenOffBuildSaysSo(t *testing.T) {
	w := newWorkshop(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (build.Builder{Bin: w.bin, Out: &w.out}).Build(ctx, w.targets()); err == nil {
		t.Error("no error")
	}
}
