// Package profile keeps named ways to reach a stack: where its services are, whose journal it is, and
// where the token for it comes from. They lie in one file of the user's config folder.
//
// A token itself is never kept here, nor printed: a profile names the file or the command that gives it.
// The package knows nothing of flags and of what services are asked.
package profile

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// Local is the name of what needs no configuration: the stack of this machine.
const Local = "local"

// Profile is one way to reach a stack. What is empty is not said.
type Profile struct {
	TerminalURL  string `json:"terminalUrl,omitempty"`
	CartURL      string `json:"cartUrl,omitempty"`
	JournalURL   string `json:"journalUrl,omitempty"`
	CA           string `json:"ca,omitempty"` // file of certificates, in PEM
	Tenant       string `json:"tenant,omitempty"`
	Store        string `json:"store,omitempty"`
	TokenFile    string `json:"tokenFile,omitempty"`
	TokenCommand string `json:"tokenCommand,omitempty"`
	Data         string `json:"data,omitempty"` // data folder of a local stack, whose keys make tokens
}

// Values are the profile's settings by the name of the flag that each stands for; empty ones are left out.
func (p Profile) Values() map[string]string {
	values := map[string]string{
		"terminal-url": p.TerminalURL, "cart-url": p.CartURL, "journal-url": p.JournalURL, "ca": p.CA, "tenant": p.Tenant, "store": p.Store,
		"token-file": p.TokenFile, "token-command": p.TokenCommand, "data": p.Data,
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}

// namePattern of a profile: a name can be typed without quotes anywhere.
var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

// CheckName says what is wrong with a name for a profile of one's own.
func CheckName(name string) error {
	switch {
	case name == Local:
		return fmt.Errorf("%q is the stack of this machine and needs no profile: take another name", Local)
	case !namePattern.MatchString(name):
		return fmt.Errorf("%q is no name of a profile: it must match %s", name, namePattern)
	}
	return nil
}

// Folder of the user's configuration: XDG_CONFIG_HOME, else what the system has for it. "" when there is
// neither.
func Folder() string {
	if folder := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(folder) {
		return folder
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return folder
}

// Format of the file that is written here; a newer one is refused.
const Format = 1

// Book is all profiles of a user.
type Book struct {
	Format   int                `json:"format"`
	Current  string             `json:"current,omitempty"` // "": Local
	Profiles map[string]Profile `json:"profiles"`

	file string
}

// Open reads the profiles below a config folder; none when there is no file yet. It fails with *Unsafe when
// others can write to it: they could say where your tokens go, and what is run to get one.
func Open(config string) (*Book, error) {
	b := &Book{Format: Format, Profiles: map[string]Profile{}}
	if config == "" {
		return b, nil
	}
	b.file = filepath.Join(config, "tillroll", "profiles.json")
	raw, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the profiles cannot be read: %w", err)
	}
	for _, path := range []string{filepath.Dir(b.file), b.file} {
		if err := refuseMode(path, writable, "write to it, and so say where your tokens go"); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w\n  → mend it, or remove it and add the profiles again", b.file, err)
	}
	if b.Format > Format {
		return nil, fmt.Errorf("%s was written by a newer tillctl (format %d)\n  → build tillctl anew", b.file, b.Format)
	}
	if b.Profiles == nil {
		b.Profiles = map[string]Profile{}
	}
	return b, nil
}

// File is where the profiles are kept; "" when nowhere.
func (b *Book) File() string { return b.file }

// Names of all profiles, sorted; Local is not among them.
func (b *Book) Names() []string { return slices.Sorted(maps.Keys(b.Profiles)) }

// Chosen is the name of the profile that is used when nothing is said.
func (b *Book) Chosen() string {
	if b.Current == "" {
		return Local
	}
	return b.Current
}

// Missing is a profile that there is not.
type Missing struct {
	Name  string
	Known []string
}

func (m *Missing) Error() string { return fmt.Sprintf("there is no profile %q", m.Name) }

// Get gives a profile by its name; Local is an empty one. It fails with *Missing.
func (b *Book) Get(name string) (Profile, error) {
	if name == Local {
		return Profile{}, nil
	}
	p, ok := b.Profiles[name]
	if !ok {
		return p, &Missing{name, append([]string{Local}, b.Names()...)}
	}
	return p, nil
}

// Save writes the profiles in one step: a reader, or a crash, sees the old ones or the new ones.
func (b *Book) Save() error {
	if b.file == "" {
		return errors.New("there is no folder for configuration\n  → set HOME, or XDG_CONFIG_HOME to an absolute path")
	}
	raw, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(b.file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the profiles cannot be kept: %w", err)
	}
	fresh, err := os.CreateTemp(folder, "profiles-*.json") // of mode 0600
	if err != nil {
		return fmt.Errorf("the profiles cannot be kept: %w", err)
	}
	_, err = fresh.Write(append(raw, '\n'))
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), b.file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the profiles cannot be kept: %w", err), os.Remove(fresh.Name()))
	}
	return nil
}

// ReadCA reads the certificates that sign those of the services, beside the ones that the system trusts.
func ReadCA(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificates that sign those of the services cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}
