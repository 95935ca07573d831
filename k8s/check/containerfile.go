package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Instruction is one line of a container file: FROM, RUN and so on, and what follows, variables put in.
type Instruction struct{ Name, Args string }

// ParseContainerfile reads a container file. args are what --build-arg would give.
func ParseContainerfile(content string, args map[string]string) (all []Instruction) {
	values := map[string]string{}
	for name, value := range args {
		values[name] = value
	}
	line := ""
	for _, part := range strings.Split(content, "\n") {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "#") {
			continue
		}
		if before, continues := strings.CutSuffix(part, `\`); continues {
			line += before + " "
			continue
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(line+part), " ")
		line = ""
		rest = variableUse.ReplaceAllStringFunc(strings.TrimSpace(rest), func(use string) string {
			return values[strings.Trim(use, "${}")]
		})
		if key, value, given := strings.Cut(rest, "="); name == "ARG" && given {
			if _, outside := args[key]; !outside {
				values[key] = value
			}
		}
		all = append(all, Instruction{strings.ToUpper(name), rest})
	}
	return all
}

var variableUse = regexp.MustCompile(`\$\{[A-Z_]+\}`)

// CheckContainerfile says what is wrong with an image for a service.
func CheckContainerfile(all []Instruction) (wrong []string) {
	last := map[string]string{} // of the last stage
	for _, i := range all {
		if i.Name == "FROM" {
			last = map[string]string{}
			base := strings.Fields(i.Args)[0]
			tag := regexp.MustCompile(`(@sha256:[0-9a-f]{64}|:[^:/@]+)$`).FindString(base)
			if tag == "" || tag == ":latest" {
				wrong = append(wrong, fmt.Sprintf("FROM %s: name a tag or a digest", base))
			}
		}
		if i.Name == "ADD" {
			wrong = append(wrong, "ADD "+i.Args+": COPY says what comes from where")
		}
		if i.Name == "COPY" && slices.Contains(strings.Fields(i.Args), ".") {
			wrong = append(wrong, "COPY "+i.Args+": name what is needed, or keys and data get into the image")
		}
		last[i.Name] = i.Args
	}
	if !strings.Contains(last["FROM"], "distroless/static") {
		wrong = append(wrong, fmt.Sprintf("the image is made from %s, not from distroless/static", last["FROM"]))
	}
	if user, _, _ := strings.Cut(last["USER"], ":"); user == "" || user == "root" || user == "0" {
		wrong = append(wrong, fmt.Sprintf("USER is %q: Kubernetes must see a number that is not root's", last["USER"]))
	}
	if !strings.HasPrefix(last["ENTRYPOINT"], "[") {
		wrong = append(wrong, "ENTRYPOINT needs its form with brackets: there is no shell, and signals must reach the program")
	}
	if last["RUN"] != "" {
		wrong = append(wrong, "RUN in the last stage: there is no shell")
	}
	return wrong
}
