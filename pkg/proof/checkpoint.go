package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// KeyName stands before the signature of every checkpoint, and in the keys.
const KeyName = "tillroll-journal"

// originPrefix stands before the tenant in the first line of a checkpoint, so that no tenant's
// checkpoint can pass for another's.
const originPrefix = "tillroll/journal/"

// Checkpoint says what a tenant's log was at one time: its size and the root of its tree. Whoever
// keeps one can tell later whether the log still begins with what it had then.
//
// Signed, it is a note (golang.org/x/mod/sumdb/note) with these lines, the first three as
// c2sp.org/tlog-checkpoint has them:
//
//	tillroll/journal/{tenant}
//	size      decimal
//	root      base64
//	time      RFC 3339, UTC, to the second
type Checkpoint struct {
	Tenant string
	Size   uint64
	Root   Hash
	Time   time.Time
	Note   string // the whole signed text
}

func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s%s\n%d\n%s\n%s\n", originPrefix, c.Tenant, c.Size,
		base64.StdEncoding.EncodeToString(c.Root[:]), c.Time.UTC().Format(time.RFC3339))
}

// Short is what fits on a receipt: the size, and 80 bits of the root in letters and digits.
func (c *Checkpoint) Short() string { return strconv.FormatUint(c.Size, 10) + " " + ShortRoot(c.Root) }

// ShortRoot is four groups of four letters and digits, such as K7QF-2M3X-9ABC-DEFG.
func ShortRoot(root Hash) string {
	s := base32.StdEncoding.EncodeToString(root[:10])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// Signer signs checkpoints.
type Signer struct{ signer note.Signer }

// NewKey makes a key: the private one for the journal alone, the public one for everybody.
func NewKey(random io.Reader) (private, public string, err error) {
	if random == nil {
		random = rand.Reader
	}
	return note.GenerateKey(random, KeyName)
}

// NewSigner reads a private key and gives the signer and the public key that belongs to it.
func NewSigner(private string) (s *Signer, public string, err error) {
	private = strings.TrimSpace(private)
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, "", errors.New("the checkpoint key cannot be read: it must look like PRIVATE+KEY+name+id+key")
	}
	public, err = publicOf(private)
	return &Signer{signer}, public, err
}

// Sign gives c with its note.
func (s *Signer) Sign(c Checkpoint) (Checkpoint, error) {
	c.Time = c.Time.UTC().Truncate(time.Second)
	text, err := note.Sign(&note.Note{Text: c.text()}, s.signer)
	c.Note = string(text)
	return c, err
}

// Keys are the public keys that somebody trusts.
type Keys struct{ verifiers []note.Verifier }

// ParseKeys reads public keys, one a line; empty lines and such that begin with # say nothing.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return Keys{}, fmt.Errorf("%.60q is no public key of a journal: it must look like %s+1a2b3c4d+base64", line, KeyName)
		}
		keys.verifiers = append(keys.verifiers, v)
	}
	if len(keys.verifiers) == 0 {
		return Keys{}, errors.New("there is no public key")
	}
	return keys, nil
}

// Open reads a checkpoint whose signature one of the keys vouches for.
func (k Keys) Open(text string) (Checkpoint, error) {
	n, err := note.Open([]byte(text), note.VerifierList(k.verifiers...))
	var unknown *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unknown):
		return Checkpoint{}, errors.New("the checkpoint is signed with none of the keys that are trusted")
	case errors.As(err, &invalid):
		return Checkpoint{}, errors.New("the signature of the checkpoint is wrong: it was changed, or forged")
	case err != nil:
		return Checkpoint{}, errors.New("this is no signed checkpoint")
	}
	c, err := parse(n.Text)
	c.Note = text
	return c, err
}

// ReadUnverified reads what a checkpoint says without knowing who says so.
func ReadUnverified(text string) (Checkpoint, error) {
	body, _, found := strings.Cut(text, "\n\n")
	if !found {
		return Checkpoint{}, errors.New("this is no signed checkpoint")
	}
	c, err := parse(body + "\n")
	c.Note = text
	return c, err
}

func parse(text string) (Checkpoint, error) {
	wrong := func(what string) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("the checkpoint's %s cannot be read", what)
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 5 {
		return wrong("text")
	}
	tenant, ours := strings.CutPrefix(lines[0], originPrefix)
	if !ours || tenant == "" {
		return wrong("origin")
	}
	c := Checkpoint{Tenant: tenant}
	var err error
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
		return wrong("size")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return wrong("root")
	}
	c.Root = Hash(root)
	if c.Time, err = time.Parse(time.RFC3339, lines[3]); err != nil {
		return wrong("time")
	}
	return c, nil
}

// SplitNotes takes apart a file of several checkpoints: each ends with the line of its signature.
func SplitNotes(text string) []string {
	var notes []string
	var one strings.Builder
	signed := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		isSignature := strings.HasPrefix(line, "— ")
		if signed && !isSignature {
			notes = append(notes, one.String())
			one.Reset()
			signed = false
		}
		if one.Len() == 0 && strings.TrimSpace(line) == "" {
			continue // between two
		}
		one.WriteString(line)
		signed = signed || isSignature
	}
	if one.Len() > 0 {
		notes = append(notes, strings.TrimRight(one.String(), "\n")+"\n")
	}
	return notes
}

// publicOf derives the public key from a private one that was read before.
func publicOf(private string) (string, error) {
	parts := strings.SplitN(private, "+", 5)
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return "", err
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(parts[2], public)
}
