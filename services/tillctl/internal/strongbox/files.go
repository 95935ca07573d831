package strongbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Nobody but the owner may even look.
const (
	folderMode = 0o700
	fileMode   = 0o600
)

// readFile gives a file's content, or nil when there is none. What is wrong with it is added to found.
func readFile(data, name string, found *Findings) []byte {
	path := filepath.Join(data, name)
	checkMode(path, found)
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		*found = append(*found, Finding{
			fmt.Sprintf("%s cannot be read: %v", path, err),
			"Make it a file of the user who runs the stack: sudo chown \"$(id -un)\" " + path + " && chmod 600 " + path,
		})
		return nil
	}
	return append([]byte{}, raw...) // not nil, also when the file is empty
}

// checkMode finds a file or folder that others can get at.
func checkMode(path string, found *Findings) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" { // there the bits say nothing
		return
	}
	if open := info.Mode().Perm() & 0o077; open == 0 {
		return
	}
	right := fs.FileMode(fileMode)
	if info.IsDir() {
		right = folderMode
	}
	*found = append(*found, Finding{
		fmt.Sprintf("%s has mode %04o: other users of this machine can get at it", path, info.Mode().Perm()),
		fmt.Sprintf("Run: chmod %o %s   If others may have read it, stop the stack and move secrets/ or keys/ away, so that all is made anew.", right, path),
	})
}

func makeFolders(data string) error {
	for _, folder := range []string{data, filepath.Join(data, keysFolder), filepath.Join(data, secretsFolder)} {
		if err := os.MkdirAll(folder, folderMode); err != nil {
			return fmt.Errorf("a folder for keys and secrets cannot be made: %w (name another data folder with --data)", err)
		}
	}
	return nil
}

// writeFile puts content there in one step: a reader, or a crash, sees the old file or the new one.
func writeFile(data, name string, content []byte) (err error) {
	path := filepath.Join(data, name)
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s cannot be written: %w", path, err)
		}
	}()
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename survive a power cut.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // folders cannot be opened for that
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
