// Package listen finds out, before anything is started, whether the ports that
// the stack needs are free, and who holds one that is not.
//
// It knows sockets and processes; where a port number comes from and how to
// change it is text that the caller brings.
package listen

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Port is one port that is going to be listened on.
type Port struct {
	Number int
	// Role says whose port it is: "the app port of cart".
	Role string
	// Setting says where the number comes from: "appPort in dapr/embedded.yaml".
	Setting string
	// Change says how to choose another one: "-port cart=8103".
	Change string
}

// host is where the whole local stack listens.
const host = "127.0.0.1"

// Check returns an error that names every port that cannot be used.
func Check(ports []Port) error {
	var faults []error
	taken := map[int]Port{}
	for _, port := range ports {
		if other, twice := taken[port.Number]; twice {
			faults = append(faults, fmt.Errorf("port %d is both %s and %s: choose another with %s", port.Number, other.Role, port.Role, port.Change))
			continue
		}
		taken[port.Number] = port
		if err := port.check(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (p Port) check() error {
	if p.Number < 1 || p.Number > 65535 {
		return fmt.Errorf("port %d, %s (%s), is out of range: choose another with %s", p.Number, p.Role, p.Setting, p.Change)
	}
	if free(p.Number) {
		return nil
	}
	return fmt.Errorf("port %d, %s (%s), is in use%s: stop that, or choose another with %s",
		p.Number, p.Role, p.Setting, by(owner(p.Number)), p.Change)
}

// free is true when nothing answers on the port and it can be listened on. The
// first half is for systems that let 127.0.0.1 be taken beside an all-addresses
// listener, which then gets no connections any more.
func free(port int) bool {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if connection, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		connection.Close()
		return false
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func by(owner string) string {
	if owner == "" {
		return " by another program"
	}
	return " by " + owner
}
