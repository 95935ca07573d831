package command

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// profileVerb keeps profiles.
type profileVerb struct {
	Add    profileAdd    `cmd:"" help:"Keep where a stack is, and as whom to ask it, under a name."`
	List   profileList   `cmd:"" help:"List all profiles."`
	Use    profileUse    `cmd:"" help:"Use a profile from now on."`
	Show   profileShow   `cmd:"" help:"Show what a profile says, and whose token it leads to."`
	Remove profileRemove `cmd:"" help:"Forget a profile."`
}

func (profileVerb) Help() string {
	return `A profile is used as a whole: with --profile NAME or TILLROLL_PROFILE, or always after "profile use NAME". Without any, and
after "profile use local", verbs ask the stack of this machine as the runner has started it.

What is typed counts most, then the environment, then the profile. A profile that is typed counts more than the
environment; one that is only in use is left aside when a flag or the environment says where to go (--data,
--port-offset, --journal-url and its siblings). Profiles are kept in tillroll/profiles.json of your config folder
(XDG_CONFIG_HOME); tokens never are.

    tillctl profile add hq --journal-url https://journal.example.com --tenant acme --token-file ~/.tillroll-token
    tillctl profile use hq`
}

// settings is what a profile says.
type settings struct {
	TerminalURL  string `placeholder:"URL" help:"Where the terminal service is."`
	CartURL      string `placeholder:"URL" help:"Where the cart service is."`
	JournalURL   string `placeholder:"URL" help:"Where the journal service is."`
	CA           string `name:"ca" type:"path" placeholder:"FILE" help:"Certificates, in PEM, that sign those of the services."`
	Tenant       code   `suggest:"@tenants" placeholder:"CODE" help:"The tenant, where a verb wants one."`
	Store        code   `suggest:"@stores" placeholder:"CODE" help:"The store, where a verb takes one."`
	TokenFile    string `type:"path" xor:"token" placeholder:"FILE" help:"A file with the token, which only you can read (mode 0600)."`
	TokenCommand string `xor:"token" placeholder:"COMMAND" help:"A command that prints the token; a shell runs it whenever a token is needed."`
	Stack        string `type:"path" xor:"token" placeholder:"DIR" help:"The data folder of a stack of this machine; its keys make the tokens."`
}

type profileAdd struct {
	Name string `arg:"" help:"Name of the profile."`
	settings
	Replace bool `help:"Write over a profile of that name."`
	Use     bool `help:"Use it from now on."`
}

func (profileAdd) Help() string {
	return `Nothing is asked and nothing tried: "profile show" tells what it leads to. An auditor needs the journal's address only.

    tillctl profile add hq --journal-url https://journal.example.com --tenant acme --token-file ~/.tillroll-token
    tillctl profile add hq2 --journal-url https://journal.example.com --tenant acme --token-command "pass show tillroll"
    tillctl profile add lab --stack /srv/lab/.tillroll --tenant demo`
}

// Validate is called by the parser.
func (v profileAdd) Validate() error {
	if err := profile.CheckName(v.Name); err != nil {
		return err
	}
	for flag, address := range map[string]string{"--terminal-url": v.TerminalURL, "--cart-url": v.CartURL, "--journal-url": v.JournalURL} {
		if address == "" {
			continue
		}
		if err := client.CheckAddress(address); err != nil {
			return fmt.Errorf("%s %q cannot be used: %w", flag, address, err)
		}
		if u, err := url.Parse(address); err == nil && u.User != nil {
			return fmt.Errorf("%s holds a password, which does not belong into a profile: use --token-file or --token-command", flag)
		}
	}
	if v.profile() == (profile.Profile{}) {
		return errors.New("it says nothing: give it --journal-url, --stack, --tenant or whatever else it is to keep")
	}
	return nil
}

func (v profileAdd) profile() profile.Profile {
	return profile.Profile{
		TerminalURL: v.TerminalURL, CartURL: v.CartURL, JournalURL: v.JournalURL, CA: v.CA, Tenant: string(v.Tenant), Store: string(v.Store),
		TokenFile: v.TokenFile, TokenCommand: v.TokenCommand, Data: v.Stack,
	}
}

