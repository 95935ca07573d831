// Package completion says how a command line can go on that somebody is still typing: verbs, flags, and what
// a flag or an argument can be. It knows the model of a command line, and none in particular.
//
// What stands in a tag decides: enum; suggest:"a,b", which are not all that there are; suggest:"@kind", for
// which the program is asked; type:"path", with the placeholder DIR for folders.
package completion

import (
	"strings"

	"github.com/alecthomas/kong"
)

// Candidate is one way to go on.
type Candidate struct{ Value, Help string }

// Files says whether the shell shall look for files itself.
type Files string

// What a shell looks for.
const (
	NoFiles   Files = ""
	AnyFile   Files = ":files"
	AnyFolder Files = ":folders"
)

// Ask gives the values of a kind that the program has to find out, such as "stores". given are the flags
// that were typed before, by name.
type Ask func(kind string, given map[string]string) []Candidate

// line is a command line as far as it was typed.
type line struct {
	node    *kong.Node
	flags   []*kong.Flag
	given   map[string]string
	used    map[*kong.Flag]bool
	pending *kong.Flag // wants the next word
	plain   bool       // after --: there are no flags any more
	args    int        // arguments that are there
}

// Complete says how words can go on, the last of which is still being typed.
func Complete(model *kong.Node, words []string, ask Ask) ([]Candidate, Files) {
	if len(words) == 0 {
		words = []string{""}
	}
	l := line{node: model, flags: model.Flags, given: map[string]string{}, used: map[*kong.Flag]bool{}}
	for _, word := range words[:len(words)-1] {
		l.read(word)
	}
	return l.goOn(words[len(words)-1], ask)
}

// read takes a whole word.
func (l *line) read(word string) {
	switch {
	case l.pending != nil:
		l.given[l.pending.Name], l.pending = word, nil
	case l.plain || word == "-" || !strings.HasPrefix(word, "-"):
		l.step(word)
	case word == "--":
		l.plain = true
	default:
		flag, value, whole := l.flag(word)
		if flag == nil {
			return
		}
		l.used[flag] = true
		switch {
		case flag.IsBool():
		case whole:
			l.given[flag.Name] = value
		default:
			l.pending = flag
		}
	}
}

// step goes to a verb, or counts an argument.
func (l *line) step(word string) {
	for _, child := range l.node.Children {
		if child.Name == word || contains(child.Aliases, word) {
			l.node, l.flags = child, append(l.flags, child.Flags...)
			return
		}
	}
	l.args++
}

// flag finds the flag that a word means, and the value in it, if it is whole.
func (l *line) flag(word string) (flag *kong.Flag, value string, whole bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, value, whole := strings.Cut(long, "=")
		for _, f := range l.flags {
			if f.Name == name || contains(f.Aliases, name) {
				return f, value, whole
			}
		}
		return nil, "", false
	}
	for _, f := range l.flags {
		if short := string(f.Short); f.Short != 0 && strings.HasPrefix(word[1:], short) {
			return f, word[1+len(short):], len(word) > 1+len(short)
		}
	}
	return nil, "", false
}

// goOn completes the word that is being typed.
func (l *line) goOn(word string, ask Ask) ([]Candidate, Files) {
	switch {
	case l.pending != nil:
		return l.values(l.pending.Value, "", word, ask)
	case l.plain || !strings.HasPrefix(word, "-"):
		return l.verbsOrArguments(word, ask)
	}
	if flag, value, whole := l.flag(word); flag != nil && whole {
		return l.values(flag.Value, strings.TrimSuffix(word, value), value, ask)
	}
	var found []Candidate
	for _, f := range l.flags {
		name := "--" + f.Name
		if !f.Hidden && strings.HasPrefix(name, word) && (!l.used[f] || f.IsCumulative()) {
			found = append(found, Candidate{name, summary(f.Help)})
		}
	}
	return found, NoFiles
}

func (l *line) verbsOrArguments(word string, ask Ask) ([]Candidate, Files) {
	var found []Candidate
	for _, child := range l.node.Children {
		if !child.Hidden && strings.HasPrefix(child.Name, word) {
			found = append(found, Candidate{child.Name, summary(child.Help)})
		}
	}
	if len(l.node.Children) > 0 || len(l.node.Positional) == 0 {
		return found, NoFiles
	}
	last := l.node.Positional[len(l.node.Positional)-1]
	if l.args < len(l.node.Positional) {
		last = l.node.Positional[l.args]
	} else if !last.IsCumulative() {
		return found, NoFiles
	}
	return l.values(last, "", word, ask)
}

// values are what a flag or an argument can be. before is what stands before it in the word.
func (l *line) values(v *kong.Value, before, word string, ask Ask) ([]Candidate, Files) {
	var all []Candidate
	kind, asked := strings.CutPrefix(v.Tag.Get("suggest"), "@")
	switch {
	case v.Enum != "":
		all = plain(v.EnumSlice())
	case asked:
		all = ask(kind, l.given)
	case kind != "":
		all = plain(strings.Split(kind, ","))
	case strings.HasSuffix(v.Tag.Type, "path") || placeholder(v) == "FILE":
		if placeholder(v) == "DIR" {
			return nil, AnyFolder
		}
		return nil, AnyFile
	}
	// In a list what was typed before the last comma stays.
	if i := strings.LastIndexByte(word, ','); i >= 0 && !asked && v.Enum == "" {
		before, word = before+word[:i+1], word[i+1:]
	}
	var found []Candidate
	for _, c := range all {
		if c.Value != "" && strings.HasPrefix(c.Value, word) {
			found = append(found, Candidate{before + c.Value, c.Help})
		}
	}
	return found, NoFiles
}

func placeholder(v *kong.Value) string { return v.Tag.PlaceHolder }

func plain(values []string) []Candidate {
	found := make([]Candidate, len(values))
	for i, v := range values {
		found[i] = Candidate{Value: v}
	}
	return found
}

// summary is the first sentence of a help text.
func summary(help string) string {
	for i := range len(help) - 1 {
		if (help[i] == '.' || help[i] == ':' || help[i] == ';') && help[i+1] == ' ' || help[i] == '(' {
			return strings.TrimSpace(help[:i])
		}
	}
	return strings.TrimSuffix(help, ".")
}

func contains(list []string, one string) bool {
	for _, other := range list {
		if other == one {
			return true
		}
	}
	return false
}
