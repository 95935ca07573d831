package command

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
)

// profileVariable names the profile, too.
const profileVariable = "TILLROLL_PROFILE"

// chosenProfile is the profile that a command line is run with.
type chosenProfile struct {
	name   string // "" and profile.Local: none
	typed  bool   // with --profile
	values map[string]string
}

// elsewhere tells that the profile says where services are: nothing of this machine is meant then.
func (c chosenProfile) elsewhere() bool {
	return c.values["terminal-url"]+c.values["cart-url"]+c.values["journal-url"] != ""
}

// picker gives flags that a profile can say their values. What is typed counts most; then the environment,
// then the profile. A profile that is typed itself counts more than the environment, and one that was only
// chosen with `profile use` is left aside when flags or environment say where to go.
type picker struct {
	config string

	done   bool
	chosen chosenProfile
	err    error
}

// withProfiles lets a parser ask p.
func withProfiles(p *picker) kong.Option { return kong.Resolvers(p) }

// Validate implements kong.Resolver.
func (*picker) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. What goes wrong is kept in err: it is about no flag.
func (p *picker) Resolve(line *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !p.done {
		p.done = true
		p.chosen, p.err = p.pick(line)
	}
	value := p.chosen.values[flag.Name]
	if p.chosen.typed && flag.Name == "token" && p.chosen.values["token-file"]+p.chosen.values["token-command"] != "" {
		return "", nil // nor does the environment's token
	}
	if value == "" || !flag.Tag.Has("profile") || !p.chosen.typed && inEnvironment(flag) {
		return nil, nil
	}
	return value, nil
}

func inEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Tag.Envs, func(name string) bool { return os.Getenv(name) != "" })
}

// whereFlags say where to go, and so leave a profile aside that was not named.
var whereFlags = []string{"data", "port-offset", "terminal-url", "cart-url", "journal-url"}

func (p *picker) pick(line *kong.Context) (c chosenProfile, err error) {
	if aboutItself(line) {
		return c, nil
	}
	typed := map[string]bool{}
	for _, part := range line.Path {
		if part.Flag != nil && !part.Resolved {
			typed[part.Flag.Name] = true
		}
	}
	said := false
	for _, flag := range line.Flags() {
		switch {
		case flag.Name == "profile" && typed["profile"]:
			c.name, _ = line.FlagValue(flag).(string)
			c.typed = true
		case slices.Contains(whereFlags, flag.Name):
			said = said || typed[flag.Name] || inEnvironment(flag)
		}
	}
	if c.name == "" {
		c.name = os.Getenv(profileVariable)
	}
	if c.name == profile.Local {
		return c, nil
	}
	if c.name == "" && said {
		return chosenProfile{}, nil
	}
	book, err := profile.Open(p.config)
	if err != nil {
		return chosenProfile{}, err
	}
	if c.name == "" {
		c.name = book.Chosen()
	}
	found, err := book.Get(c.name)
	if err != nil {
		return chosenProfile{}, noSuchProfile(err)
	}
	c.values = found.Values()
	return c, nil
}

// aboutItself tells verbs that a profile has no say in.
func aboutItself(line *kong.Context) bool {
	return len(line.Path) > 1 && line.Path[1].Command != nil && slices.Contains([]string{"profile", "completion", "complete"}, line.Path[1].Command.Name)
}

// noSuchProfile says which there are.
func noSuchProfile(err error) error {
	var missing *profile.Missing
	if !errors.As(err, &missing) {
		return err
	}
	return misuse{fmt.Errorf("%w%s", missing, didYouMean(missing.Name, missing.Known)), "tillctl profile list"}
}
