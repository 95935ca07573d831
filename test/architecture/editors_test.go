package architecture_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const top = "../.."

func load(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(top, path))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into), path)
}

// The container of the editor has the Go that go.work asks for, and forwards the ports of the run file.
func TestTheDevcontainerFits(t *testing.T) {
	var container struct {
		Image             string
		ForwardPorts      []int
		PostCreateCommand string
	}
	load(t, ".devcontainer/devcontainer.json", &container)
	work, err := os.ReadFile(filepath.Join(top, "go.work"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(string(work))
	require.NotNil(t, version)
	assert.Contains(t, container.Image, ":"+version[1]+"-")
	stack, err := os.ReadFile(filepath.Join(top, "dapr", "embedded.yaml"))
	require.NoError(t, err)
	var ports []string
	for _, m := range regexp.MustCompile(`(?m)^\s+appPort: (\d+)`).FindAllStringSubmatch(string(stack), -1) {
		ports = append(ports, m[1])
	}
	require.Len(t, ports, 3)
	raw, err := json.Marshal(container.ForwardPorts)
	require.NoError(t, err)
	for _, port := range ports {
		assert.Contains(t, string(raw), port)
	}
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	require.NoError(t, err)
	for _, command := range strings.Split(container.PostCreateCommand, " && ") {
		assert.Contains(t, string(makefile), "\n"+strings.TrimPrefix(command, "make ")+":", command)
	}
}

// Every service can be started under a debugger with the variables that the runner writes for it.
func TestEveryServiceHasALaunchConfiguration(t *testing.T) {
	var launch struct {
		Configurations []struct{ Name, Program, EnvFile string }
	}
	load(t, ".vscode/launch.json", &launch)
	programs := map[string]string{}
	for _, c := range launch.Configurations {
		programs[strings.TrimPrefix(c.Program, "${workspaceFolder}/")] = c.EnvFile
		assert.FileExists(t, filepath.Join(top, strings.TrimPrefix(c.Program, "${workspaceFolder}/"), "main.go"), c.Name)
	}
	for _, service := range []string{"cart", "terminal", "journal"} {
		assert.Equal(t, "${workspaceFolder}/.tillroll/env/"+service+".env", programs["services/"+service+"/cmd/"+service])
	}
}
