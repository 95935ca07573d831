package command

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
	"github.com/tillroll/tillroll/services/tillctl/internal/shopday"
)

// demoVerb plays a small day of a shop against the running stack, and shows what the journal made of
// it.
type demoVerb struct {
	access
	Tenant   code   `suggest:"@tenants" placeholder:"CODE" help:"Play in this tenant, which is made if it is not there (default: a new one)."`
	Language string `enum:"en,ja" default:"en" help:"Language and country of the shop: ${enum}."`
	Fast     bool   `help:"Make no pauses."`
}

func (demoVerb) Help() string {
	return `Makes a shop with two tills, opens them, sells, takes cash out, closes and counts them; then waits until the journal has
everything, and shows the entries, the reconciliation of the sessions and the verification of the chains. It touches
nothing but the store corner_shop of its tenant.

Exit code 3 says that the journal does not have exactly what happened.

    tillctl demo
    tillctl demo --language ja --tenant acme --fast`
}

// Run the verb.
func (v demoVerb) Run(ctx context.Context, w World, data dataFolder) error {
	if !v.makesTokens() {
		return misuse{errors.New("the demo plays several parts and makes a token for each: it needs the key of the local stack (--profile local), not TILLROLL_TOKEN or --token"), ""}
	}
	tenant := string(v.Tenant)
	if tenant == "" {
		var err error
		if tenant, err = newTenantCode(w.Random); err != nil {
			return err
		}
	}
	cast, err := v.cast(w, data, tenant)
	if err != nil {
		return err
	}
	day := shopday.New(tenant, v.Language, cast, &stage{w, v.Fast}, w.Clock, uuid.NewString)
	if err := day.Play(ctx); err != nil {
		return err
	}
	return v.night(ctx, w, data, day)
}

// cast gives everybody of the day a credential.
func (v demoVerb) cast(w World, data dataFolder, tenant string) (cast shopday.Cast, err error) {
	for _, part := range []struct {
		stack     *client.Stack
		principal auth.Principal
	}{
		{&cast.Operator, platformOperator},
		{&cast.Administrator, auth.Principal{Role: auth.Administrator, TenantID: tenant}},
		{&cast.Auditor, auth.Principal{Role: auth.Auditor, TenantID: tenant}},
	} {
		if *part.stack, err = v.connect(w, data, part.principal); err != nil {
			return cast, err
		}
	}
	return cast, nil
}

// newTenantCode is one that nobody has.
func newTenantCode(random io.Reader) (string, error) {
	some := make([]byte, 5)
	if _, err := io.ReadFull(random, some); err != nil {
		return "", fmt.Errorf("no randomness: %w", err)
	}
	return "demo_" + strings.ToLower(base32.StdEncoding.EncodeToString(some)), nil
}

// night shows what the journal made of the day.
func (v demoVerb) night(ctx context.Context, w World, data dataFolder, day *shopday.Day) error {
	show := &stage{w, v.Fast}
	entries, err := showArrival(ctx, show, day)
	if err != nil {
		return err
	}
	wrong := day.Compare(entries)
	differing, err := showSessions(ctx, show, day)
	if err != nil {
		return err
	}
	faulty, err := showProof(ctx, show, day)
	if err != nil {
		return err
	}
	show.Scene("Next")
	v.printNext(w, data, day, entries)
	return verdict(w, slices.Concat(wrong, differing, faulty))
}

