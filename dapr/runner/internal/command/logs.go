package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/logfile"
	"github.com/tillroll/tillroll/dapr/runner/internal/logline"
)

// logs shows what all programs have logged, merged, or what one has.
func logs(ctx context.Context, call *invocation) error {
	dir := filepath.Join(call.data, "logs")
	names, err := call.chooseLogs(logfile.Names(dir))
	if err != nil {
		return err
	}
	view := newLogView(call.out, names, len(call.words) > 0)
	tail := logfile.NewTail(dir, names)
	entries, err := tail.Next()
	if err != nil {
		return err
	}
	view.show(lastOf(view.choose(entries), call.lines))
	if !call.follow {
		return nil
	}
	return tail.Follow(ctx, func(entries []logfile.Entry) { view.show(view.choose(entries)) })
}

// chooseLogs turns the words of the command line into logs. An app's name means
// its sidecar, too.
func (c *invocation) chooseLogs(all []string) ([]string, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no logs in %s yet: start the stack with `make run` or `make up`", c.show(c.data))
	}
	if len(c.words) == 0 {
		return all, nil
	}
	var chosen []string
	for _, word := range c.words {
		known := len(chosen)
		for _, name := range all {
			if name == word || name == word+".daprd" {
				chosen = append(chosen, name)
			}
		}
		if len(chosen) == known {
			return nil, fmt.Errorf("there is no log of %q; there are %s", word, strings.Join(all, ", "))
		}
	}
	return chosen, nil
}

// logView prints entries that weigh enough.
type logView struct {
	out    io.Writer
	format logline.Format
	least  map[string]logline.Level
}

// newLogView shows a log in full when it was asked for by name and is the only
// one; among others a sidecar is shown from warnings up.
func newLogView(out io.Writer, names []string, byName bool) *logView {
	v := &logView{out: out, least: map[string]logline.Level{}, format: logline.Format{Colour: coloured(out)}}
	for _, name := range names {
		v.format.NameWidth = max(v.format.NameWidth, len(name))
		v.least[name] = leastShown(name)
		if byName && len(names) == 1 {
			v.least[name] = logline.Debug
		}
	}
	return v
}

func (v *logView) choose(entries []logfile.Entry) []logfile.Entry {
	return slices.DeleteFunc(entries, func(e logfile.Entry) bool {
		return !isShown(e.Record, v.least[e.Name])
	})
}

func (v *logView) show(entries []logfile.Entry) {
	for _, entry := range entries {
		fmt.Fprintln(v.out, v.format.Line(entry.Name, entry.Record, time.Now()))
	}
}

// lastOf is the last n entries, or all when n is 0.
func lastOf(entries []logfile.Entry, n int) []logfile.Entry {
	if n <= 0 || n >= len(entries) {
		return entries
	}
	return entries[len(entries)-n:]
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
