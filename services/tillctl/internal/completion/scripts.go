package completion

import (
	"fmt"
	"io"
	"strings"
)

// Shells that scripts are there for.
var Shells = []string{"bash", "zsh", "fish"}

// Script makes a shell ask `PROGRAM complete SHELL -- WORDS...` whenever somebody presses the tab key. It
// asks the very program whose name was typed, so that one built anew is never asked through an old script.
func Script(shell, program string) string {
	return strings.ReplaceAll(scripts[shell], "PROGRAM", program)
}

var scripts = map[string]string{
	"bash": `# bash completion of PROGRAM
_PROGRAM() {
  local value help IFS=$'\n'
  COMPREPLY=()
  while IFS=$'\t' read -r value help; do
    case $value in
      :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}")) ;;
      :folders) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]#=}")) ;;
      *) COMPREPLY+=("$value") ;;
    esac
  done < <("$1" complete bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _PROGRAM PROGRAM
`,
	"zsh": `#compdef PROGRAM
# zsh completion of PROGRAM
_PROGRAM() {
  local value help
  local -a found
  while IFS=$'\t' read -r value help; do
    case $value in
      :files) _files; return ;;
      :folders) _files -/; return ;;
      *) found+=("${value//:/\\:}${help:+:$help}") ;;
    esac
  done < <("${(Q)words[1]}" complete zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  _describe 'PROGRAM' found
}
if [ "$funcstack[1]" = "_PROGRAM" ]; then
  _PROGRAM "$@"
else
  compdef _PROGRAM PROGRAM
fi
`,
	"fish": `# fish completion of PROGRAM
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l typing (commandline -ct)
    for found in ($words[1] complete fish -- $words[2..-1] "$typing" 2>/dev/null)
        switch $found
            case ':files'
                __fish_complete_path "$typing"
            case ':folders'
                __fish_complete_directories "$typing"
            case '*'
                echo $found
        end
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
`,
}

// breaks are what bash takes words apart at, besides white space.
const breaks = "=:"

// Join puts the words of a line together again that bash took apart, and says how much of the last one
// stands before what bash will replace.
func Join(words []string) (whole []string, before int) {
	glue := false
	for i, w := range words {
		cut := w != "" && strings.Trim(w, breaks) == ""
		if (cut || glue) && len(whole) > 0 {
			last := len(whole) - 1
			before = len(whole[last])
			whole[last] += w
			if cut {
				before = len(whole[last])
			}
		} else {
			whole, before = append(whole, w), 0
		}
		glue = cut && i < len(words)
	}
	return whole, before
}

// Print writes what was found, in the way that the script of that shell reads. before is cut off.
func Print(out io.Writer, found []Candidate, files Files, before int) error {
	for _, c := range found {
		line := c.Value[min(before, len(c.Value)):]
		if c.Help != "" {
			line += "\t" + c.Help
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	if files == NoFiles {
		return nil
	}
	_, err := fmt.Fprintln(out, files)
	return err
}
