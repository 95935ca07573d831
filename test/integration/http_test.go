package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// httpFile runs a file of requests as an editor does, in order.
type httpFile struct {
	t         *testing.T
	tokens    map[string]string // {{$dotenv NAME}}
	variables map[string]string // @name = value
	answers   map[string]any    // by @name
	documents map[string]map[string]any
}

var (
	placeholder = regexp.MustCompile(`\{\{([^}]+)\}\}`)
	indexed     = regexp.MustCompile(`^(\w+)\[(\d+)\]$`)
)

// run sends every request of a file and gives the status of each, by its title.
func (f *httpFile) run(name string) map[string]int {
	f.t.Helper()
	raw, err := os.ReadFile(filepath.Join(running.Root, "http", name))
	require.NoError(f.t, err)
	statuses := map[string]int{}
	for i, part := range strings.Split("\n"+string(raw), "\n###") {
		title, rest, _ := strings.Cut(part, "\n")
		if i == 0 {
			f.declare(rest)
			continue
		}
		title = strings.TrimSpace(title)
		statuses[title] = f.send(title, rest)
	}
	return statuses
}

func (f *httpFile) declare(text string) {
	for _, line := range strings.Split(text, "\n") {
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "@"), " = "); ok && strings.HasPrefix(line, "@") {
			f.variables[name] = localPort.ReplaceAllStringFunc(value, func(address string) string {
				port, err := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
				require.NoError(f.t, err)
				return "127.0.0.1:" + strconv.Itoa(port+running.Offset)
			})
		}
	}
}

func (f *httpFile) send(title, text string) int {
	f.t.Helper()
	name := ""
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for strings.HasPrefix(lines[0], "#") {
		if n, ok := strings.CutPrefix(lines[0], "# @name "); ok {
			name = n
		}
		lines = lines[1:]
	}
	head, body, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
	first, headers, _ := strings.Cut(head, "\n")
	method, url, _ := strings.Cut(first, " ")
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.fill(url), strings.NewReader(f.fill(body)))
	require.NoError(f.t, err, title)
	for _, line := range strings.Split(headers, "\n") {
		if key, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Set(key, f.fill(value))
		}
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(f.t, err, title)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(f.t, err, title)
	var answer any
	if len(bytes.TrimSpace(raw)) > 0 {
		require.NoError(f.t, json.Unmarshal(raw, &answer), "%s: %s", title, raw)
	}
	f.answers[name] = answer
	f.documented(r, res.StatusCode)
	return res.StatusCode
}

// fill replaces what stands in braces.
func (f *httpFile) fill(text string) string {
	for placeholder.MatchString(text) {
		text = placeholder.ReplaceAllStringFunc(text, func(match string) string {
			what := strings.TrimSpace(match[2 : len(match)-2])
			if name, ok := strings.CutPrefix(what, "$dotenv "); ok {
				return f.tokens[name]
			}
			if what == "$guid" {
				return uuid.NewString()
			}
			if name, path, ok := strings.Cut(what, ".response.body.$."); ok {
				return f.pick(f.answers[name], path)
			}
			value, known := f.variables[what]
			require.True(f.t, known, "%s is not declared", match)
			return value
		})
	}
	return text
}

func (f *httpFile) pick(answer any, path string) string {
	for _, step := range strings.Split(path, ".") {
		at := -1
		if m := indexed.FindStringSubmatch(step); m != nil {
			step = m[1]
			at, _ = strconv.Atoi(m[2])
		}
		object, _ := answer.(map[string]any)
		answer = object[step]
		if at >= 0 {
			list, _ := answer.([]any)
			require.Greater(f.t, len(list), at, path)
			answer = list[at]
		}
	}
	return fmt.Sprint(answer)
}

// documented looks the request and the status up in what the running service says of itself.
func (f *httpFile) documented(r *http.Request, status int) {
	f.t.Helper()
	host := r.URL.Host
	if f.documents[host] == nil {
		f.documents[host] = description(f.t, "http://"+host)
	}
	paths, _ := f.documents[host]["paths"].(map[string]any)
	for pattern, operations := range paths {
		if !matches(pattern, r.URL.Path) {
			continue
		}
		operation, _ := operations.(map[string]any)[strings.ToLower(r.Method)].(map[string]any)
		if operation == nil {
			continue
		}
		responses, _ := operation["responses"].(map[string]any)
		assert.Contains(f.t, responses, strconv.Itoa(status), "%s %s", r.Method, pattern)
		return
	}
	f.t.Errorf("%s %s is not documented", r.Method, r.URL.Path)
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

// description is a service's own OpenAPI document.
func description(t *testing.T, service string) map[string]any {
	t.Helper()
	res, err := http.Get(service + "/openapi.json") //nolint:noctx // a test
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var doc map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&doc))
	return doc
}

// The files under http/ are sent as they stand there, to a tenant of their own.
func TestTheRequestFilesWork(t *testing.T) {
	f := &httpFile{t: t, tokens: map[string]string{}, variables: map[string]string{}, answers: map[string]any{}, documents: map[string]map[string]any{}}
	for _, role := range []string{"platform", "administrator", "auditor"} {
		token, err := running.Token(role, "shop")
		require.NoError(t, err)
		f.tokens[strings.ToUpper(role)] = token
	}
	for title, status := range f.run("sale.http") {
		assert.Less(t, status, 300, title)
	}
	for wait := time.Now(); time.Since(wait) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
		if f.arrived() {
			break
		}
	}
	for title, status := range f.run("journal.http") {
		if strings.Contains(title, "cannot be understood") {
			assert.Equal(t, http.StatusUnprocessableEntity, status, title)
			continue
		}
		assert.Equal(t, http.StatusOK, status, title)
	}
	sales, _ := f.answers["sales"].(map[string]any)
	assert.EqualValues(t, 1, sales["total"])
}

// arrived is true when the journal has the close, the last of the day.
func (f *httpFile) arrived() bool {
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, running.URL("journal")+"/api/v1/tenants/shop/journals?transactionType=302", nil)
	require.NoError(f.t, err)
	r.Header.Set("Authorization", "Bearer "+f.tokens["AUDITOR"])
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var found struct {
		Total int `json:"total"`
	}
	return json.NewDecoder(res.Body).Decode(&found) == nil && found.Total > 0
}
