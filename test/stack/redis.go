package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Redis is a redis-server of the test's own: on a free port, with a password, its data in a folder of
// its own and, as `dapr init` has not but a shop should, an append-only file.
type Redis struct {
	Address  string
	Password string

	program, folder, port string
	cmd                   *exec.Cmd
	exited                chan struct{}
}

// ErrNoRedis says that there is no redis-server on PATH.
var ErrNoRedis = errors.New("no redis-server on PATH (apt-get install redis-server)")

// StartRedis starts a server and waits until it answers. It fails with ErrNoRedis.
func StartRedis() (*Redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNoRedis
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "tillroll-redis-")
	if err != nil {
		return nil, err
	}
	r := &Redis{Address: "127.0.0.1:" + port, Password: "for-" + filepath.Base(folder), program: program, folder: folder, port: port}
	return r, r.Restart()
}

// Restart starts the server on what it has on disk.
func (r *Redis) Restart() error {
	// The settings go in by standard input, so that the password is in no list of processes.
	cmd := exec.Command(r.program, "-") //nolint:gosec // found on PATH
	cmd.Stdin = strings.NewReader(fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nappendonly yes\nsave \"\"\nrequirepass %s\nlogfile %s\n",
		r.port, r.folder, r.Password, filepath.Join(r.folder, "redis.log")))
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.exited = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(r.exited) }()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if r.answers() {
			return nil
		}
		select {
		case <-r.exited:
			return fmt.Errorf("redis-server ended at once: %s", r.log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("redis-server does not answer: %s", r.log())
		}
	}
}

// answers is false as long as the append-only file is being read, too.
func (r *Redis) answers() bool {
	conn, err := net.DialTimeout("tcp", r.Address, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", r.Password); err != nil {
		return false
	}
	answer := make([]byte, 64)
	n, _ := conn.Read(answer)
	return strings.HasPrefix(string(answer[:n]), "+OK")
}

func (r *Redis) log() string {
	raw, _ := os.ReadFile(filepath.Join(r.folder, "redis.log"))
	return string(raw)
}

// KillAndRestart is kill -9, a moment without a server, and a start on what is on disk.
func (r *Redis) KillAndRestart() error {
	r.kill()
	time.Sleep(time.Second)
	return r.Restart()
}

func (r *Redis) kill() {
	_ = r.cmd.Process.Kill()
	<-r.exited
}

// Remove ends the server and removes its data.
func (r *Redis) Remove() {
	r.kill()
	_ = os.RemoveAll(r.folder)
}

// environment tells components/redis where it is.
func (r *Redis) environment() []string {
	return []string{"TILLROLL_REDIS=" + r.Address, "TILLROLL_REDIS_PASSWORD=" + r.Password}
}
