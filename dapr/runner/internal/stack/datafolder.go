package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// The names in secrets/APP.json that the runner itself needs. All other secrets
// are read by the sidecar and the app.
const (
	// appToken proves to an app that a request comes from its sidecar.
	appToken = "app-token"
	// apiToken proves to a sidecar that a request comes from its app.
	apiToken = "api-token"
)

// MakeFolders makes the folders that no program makes for itself: SQLite makes a
// file, but not the folder that it is in.
func MakeFolders(data string) error {
	return os.MkdirAll(filepath.Join(data, "state"), 0o700)
}

// AddSecrets gives every program the tokens of its app, and nobody else's.
func AddSecrets(programs []Program, data string) error {
	hasApp := map[string]bool{}
	for _, program := range programs {
		hasApp[program.App] = hasApp[program.App] || program.Kind == App
	}
	for i := range programs {
		program := &programs[i]
		if program.App == "" {
			continue
		}
		secrets, err := readSecrets(data, program.App, hasApp[program.App])
		if err != nil {
			return err
		}
		maps.Copy(program.Variables, secrets)
	}
	return nil
}

func readSecrets(data, app string, hasApp bool) (map[string]string, error) {
	path := filepath.Join(data, "secrets", app+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the secrets of %s cannot be read: %w", app, err)
	}
	var secrets map[string]any
	if err := json.Unmarshal(text, &secrets); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	needed := map[string]string{"DAPR_API_TOKEN": apiToken}
	if hasApp {
		needed["APP_API_TOKEN"] = appToken
	}
	variables := map[string]string{}
	for _, variable := range sortedKeys(needed) {
		value, _ := secrets[needed[variable]].(string)
		if value == "" {
			// Without a token every program on this machine could call the sidecar.
			return nil, fmt.Errorf("%s has no %q: add one, any long random text will do", path, needed[variable])
		}
		variables[variable] = value
	}
	return variables, nil
}
