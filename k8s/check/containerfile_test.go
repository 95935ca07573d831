package check

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const repository = "../.."

func containerfile(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, "services", "Containerfile"))
	require.NoError(t, err)
	return string(raw)
}

func TestTheContainerfileKeepsTheRules(t *testing.T) {
	assert.Empty(t, CheckContainerfile(ParseContainerfile(containerfile(t), map[string]string{"SERVICE": "cart"})))
}

func TestContainerfileRulesCanFail(t *testing.T) {
	for name, c := range map[string]struct{ from, to, says string }{
		"latest":    {"static-debian12:nonroot", "static-debian12:latest", "name a tag"},
		"no tag":    {"golang:1.26.5\n", "golang\n", "name a tag"},
		"a distro":  {"gcr.io/distroless/static-debian12:nonroot", "debian:12", "distroless"},
		"root":      {"USER 65532:65532", "USER root", "not root's"},
		"nobody":    {"USER 65532:65532", "", "not root's"},
		"shell":     {`["/service"]`, "/service", "brackets"},
		"all of it": {"COPY pkg pkg", "COPY . .", "keys and data"},
		"download":  {"COPY pkg pkg", "ADD https://example.org/x /x", "COPY says"},
		"late run":  {"USER 65532", "RUN adduser x\nUSER 65532", "no shell"},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := strings.ReplaceAll(containerfile(t), c.from, c.to)
			require.NotEqual(t, containerfile(t), spoilt)
			assert.Contains(t, fmt.Sprint(CheckContainerfile(ParseContainerfile(spoilt, map[string]string{"SERVICE": "cart"}))), c.says)
		})
	}
}

// The commands of the container file are run as they stand there, in two folders that are not alike. The
// programs must be the same and need nothing of the image that they run in.
func TestProgramsAreStaticAndReproducible(t *testing.T) {
	for _, service := range []string{"terminal", "cart", "journal"} {
		t.Run(service, func(t *testing.T) {
			first := build(t, service, filepath.Join(t.TempDir(), "here"))
			requireStatic(t, first)
			if service != "terminal" {
				return // one service shows it; the command is the same for all
			}
			second := build(t, service, filepath.Join(t.TempDir(), "somewhere", "else"))
			require.Equal(t, hashOf(t, first), hashOf(t, second))
		})
	}
}

// build does what the first stage does, below folder instead of /.
func build(t *testing.T, service, folder string) (program string) {
	t.Helper()
	env, dir := append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOFLAGS="), folder
	program = filepath.Join(folder, "out", "service")
	ran := false
	for _, i := range ParseContainerfile(containerfile(t), map[string]string{"SERVICE": service}) {
		args := strings.Fields(i.Args)
		switch i.Name {
		case "ENV":
			env = append(env, args...)
		case "WORKDIR":
			dir = filepath.Join(folder, i.Args)
		case "COPY":
			if !strings.HasPrefix(i.Args, "--from") {
				copyTree(t, filepath.Join(repository, args[0]), filepath.Join(dir, args[1]))
			}
		case "RUN":
			script := regexp.MustCompile(`--mount=\S+`).ReplaceAllString(i.Args, "")
			require.Contains(t, script, "/out/service")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(script, "/out/service", program))
			cmd.Dir, cmd.Env = dir, env
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			ran = true
		}
	}
	require.True(t, ran)
	return program
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "testdata" { // as .dockerignore has it, here and below
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		path, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, path)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), raw, 0o644)
	}))
}

func requireStatic(t *testing.T, program string) {
	t.Helper()
	file, err := elf.Open(program)
	require.NoError(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		require.NotContains(t, []elf.ProgType{elf.PT_INTERP, elf.PT_DYNAMIC}, p.Type, "the program needs a loader, which the image has not")
	}
}

// A program that is not static is found out.
func TestADynamicProgramIsFoundOut(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: there is no ELF program at hand")
	}
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	file, err := elf.Open(shell)
	require.NoError(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	if len(libraries) == 0 {
		t.Skip("SKIPPED: the shell of this machine is static itself")
	}
	types := []elf.ProgType{}
	for _, p := range file.Progs {
		types = append(types, p.Type)
	}
	assert.Contains(t, types, elf.PT_INTERP)
}

func hashOf(t *testing.T, program string) string {
	t.Helper()
	file, err := os.Open(program)
	require.NoError(t, err)
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	require.NoError(t, err)
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// Whatever the container file copies is let through by .dockerignore, and nothing that must stay away.
func TestTheContextIsSmall(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(repository, ".dockerignore"))
	require.NoError(t, err)
	lines := strings.Split(string(raw), "\n")
	assert.Equal(t, "**", lines[1], "everything is left out first")
	for _, i := range ParseContainerfile(containerfile(t), map[string]string{"SERVICE": "cart"}) {
		if i.Name == "COPY" && !strings.HasPrefix(i.Args, "--from") {
			top, _, _ := strings.Cut(strings.Fields(i.Args)[0], "/")
			assert.Contains(t, lines, "!"+top)
		}
	}
}
