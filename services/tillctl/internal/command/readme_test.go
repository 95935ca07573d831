package command

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every command line in the README can be typed, and there is one for every verb.
func TestTheReadmeCanBeTyped(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	typed := map[string]bool{}
	for _, args := range regexp.MustCompile(`(?m)^(?:source <\()?tillctl ([^\n)]*)\)?$`).FindAllStringSubmatch(string(raw), -1) {
		var l line
		parsed, err := newParser(&l, World{Out: io.Discard, Err: io.Discard}, func(int) {}).Parse(words(args[1]))
		if assert.NoError(t, err, args[0]) {
			typed[strings.SplitN(parsed.Command(), " <", 2)[0]] = true
		}
	}
	for _, verb := range newParser(&line{}, World{}, nil).Model.Leaves(true) {
		name := strings.TrimPrefix(verb.FullPath(), "tillctl ")
		assert.True(t, typed[name], "the README has no example of %s", name)
	}
}

// So can those of the runbook, which somebody types who has other worries.
func TestTheRunbookCanBeTyped(t *testing.T) {
	raw, err := os.ReadFile("../../../../k8s/monitoring/RUNBOOK.md")
	require.NoError(t, err)
	typed := regexp.MustCompile(`(?m)^    tillctl (.*)$`).FindAllStringSubmatch(string(raw), -1)
	require.Greater(t, len(typed), 8)
	for _, args := range typed {
		var l line
		_, err := newParser(&l, World{Out: io.Discard, Err: io.Discard}, func(int) {}).Parse(words(args[1]))
		assert.NoError(t, err, args[0])
	}
}

// words takes a line apart as a shell would, quotes included.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
