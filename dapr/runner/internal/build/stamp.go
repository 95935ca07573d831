package build

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// stampFolder is in the bin folder and holds, for every program, what it was
// built from.
const stampFolder = ".stamps"

func stampPath(bin, name string) string { return filepath.Join(bin, stampFolder, name) }

// stampOf is a hash over everything that a program is built from.
func stampOf(target Target, flags []string, toolchain string, sources hashes) (string, error) {
	folders, err := withLocalModules(target.Dir)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, target.Package, toolchain, flags)
	for _, folder := range folders {
		hash, err := sources.of(folder)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, hash)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// upToDate is true when the program is there, was built from the same, and was
// not touched since.
func upToDate(bin, name, stamp string) bool {
	stored, err := os.ReadFile(stampPath(bin, name))
	return err == nil && string(stored) == stamp+"\n"+trace(bin, name)
}

func writeStamp(bin, name, stamp string) error {
	return os.WriteFile(stampPath(bin, name), []byte(stamp+"\n"+trace(bin, name)), 0o600)
}

// trace tells whether a program is still the one that was built, without reading it.
func trace(bin, name string) string {
	info, err := os.Stat(filepath.Join(bin, name))
	if err != nil {
		return "missing"
	}
	return fmt.Sprintf("%d %d\n", info.Size(), info.ModTime().UnixNano())
}

// hashes remembers the hash of every folder: services share pkg.
type hashes map[string]string

func (h hashes) of(folder string) (string, error) {
	if hash, known := h[folder]; known {
		return hash, nil
	}
	hash, err := hashModule(folder)
	if err == nil {
		h[folder] = hash
	}
	return hash, err
}

// hashModule hashes the names and contents of a module's files, go.mod and
// go.sum among them. Files that are no Go code count too, since any may be
// embedded; tests, which are in no program, do not.
func hashModule(root string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(root, path, entry)
		case !entry.Type().IsRegular(), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return hashFile(sum, relative, path)
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// skipFolder leaves out what the go command leaves out: hidden folders, test
// data, and modules inside the module.
func skipFolder(root, path string, entry fs.DirEntry) error {
	if path == root {
		return nil
	}
	name := entry.Name()
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
		return fs.SkipDir
	}
	return nil
}

func hashFile(sum io.Writer, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%q %d\n", name, info.Size())
	_, err = io.Copy(sum, file)
	return err
}

// localReplacement is a line of go.mod that takes a module from a folder nearby.
var localReplacement = regexp.MustCompile(`=>\s+(\.\.?/\S+)`)

// withLocalModules lists a module's folder and those of the modules that it, or
// one of them, takes from nearby.
func withLocalModules(dir string) ([]string, error) {
	folders, seen := []string{}, map[string]bool{}
	for queue := []string{filepath.Clean(dir)}; len(queue) > 0; queue = queue[1:] {
		if seen[queue[0]] {
			continue
		}
		seen[queue[0]] = true
		folders = append(folders, queue[0])
		lines, err := modLines(queue[0])
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if path := localReplacement.FindStringSubmatch(line); path != nil {
				queue = append(queue, filepath.Join(queue[0], path[1]))
			}
		}
	}
	return folders, nil
}

// modLines is go.mod without its comments.
func modLines(dir string) ([]string, error) {
	file, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		line, _, _ := strings.Cut(scanner.Text(), "//")
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, scanner.Err()
}
