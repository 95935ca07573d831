package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// RabbitMQ is a rabbitmq-server of the test's own, on free ports, its data in a folder of its own.
type RabbitMQ struct {
	URL string

	folder, epmdPort string
	cmd              *exec.Cmd
}

// ErrNoRabbitMQ says that there is no rabbitmq-server.
var ErrNoRabbitMQ = errors.New("no rabbitmq-server (apt-get install rabbitmq-server)")

// rabbitServers are where the real program lies: what is on PATH is a wrapper of the distribution, which
// runs it as a user of its own.
var rabbitServers = []string{"/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server"}

// StartRabbitMQ starts a server and waits until it answers. It fails with ErrNoRabbitMQ.
func StartRabbitMQ() (*RabbitMQ, error) {
	program := ""
	for _, path := range rabbitServers {
		if _, err := os.Stat(path); err == nil {
			program = path
		}
	}
	if program == "" {
		return nil, ErrNoRabbitMQ
	}
	var ports [3]string
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	folder, err := os.MkdirTemp("", "tillroll-rabbitmq-")
	if err != nil {
		return nil, err
	}
	r := &RabbitMQ{URL: "amqp://guest:guest@127.0.0.1:" + ports[0], folder: folder, epmdPort: ports[2]}
	out, err := os.Create(filepath.Join(folder, "out.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	r.cmd = exec.Command(program) //nolint:gosec // one of the above
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.Env = append(os.Environ(), "HOME="+folder,
		// Erlang's register of nodes is a daemon, which gets a port of its own to be ended by.
		"ERL_EPMD_PORT="+r.epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=tillroll-"+ports[0]+"@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+ports[0], "RABBITMQ_DIST_PORT="+ports[1],
		"RABBITMQ_MNESIA_BASE="+filepath.Join(folder, "mnesia"), "RABBITMQ_LOG_BASE="+filepath.Join(folder, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(folder, "pid"), "RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(folder, "plugins"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(folder, "none"), "RABBITMQ_ADVANCED_CONFIG_FILE="+filepath.Join(folder, "none"),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+ports[0], time.Second)
		if err == nil {
			_ = conn.Close()
			return r, nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(out.Name())
			r.Remove()
			return nil, fmt.Errorf("rabbitmq-server does not answer:\n%s", said)
		}
	}
}

// Remove ends the server and removes its data.
func (r *RabbitMQ) Remove() {
	killer := time.AfterFunc(15*time.Second, func() { _ = r.cmd.Process.Kill() })
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
	killer.Stop()
	epmd := exec.Command("epmd", "-kill")
	epmd.Env = append(os.Environ(), "ERL_EPMD_PORT="+r.epmdPort)
	_ = epmd.Run()
	_ = os.RemoveAll(r.folder)
}
