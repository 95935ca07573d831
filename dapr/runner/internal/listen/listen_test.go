package listen_test

import (
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/dapr/runner/internal/listen"
)

func port(number int) listen.Port {
	return listen.Port{Number: number, Role: "the app port of cart", Setting: "appPort in dapr/embedded.yaml", Change: "-port cart=8103"}
}

func TestAPortInUseIsNamedWithItsSettingItsOwnerAndTheWayOut(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		holder, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		number := holder.Addr().(*net.TCPAddr).Port
		err = listen.Check([]listen.Port{port(number)})
		if err == nil {
			t.Fatalf("%s: a port in use was accepted", address)
		}
		wants := []string{
			"port " + strconv.Itoa(number), "the app port of cart", "appPort in dapr/embedded.yaml", "is in use by ", "-port cart=8103",
		}
		if runtime.GOOS == "linux" {
			wants = append(wants, "process "+strconv.Itoa(os.Getpid()), os.Args[0][:20])
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	}
}

func TestFreePorts(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := holder.Addr().(*net.TCPAddr).Port
	holder.Close()
	if err := listen.Check([]listen.Port{port(number)}); err != nil {
		t.Error(err)
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	number := holder.Addr().(*net.TCPAddr).Port
	other := port(number)
	other.Role = "the HTTP port of till's sidecar"
	err = listen.Check([]listen.Port{port(number), other, port(0), port(70000)})
	if err == nil {
		t.Fatal("was accepted")
	}
	for _, want := range []string{
		"is in use", "is both the app port of cart and the HTTP port of till's sidecar", "port 0, ", "port 70000, ", "out of range",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
