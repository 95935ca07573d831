package archive

import (
	"fmt"
	"io/fs"
	"strings"
)

const maxName = 200

// CheckName explains what is wrong with the name of a blob, or returns nil. Names become paths and keys of
// object stores, so nothing is let in that could mean something to one of them: lower-case letters,
// digits, and between them "-", "_", "." and single slashes.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a blob's name has 1 to %d characters and not %d: %w", maxName, len(name), fs.ErrInvalid)
	}
	for part := range strings.SplitSeq(name, "/") {
		if !ValidPart(part) {
			return fmt.Errorf("%.80q can be no blob's name: %w", name, fs.ErrInvalid)
		}
	}
	return nil
}

// ValidPart tells whether s can stand between two slashes of a name.
func ValidPart(s string) bool {
	if s == "" || !alphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// CheckPrefix explains what is wrong with the beginning of names, or returns nil. "" begins all of them.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
		return fmt.Errorf("a prefix: %w", err)
	}
	return nil
}
