package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/completion"
	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// completionVerb prints what makes a shell complete what is typed.
type completionVerb struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

func (completionVerb) Help() string {
	return `The tab key then completes verbs, flags, their values, profiles, and, while a stack answers, tenants and stores. Put one
of these lines where the shell reads it when it starts:

    source <(tillctl completion bash)        # ~/.bashrc
    source <(tillctl completion zsh)         # ~/.zshrc, behind compinit
    tillctl completion fish | source         # ~/.config/fish/config.fish`
}

// Run the verb.
func (v completionVerb) Run(w World) error {
	_, err := fmt.Fprint(w.Out, completion.Script(v.Shell, "tillctl"))
	return err
}

// completeVerb is what those scripts ask.
type completeVerb struct {
	Shell string   `arg:"" enum:"bash,zsh,fish"`
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run the verb. It never says that something is wrong: somebody is typing.
func (v completeVerb) Run(ctx context.Context, w World, parsed *kong.Context) error {
	words, before := v.Words, 0
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if v.Shell == "bash" {
		words, before = completion.Join(words)
	}
	asker := asker{ctx, w}
	found, files := completion.Complete(parsed.Model.Node, words, asker.ask)
	return completion.Print(w.Out, found, files, before)
}

// answerInTime is how long somebody who is typing waits for tenants and stores.
const answerInTime = 700 * time.Millisecond

// asker finds out what only a stack or a folder knows.
type asker struct {
	ctx context.Context
	w   World
}

func (a asker) ask(kind string, given map[string]string) (found []completion.Candidate) {
	ctx, cancel := context.WithTimeout(a.ctx, answerInTime)
	defer cancel()
	switch kind {
	case "profiles":
		book, err := profile.Open(a.w.Config)
		if err != nil {
			return nil
		}
		found = append(found, completion.Candidate{Value: profile.Local, Help: "the stack of this machine"})
		for _, name := range book.Names() {
			p := keptProfile{Name: name, Profile: book.Profiles[name]}
			found = append(found, completion.Candidate{Value: name, Help: screen.Plain(p.where() + " " + p.Tenant)})
		}
	case "tenants":
		stack, err := a.connect(given, platformOperator)
		if err != nil {
			return nil
		}
		tenants, _ := stack.Terminals.Tenants(ctx) // what came in time
		for _, t := range tenants.Values() {
			found = append(found, completion.Candidate{Value: t.TenantID, Help: screen.Plain(t.TenantName)})
		}
	case "stores":
		tenant := cmp.Or(given["tenant"], os.Getenv("TILLROLL_TENANT"), a.chosen(given).values["tenant"])
		stack, err := a.connect(given, auth.Principal{Role: auth.Administrator, TenantID: tenant})
		if err != nil {
			return nil
		}
		stores, _ := stack.Terminals.Stores(ctx, tenant)
		for _, s := range stores.Values() {
			found = append(found, completion.Candidate{Value: s.StoreCode, Help: screen.Plain(s.StoreName)})
		}
	}
	return found
}

// chosen is the profile of what is being typed.
func (a asker) chosen(given map[string]string) (c chosenProfile) {
	book, err := profile.Open(a.w.Config)
	if err != nil {
		return c
	}
	c.name, c.typed = cmp.Or(given["profile"], os.Getenv(profileVariable), book.Chosen()), given["profile"] != ""
	if p, err := book.Get(c.name); err == nil {
		c.values = p.Values()
	}
	return c
}

// connect reaches the stack that is meant. No command is run for a token: it might ask somebody for a
// password.
func (a asker) connect(given map[string]string, p auth.Principal) (client.Stack, error) {
	var l line
	words := []string{"streams", "--token-command", "", "--tenant", cmp.Or(p.TenantID, "x")}
	for _, flag := range append([]string{"profile", "token", "token-file", "ca"}, whereFlags...) {
		if value := given[flag]; value != "" {
			words = append(words, "--"+flag+"="+value)
		}
	}
	picked := &picker{config: a.w.Config}
	if _, err := newParser(&l, a.w, func(int) {}, withProfiles(picked)).Parse(words); err != nil {
		return client.Stack{}, err
	}
	if picked.err != nil {
		return client.Stack{}, picked.err
	}
	a.w.profile = picked.chosen
	if picked.chosen.values["token-command"] != "" && l.Streams.makesTokens() {
		return client.Stack{}, os.ErrPermission
	}
	return l.Streams.connect(a.w, dataFolder(l.Data), p)
}
