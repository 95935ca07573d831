package command

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// example is a line of a help text that can be typed; what a shell does around it is cut off.
var example = regexp.MustCompile(`(?m)^    (?:source <\(|[a-z ]+&& |xargs )?tillctl (.*)$`)

// Every verb's help has an example of that very verb, and every example in any help can be typed.
func TestEveryHelpHasAnExampleThatCanBeTyped(t *testing.T) {
	model := newParser(&line{}, World{Out: io.Discard, Err: io.Discard}, nil).Model
	shown := map[string]bool{}
	var visit func(node *kong.Node)
	visit = func(node *kong.Node) {
		for _, found := range example.FindAllStringSubmatch(node.Detail, -1) {
			piped := regexp.MustCompile(`\| xargs (tillctl .*)$`).ReplaceAllString(found[1], "| $1 AN_ID")
			for _, command := range strings.Split(piped, "tillctl ") {
				verb, err := typeIn(command)
				if assert.NoError(t, err, "%s: %s", node.FullPath(), found[0]) {
					shown[verb+" in "+node.FullPath()] = true
				}
			}
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(model.Node)
	leaves := model.Leaves(true)
	require.Greater(t, len(leaves), 25)
	for _, leaf := range leaves {
		name := strings.TrimPrefix(leaf.FullPath(), "tillctl ")
		assert.True(t, shown[name+" in "+leaf.FullPath()], "the help of %s has no example of it", name)
	}
}

// typeIn parses a command as it is typed, up to what a shell does with it, and gives its verb.
func typeIn(command string) (string, error) {
	var l line
	command = regexp.MustCompile(` +(?:#|\||>|&&| \().*$`).ReplaceAllString(command+" ", "")
	args := words(strings.TrimRight(strings.TrimSpace(command), ")"))
	if len(args) == 0 {
		return "", errors.New("nothing to type")
	}
	parsed, err := newParser(&l, World{Out: io.Discard, Err: io.Discard}, func(int) {}).Parse(args)
	if err != nil {
		return "", err
	}
	return regexp.MustCompile(` [<\[].*`).ReplaceAllString(parsed.Command(), ""), nil
}

// What people read in a window of 80 columns: no line of a help text is cut into pieces.
func TestHelpIsWrittenForAWindow(t *testing.T) {
	for _, leaf := range newParser(&line{}, World{}, nil).Model.Leaves(true) {
		var out bytes.Buffer
		args := append(strings.Fields(strings.TrimPrefix(leaf.FullPath(), "tillctl ")), "--help")
		require.Equal(t, 0, Run(t.Context(), args, World{Out: &out, Err: io.Discard}), args)
		for _, found := range example.FindAllString(leaf.Detail, -1) {
			assert.Contains(t, out.String(), strings.TrimSpace(found), "an example can be copied as it stands")
		}
		assert.NotContains(t, out.String(), "${", args)
	}
}
