package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// format of a backup. A newer one is refused.
const format = 1

const manifestName = "manifest.json"

// Kind of a file in a backup.
type Kind string

// The kinds of files.
const (
	Database Kind = "database"
	Plain    Kind = "file"
	Key      Kind = "key" // signs, or proves somebody to somebody
)

// Manifest tells what a backup holds.
type Manifest struct {
	Format    int       `json:"format"`
	MadeAt    time.Time `json:"madeAt"` // right after the instant whose state it is
	KeysApart bool      `json:"keysApart"`
	Files     []File    `json:"files"`
}

// File is one file of a backup; Path is relative to the data folder, with slashes.
type File struct {
	Path   string `json:"path"`
	Kind   Kind   `json:"kind"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Schema string `json:"schema,omitempty"` // of a database that says: kind and version, such as "tenant 3"
}

// Bytes of all files.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// Tenants whose journal is in the backup.
func (m Manifest) Tenants() (codes []string) {
	for _, f := range m.Files {
		name, found := strings.CutPrefix(f.Path, journalFolder+"/")
		code, isDatabase := strings.CutSuffix(name, ".db")
		if found && isDatabase && !strings.HasPrefix(code, "_") && !strings.Contains(code, "/") {
			codes = append(codes, code)
		}
	}
	return codes
}

func (m Manifest) write(folder string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(folder, manifestName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Sync(), file.Close(), syncFolder(folder))
}

// Read reads the manifest of the backup in folder.
func Read(folder string) (m Manifest, err error) {
	text, err := os.ReadFile(filepath.Join(folder, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no backup: it has no %s", folder, manifestName)
	}
	if err != nil {
		return m, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&m); err != nil {
		return m, fmt.Errorf("%s is damaged: %w", filepath.Join(folder, manifestName), err)
	}
	if m.Format != format {
		return m, fmt.Errorf("the backup has format %d, this program reads %d: use the tillctl that made it, or a newer one", m.Format, format)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || seen[f.Path] {
			return m, fmt.Errorf("%s is damaged: it names the file %q", filepath.Join(folder, manifestName), f.Path)
		}
		seen[f.Path] = true
	}
	return m, nil
}

// measure gives size and hash of a file.
func measure(ctx context.Context, path string) (int64, string, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	return digest(ctx, file)
}

// digest reads to the end, or until ctx ends.
func digest(ctx context.Context, r io.Reader) (size int64, hash string, err error) {
	sum, block := sha256.New(), make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return size, "", err
		}
		n, err := r.Read(block)
		sum.Write(block[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return size, "", err
		}
	}
}
