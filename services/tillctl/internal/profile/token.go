package profile

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	// longestToken that is read; one of an OpenID Connect issuer is some kilobytes.
	longestToken = 64 << 10
	// commandWithin is how long a command may take for a token. Somebody may have to sign in.
	commandWithin = 2 * time.Minute
	// tolerance for clocks that differ; a service allows as much.
	tolerance = time.Minute
)

// ReadToken reads a token from a file that nobody but its owner can read. It fails with *Unsafe.
func ReadToken(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("the token cannot be read: %s is no file", file)
	}
	if err := refuseMode(file, anyway, "read the token in it"); err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, longestToken+1))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	return plain(raw, file)
}

// RunCommand lets a shell run a command line, and takes what it prints as the token. What it says
// otherwise, to somebody who has to sign in, goes to told.
func RunCommand(ctx context.Context, line string, told io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	shell, flag := "/bin/sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/c"
	}
	var out capped
	cmd := exec.CommandContext(ctx, shell, flag, line) //nolint:gosec // it is the user's own command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &out, told
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("the command for the token has not ended within %s: %s", commandWithin, line)
	case err != nil:
		return "", fmt.Errorf("the command for the token failed: %w\n  %s", err, line)
	}
	return plain(out.kept.Bytes(), "what the command for the token printed")
}

// capped keeps the beginning of what is written, and one byte more than a token may have.
type capped struct{ kept bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.kept.Write(p[:min(len(p), longestToken+1-c.kept.Len())])
	return len(p), nil
}

// plain takes the white space off, and refuses what cannot be a token. It never shows what it saw.
func plain(raw []byte, where string) (string, error) {
	token := strings.TrimSpace(string(raw))
	switch {
	case token == "":
		return "", fmt.Errorf("%s is empty: there is no token in it", where)
	case len(raw) > longestToken:
		return "", fmt.Errorf("%s is longer than any token", where)
	}
	for _, r := range token {
		if r <= ' ' || r >= 0x7f {
			return "", fmt.Errorf("%s holds more than a token: it must be one word and nothing else", where)
		}
	}
	return token, nil
}

// Claims is what a token says of itself. Nobody has checked it: it is for telling people, not for trust.
type Claims struct {
	Subject  string `json:"sub"`
	Issuer   string `json:"iss"`
	Role     string `json:"role"`
	TenantID string `json:"tenant_id"`
	Expiry   int64  `json:"exp"` // seconds since 1970; 0: not said
}

// ReadClaims reads what a token says of itself; false when it is not of a kind that says anything.
func ReadClaims(token string) (c Claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(body, &c) == nil
}

// Expired says since when a token holds no more; 0 as long as it does.
func (c Claims) Expired(now time.Time) time.Duration {
	if c.Expiry == 0 {
		return 0
	}
	if since := now.Sub(time.Unix(c.Expiry, 0)); since > tolerance {
		return since
	}
	return 0
}
