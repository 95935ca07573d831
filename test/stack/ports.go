package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Stacks of tests stand offsetStep apart, which is no difference of any two of a stack's ports, and below
// the ports that systems hand out.
const (
	firstOffset = 10_000
	offsetStep  = 210
	offsets     = 50
)

// choosePorts takes an offset at which every port that is hard to get is free, and that no other stack of a
// test has, were it even down for a moment.
func (s *Stack) choosePorts() (err error) {
	for _, n := range rand.Perm(offsets) {
		s.Offset = firstOffset + offsetStep*n
		if s.ports, err = reserve(s.Offset); err != nil {
			continue
		}
		if s.portsFree() {
			return nil
		}
		_ = s.ports.Close()
	}
	return errors.Join(errors.New("there are no free ports for one more stack"), err)
}

// reserve keeps an offset from others, in other processes too, until the file is closed.
func reserve(offset int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("tillroll-test-ports-%d", offset)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// portsFree looks at the ports that are hardest to get; the runner checks them all.
func (s *Stack) portsFree() bool {
	for _, port := range []int{4222, 8001, 8003, 8005, 3500, 3501, 3503, 3505, 3600, 3603, 3703, 9090} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+s.Offset)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