// Run the verb.
func (v profileAdd) Run(w World) error {
	book, err := profile.Open(w.Config)
	if err != nil {
		return err
	}
	if _, there := book.Profiles[v.Name]; there && !v.Replace {
		return fmt.Errorf("there is a profile %q already\n  → write over it with --replace, or take another name", v.Name)
	}
	p := v.profile()
	if err := sound(p); err != nil {
		return err
	}
	book.Profiles[v.Name] = p
	if v.Use {
		book.Current = v.Name
	}
	if err := book.Save(); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "Kept %s in %s.\n", v.Name, book.File())
	if !v.Use {
		fmt.Fprintf(w.Out, "Use it once with --profile %s, or from now on with `tillctl profile use %[1]s`.\n", v.Name)
	}
	for _, address := range []string{p.TerminalURL, p.CartURL, p.JournalURL} {
		if u, err := url.Parse(address); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
			fmt.Fprintf(w.Err, "tillctl: %s sends the token so that everybody on the way can read it: use https\n", address)
		}
	}
	return nil
}

// sound refuses what could not work later, as far as it can be seen now.
func sound(p profile.Profile) error {
	if p.CA != "" {
		if _, err := profile.ReadCA(p.CA); err != nil {
			return err
		}
	}
	if p.TokenFile == "" {
		return nil
	}
	if _, err := os.Stat(p.TokenFile); errors.Is(err, os.ErrNotExist) {
		return nil // it may come later
	}
	_, err := profile.ReadToken(p.TokenFile)
	return err
}

func loopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

type profileList struct{ listOutput }

func (profileList) Help() string {
	return `The one that is used when nothing is said has a star.

    tillctl profile list
    tillctl profile list --output ids`
}

// keptProfile is a profile as it is printed.
type keptProfile struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	profile.Profile
}

var profileColumns = listing[keptProfile]{
	id: func(p keptProfile) string { return p.Name },
	columns: []column[keptProfile]{
		{title: "", cell: func(p keptProfile) string { return star(p.Current) }},
		{title: "name", name: "name", cell: func(p keptProfile) string { return p.Name }},
		{title: "journal", name: "journalUrl", cell: func(p keptProfile) string { return p.where() }, value: func(p keptProfile) string { return p.JournalURL }},
		{title: "tenant", name: "tenant", cell: func(p keptProfile) string { return p.Tenant }},
		{title: "store", name: "store", cell: func(p keptProfile) string { return p.Store }},
		{title: "token from", name: "tokenFrom", cell: func(p keptProfile) string { return p.tokenFrom() }},
	},
}

func star(current bool) string {
	if current {
		return "*"
	}
	return " "
}

func (p keptProfile) where() string {
	return cmp.Or(p.JournalURL, p.TerminalURL, p.CartURL, "this machine")
}

func (p keptProfile) tokenFrom() string {
	switch {
	case p.TokenFile != "":
		return p.TokenFile
	case p.TokenCommand != "":
		return "$ " + p.TokenCommand
	case p.Data != "":
		return "the keys in " + p.Data
	case p.where() == "this machine":
		return "the keys of the local stack"
	}
	return ""
}

// Run the verb.
func (v profileList) Run(w World) error {
	book, err := profile.Open(w.Config)
	if err != nil {
		return err
	}
	kept := []keptProfile{{Name: profile.Local, Current: book.Chosen() == profile.Local}}
	for _, name := range book.Names() {
		kept = append(kept, keptProfile{name, book.Chosen() == name, book.Profiles[name]})
	}
	return profileColumns.print(w, v.Output, map[string]any{"items": kept, "total": len(kept)}, kept, nil)
}

type profileUse struct {
	Name string `arg:"" suggest:"@profiles" help:"Name of the profile; local is the stack of this machine."`
}

func (profileUse) Help() string {
	return `Verbs use it whenever nothing else says where to go.

    tillctl profile use hq
    tillctl profile use local`
}

// Run the verb.
func (v profileUse) Run(w World) error {
	book, err := profile.Open(w.Config)
	if err != nil {
		return err
	}
	if _, err := book.Get(v.Name); err != nil {
		return noSuchProfile(err)
	}
	book.Current = v.Name
	if v.Name == profile.Local {
		book.Current = ""
	}
	if err := book.Save(); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "From now on: %s.\n", v.Name)
	return nil
}

type profileShow struct {
	Name string `arg:"" suggest:"@profiles" optional:"" help:"Name of the profile (default: the one that is used when nothing is said)."`
	output
}

