package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The files of this repository pass.
func TestThisRepositoryPasses(t *testing.T) {
	findings, err := Check("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

func TestGoodFilesPass(t *testing.T) {
	findings, err := Check("testdata/good")
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
}

// A folder of testdata/bad lies over testdata/good. A comment `want RULE: TEXT` stands where a finding
// must be; every other finding is too much.
func TestBadFilesAreFoundWhereTheyAreBad(t *testing.T) {
	folders, err := filepath.Glob("testdata/bad/*")
	if err != nil || len(folders) == 0 {
		t.Fatal("no bad files:", err)
	}
	tested := map[string]bool{}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			root := t.TempDir()
			for _, source := range []string{"testdata/good", folder} {
				overlay(t, root, source)
			}
			findings, err := Check(root)
			if err != nil {
				t.Fatal(err)
			}
			wanted := wants(t, root)
			if len(wanted) == 0 {
				t.Fatal("no finding is wanted")
			}
			for _, w := range wanted {
				i := slices.IndexFunc(findings, func(f Finding) bool { return w.is(f) })
				if i < 0 {
					t.Errorf("not found: %s:%d [%s] … %s …", w.File, w.Line, w.Rule, w.What)
					continue
				}
				if findings[i].Do == "" {
					t.Errorf("%s does not say what to do", findings[i])
				}
				tested[w.Rule] = true
				findings = slices.Delete(findings, i, i+1)
			}
			for _, f := range findings {
				t.Errorf("too much: %s", f)
			}
		})
	}
	for _, rule := range rulesInCode(t) {
		if !tested[rule] {
			t.Errorf("no bad file for rule %s", rule)
		}
	}
}

type want Finding

func (w want) is(f Finding) bool {
	return f.File == w.File && f.Line == w.Line && f.Rule == w.Rule && strings.Contains(f.What, w.What)
}

var wantComment = regexp.MustCompile(`want ([a-z-]+): ([^#]+)`)

func wants(t *testing.T, root string) (all []want) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		for i, line := range strings.Split(string(text), "\n") {
			for _, found := range wantComment.FindAllStringSubmatch(line, -1) {
				all = append(all, want{File: filepath.ToSlash(relative), Line: i + 1, Rule: found[1], What: strings.TrimSpace(found[2])})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func overlay(t *testing.T, root, source string) {
	t.Helper()
	err := filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		target := filepath.Join(root, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rulesInCode are the names that the rules give to findings.
func rulesInCode(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, file := range []string{"rules.go", "fields.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`c\.add\(.*, "([a-z-]+)", (?:fmt\.Sprintf|"[a-z])`).FindAllStringSubmatch(string(text), -1) {
			all = append(all, found[1])
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) < 9 {
		t.Fatal("the rules were not found:", all)
	}
	return all
}

// A finding names the place as compilers do.
func TestAFindingNamesItsPlace(t *testing.T) {
	f := Finding{File: "a.yaml", Line: 3, Rule: "twice", What: "two of it", Do: "Remove one."}
	if got := fmt.Sprint(f); got != "a.yaml:3: [twice] two of it. Remove one." {
		t.Error(got)
	}
}