// showArrival waits for the events of the day and shows the journal's entries.
func showArrival(ctx context.Context, show *stage, day *shopday.Day) ([]client.Entry, error) {
	show.Scene("The journal")
	closed := show.w.Clock.Now()
	events, err := day.Arrived(ctx)
	if err != nil {
		return nil, err
	}
	show.Say("It has all %d events of %s, the last of them %s after the tills were closed.",
		events, day.Tenant, show.w.Clock.Since(closed).Round(10*time.Millisecond))
	entries, err := day.Entries(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(show.w.Out)
	printDay(show.w.Out, entries)
	return entries, nil
}

// showSessions shows the reconciliation and says which sessions do not match.
func showSessions(ctx context.Context, show *stage, day *shopday.Day) (wrong []string, err error) {
	sessions := day.Sessions()
	found, err := reconcile(ctx, day.Cast.Auditor.Journals, day.Tenant, sessions)
	if err != nil {
		return nil, err
	}
	show.Scene("Reconciliation: do the tills say what the journal says?")
	printReconciliations(show.w.Out, sessions, found, indent)
	for i, r := range found {
		if r.Value.State != client.SessionMatches {
			wrong = append(wrong, fmt.Sprintf("the session of till %d is %q", sessions[i].TerminalNo, r.Value.State))
		}
	}
	return wrong, nil
}

// showProof shows the verification and says what does not hold.
func showProof(ctx context.Context, show *stage, day *shopday.Day) (wrong []string, err error) {
	found, err := day.Cast.Auditor.Journals.Verify(ctx, day.Tenant)
	if err != nil {
		return nil, err
	}
	show.Scene("Verification: was anything changed?")
	wrong = faults(found.Value)
	printVerification(show.w, found.Value, wrong, indent)
	return wrong, nil
}

// printDay prints entries of one store and one business date: what all of them share is left out.
func printDay(w io.Writer, entries []client.Entry) {
	digits := digitsOf(entries)
	table := screen.NewTable("time", ">till", "staff", "what", ">trans", ">receipt", ">items", ">amount")
	for _, e := range entries {
		table.Row(clockTime(e.GenerateDateTime), strconv.Itoa(e.TerminalNo), e.StaffID, e.TransactionTypeName,
			e.TransactionNo, optional(e.ReceiptNo), optional(e.Quantity), screen.Amount(e.Amount, digits))
	}
	table.Print(w, indent)
}

// verdict says what of all that was not as it must be.
func verdict(w World, wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	fmt.Fprintln(w.Err, "\ntillctl: the journal does not have exactly what happened:")
	for _, line := range wrong {
		fmt.Fprintln(w.Err, "  "+screen.Plain(line))
	}
	return errFound
}

// printNext prints commands that can be typed as they are.
func (v demoVerb) printNext(w World, data dataFolder, day *shopday.Day, entries []client.Entry) {
	typed := func(verb, rest string) string {
		line := w.Program + " " + verb
		if data != "" {
			line += " --data " + string(data)
		}
		if v.PortOffset != nil && verb != "token" {
			line += fmt.Sprintf(" --port-offset %d", *v.PortOffset)
		}
		if w.profile.typed {
			line += " --profile " + w.profile.name
		}
		return line + " --tenant " + day.Tenant + rest
	}
	for _, next := range [][2]string{
		{"Search the journal:", typed("search", " "+day.Word())},
		{"Draw a receipt:", typed("show", " "+firstSale(entries))},
		{"See where every event is:", typed("deliveries", "")},
		{"Ask the service itself:", fmt.Sprintf("curl -H \"Authorization: Bearer $(%s)\" \\\n%s  '%s/api/v1/tenants/%s/journals?transactionType=sales&limit=2'",
			typed("token", " --role auditor"), indent+indent, day.Cast.Auditor.Journals.Base(), day.Tenant)},
	} {
		fmt.Fprintf(w.Out, "%s%s\n%s%s\n", indent, next[0], indent+indent, next[1])
	}
}

// firstSale is the id of an entry worth looking at.
func firstSale(entries []client.Entry) string {
	for _, e := range entries {
		if e.TransactionNo != "" {
			return e.JournalID
		}
	}
	return "JOURNAL_ID"
}

const indent = "  "

// stage shows the day in a terminal window.
type stage struct {
	w    World
	fast bool
}

// pause between two things that happen, for somebody who watches.
const pause = 350 * time.Millisecond

// Scene implements shopday.Stage.
func (s *stage) Scene(title string) {
	fmt.Fprintf(s.w.Out, "\n%s\n\n", title)
}

// Say implements shopday.Stage.
func (s *stage) Say(format string, args ...any) {
	fmt.Fprintln(s.w.Out, indent+screen.Plain(fmt.Sprintf(format, args...)))
	s.wait()
}

// Slip implements shopday.Stage.
func (s *stage) Slip(text string) {
	screen.Receipt(s.w.Out, text, indent+"         ")
	s.wait()
}

func (s *stage) wait() {
	if s.w.Watched && !s.fast {
		s.w.Clock.Sleep(pause)
	}
}
