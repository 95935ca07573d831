package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// PostgreSQL is a server of the test's own, on a free port, its data in a folder of its own.
type PostgreSQL struct {
	ConnectionString string

	folder string
	cmd    *exec.Cmd
}

// ErrNoPostgreSQL says that there are no programs of a PostgreSQL server.
var ErrNoPostgreSQL = errors.New("no PostgreSQL server (apt-get install postgresql)")

// StartPostgreSQL starts a server and waits until it answers. It fails with ErrNoPostgreSQL.
func StartPostgreSQL() (*PostgreSQL, error) {
	bin, err := postgresqlPrograms()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "tillroll-postgresql-")
	if err != nil {
		return nil, err
	}
	p := &PostgreSQL{folder: folder, ConnectionString: "host=127.0.0.1 port=" + port + " user=tillroll password=for-tests dbname=postgres sslmode=disable"}
	as, err := p.notAsRoot()
	if err != nil {
		return nil, err
	}
	password := filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte("for-tests"), 0o644); err != nil { //nolint:gosec // read by the server's user
		return nil, err
	}
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "tillroll", "--auth", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-sync") //nolint:gosec // of the distribution
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=") //nolint:gosec // of the distribution
	p.cmd.SysProcAttr, p.cmd.Dir, p.cmd.Env = as, folder, append(os.Environ(), "LC_ALL=C")
	out, err := os.Create(filepath.Join(folder, "out.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		said, _ := os.ReadFile(out.Name())
		if bytes.Contains(said, []byte("ready to accept connections")) {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.Remove()
			return nil, fmt.Errorf("PostgreSQL does not answer:\n%s", said)
		}
	}
}

// postgresqlPrograms is the folder of initdb and postgres, which distributions keep off PATH.
func postgresqlPrograms() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", ErrNoPostgreSQL
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// notAsRoot is nil for everybody else; root must not run the server, and gives it to another user.
func (p *PostgreSQL) notAsRoot() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nothing special
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(p.folder, int(uid), int(gid)); err != nil { //nolint:gosec // ids are small
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// Remove ends the server and removes its data.
func (p *PostgreSQL) Remove() {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	killer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	killer.Stop()
	_ = os.RemoveAll(p.folder)
}
