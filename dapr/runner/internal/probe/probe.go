// Package probe asks a process over the network whether it is able to work.
//
// It knows two ways to ask, told apart by the URL: an HTTP health endpoint, and
// the greeting of a NATS server. It does not know who is asked.
package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// patience is how long one question may take.
const patience = time.Second

// client never goes through a proxy: everything that is asked is on this machine.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}

// Ask returns nil when what listens at the URL says that it is ready.
func Ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	if target.Scheme == "nats" {
		return askNATS(ctx, target.Host)
	}
	return askHTTP(ctx, target)
}

func askHTTP(ctx context.Context, target *url.URL) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", target, inner(err))
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%s answers %s", target, response.Status)
	}
	return nil
}

// askNATS waits for the line that a NATS server greets every client with; an
// open port alone does not tell that the server behind it has started.
func askNATS(ctx context.Context, host string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("nats://%s does not answer: %w", host, inner(err))
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = connection.SetDeadline(deadline)
	}
	greeting, err := bufio.NewReader(io.LimitReader(connection, 1<<16)).ReadString('\n')
	if err != nil {
		return fmt.Errorf("nats://%s does not greet: %w", host, inner(err))
	}
	if !strings.HasPrefix(greeting, "INFO ") {
		return fmt.Errorf("nats://%s is not a NATS server: it greets with %.40q", host, greeting)
	}
	return nil
}

// inner drops the wrapping that repeats the address.
func inner(err error) error {
	var byURL *url.Error
	if errors.As(err, &byURL) {
		err = byURL.Err
	}
	var byAddress *net.OpError
	if errors.As(err, &byAddress) {
		err = byAddress.Err
	}
	return err
}
