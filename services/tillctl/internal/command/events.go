package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/eventtail"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// eventsVerb looks at what services tell each other.
type eventsVerb struct {
	Tail eventsTail `cmd:"" help:"Show events of the local stack as they come."`
}

// eventsTail reads along at the broker of the local stack.
type eventsTail struct {
	Topic    []string `help:"Only of these topics, such as tranlog or topic-events." placeholder:"TOPIC"`
	Type     []string `help:"Only of these types, such as Sales.*, 101 (a transaction's) or close." placeholder:"TYPE"`
	Tenant   code     `suggest:"@tenants" help:"Only of this tenant." env:"TILLROLL_TENANT" placeholder:"CODE"`
	Terminal string   `help:"Only of this terminal: its id, such as acme-s1-1." placeholder:"ID"`
	All      bool     `help:"Begin with what the broker still holds (it holds a week), not with now."`
	Count    int      `help:"End after so many events." placeholder:"N"`
	Output   string   `short:"o" enum:"line,json" default:"line" help:"How to print: ${enum}. JSON is one object a line, with the CloudEvent as it is stored."`
}

func (eventsTail) Help() string {
	return `Reads stored messages by their number, as a user of the broker who may do nothing else: no service misses an event
because of it, and none gets one twice. Ctrl-C ends it.

    tillctl events tail
    tillctl events tail --topic events --type Sales.* --terminal acme-s1-1
    tillctl events tail --topic tranlog --tenant acme --all --output json

It reads the embedded broker of a local stack. With another broker, as under "dapr run -f dapr", use that broker's own
tools: redis-cli XREAD BLOCK 0 STREAMS topic-tranlog $.`
}

// Validate is called by the parser.
func (v eventsTail) Validate() error {
	for _, pattern := range v.Type {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("--type %q is no pattern: write it like Sales.*", pattern)
		}
	}
	if v.Count < 0 {
		return errors.New("--count must not be negative")
	}
	return nil
}

// errEnough ends a tail that has shown its count.
var errEnough = errors.New("enough")

// Run the verb.
func (v eventsTail) Run(ctx context.Context, w World, data dataFolder) error {
	url, err := client.Broker(data.path())
	if err != nil {
		return err
	}
	user, password, err := strongbox.Viewer(data.path())
	if err != nil {
		return unsafe(err)
	}
	tail, err := eventtail.Dial(url, user, password)
	if err != nil {
		return err
	}
	defer tail.Close()
	if w.Watched {
		fmt.Fprintf(w.Err, "Reading along at %s; Ctrl-C ends it.\n", url)
	}
	seen := 0
	err = tail.Follow(ctx, v.All, func(e eventtail.Event) error {
		facts := e.Facts()
		if !v.wants(e.Topic, facts) {
			return nil
		}
		if err := v.show(w.Out, e, facts); err != nil {
			return err
		}
		if seen++; seen == v.Count {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (v eventsTail) wants(topic string, f eventtail.Facts) bool {
	return (len(v.Topic) == 0 || anyOf(v.Topic, func(t string) bool { return t == topic || "topic-"+t == topic })) &&
		(len(v.Type) == 0 || anyOf(v.Type, func(p string) bool { ok, err := path.Match(p, f.Type); return ok && err == nil })) &&
		(v.Tenant == "" || string(v.Tenant) == f.Tenant) &&
		(v.Terminal == "" || v.Terminal == f.TerminalID())
}

func anyOf(list []string, holds func(string) bool) bool {
	for _, one := range list {
		if holds(one) {
			return true
		}
	}
	return false
}

func (v eventsTail) show(out io.Writer, e eventtail.Event, f eventtail.Facts) error {
	if v.Output == "json" {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, escapeControls(string(raw)))
		return err
	}
	of := f.TerminalID()
	if of == "" {
		of = f.Tenant
	}
	number := ""
	if f.Sequence > 0 {
		number = fmt.Sprintf("%s#%d", f.Producer, f.Sequence)
	}
	line := fmt.Sprintf("%s  %-20s  %-16s  %-13s  %-24s  %s", e.At.Local().Format("15:04:05.000"),
		strings.TrimPrefix(e.Topic, "topic-"), of, number, f.Type, strings.Join(f.Detail, " "))
	_, err := fmt.Fprintln(out, printable(strings.TrimRight(line, " ")))
	return err
}

// printable replaces what a terminal window would obey: events come from anywhere.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