func (profileShow) Help() string {
	return `The token is looked at, and a command for it is run, to say whose it is and how long it holds. It is never printed.

    tillctl profile show
    tillctl profile show hq --output json`
}

// shownProfile is a profile with what its token says.
type shownProfile struct {
	keptProfile
	Token *shownToken `json:"token,omitempty"`
}

// shownToken says whose a token is.
type shownToken struct {
	Subject string     `json:"subject,omitempty"`
	Role    string     `json:"role,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Issuer  string     `json:"issuer,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

// Run the verb.
func (v profileShow) Run(w World) error {
	book, err := profile.Open(w.Config)
	if err != nil {
		return err
	}
	name := cmp.Or(v.Name, os.Getenv(profileVariable), book.Chosen())
	p, err := book.Get(name)
	if err != nil {
		return noSuchProfile(err)
	}
	shown := shownProfile{keptProfile: keptProfile{name, book.Chosen() == name, p}}
	if p.TokenFile+p.TokenCommand != "" {
		shown.Token = lookAt(w, p)
	}
	return v.print(w, shown, func() { shown.draw(w) })
}

// lookAt says whose token a profile leads to, or why it leads to none.
func lookAt(w World, p profile.Profile) *shownToken {
	token, err := access{TokenFile: p.TokenFile, TokenCommand: p.TokenCommand}.given(w)
	if err != nil {
		return &shownToken{Problem: err.Error()}
	}
	claims, ok := profile.ReadClaims(token)
	if !ok {
		return &shownToken{Problem: "it does not say whose it is"}
	}
	shown := &shownToken{Subject: claims.Subject, Role: claims.Role, Tenant: claims.TenantID, Issuer: claims.Issuer}
	if claims.Expiry != 0 {
		until := time.Unix(claims.Expiry, 0).UTC()
		shown.Expires = &until
	}
	if p.Tenant != "" && claims.TenantID != "" && claims.TenantID != p.Tenant {
		shown.Problem = fmt.Sprintf("it is of the tenant %s, and the profile of %s", claims.TenantID, p.Tenant)
	}
	return shown
}

func (s shownProfile) draw(w World) {
	facts := screen.NewFacts()
	name := s.Name
	if s.Current {
		name += ", in use"
	}
	facts.Add("Profile", name)
	facts.Add("Terminal", s.TerminalURL)
	facts.Add("Cart", s.CartURL)
	facts.Add("Journal", s.where())
	facts.Add("Signed by", s.CA)
	facts.Add("Tenant", s.Tenant)
	facts.Add("Store", s.Store)
	facts.Add("Token from", s.tokenFrom())
	if t := s.Token; t != nil {
		var of []string
		for _, part := range []string{t.Subject, t.Role, t.Tenant} {
			if part != "" {
				of = append(of, part)
			}
		}
		facts.Add("Token of", strings.Join(of, ", "))
		if t.Expires != nil {
			facts.Add("Holds until", fmt.Sprintf("%s, for %s", moment(*t.Expires), t.Expires.Sub(w.Clock.Now()).Round(time.Second)))
		}
		facts.Print(w.Out, "")
		if t.Problem != "" {
			fmt.Fprintln(w.Out, "\nNO TOKEN  "+strings.ReplaceAll(screen.Plain(t.Problem), "   →", "\n          →"))
		}
		return
	}
	facts.Print(w.Out, "")
}

type profileRemove struct {
	Name string `arg:"" suggest:"@profiles" help:"Name of the profile."`
}

func (profileRemove) Help() string {
	return `The file of its token is left where it is.

    tillctl profile remove hq`
}

// Run the verb.
func (v profileRemove) Run(w World) error {
	book, err := profile.Open(w.Config)
	if err != nil {
		return err
	}
	if !slices.Contains(book.Names(), v.Name) {
		_, err := book.Get(v.Name)
		return noSuchProfile(cmp.Or(err, error(misuse{fmt.Errorf("%s is no profile of yours: it is there without any", v.Name), ""})))
	}
	delete(book.Profiles, v.Name)
	after := ""
	if book.Current == v.Name {
		book.Current, after = "", " From now on: "+profile.Local+"."
	}
	if err := book.Save(); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "Removed %s.%s\n", v.Name, after)
	return nil
}
