package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

type tenantsShow struct {
	access
	output
	Code code `arg:"" suggest:"@tenants" help:"Code of the tenant."`
}

func (tenantsShow) Help() string {
	return `Asks all three services: who the tenant is, which stores and tills it has, how much its journal holds, what is still on its
way, and what somebody has to see to. What the token may not see is named and left out.

    tillctl tenants show acme
    tillctl tenants show acme --output json

Exit code 3 says that something is wrong: missing events, open discrepancies, quarantined or parked events, a journal that
is not well.`
}

// tenantReport is a tenant as it is printed.
type tenantReport struct {
	Tenant        client.Answer[client.Tenant]  `json:"tenant"`
	Stores        []storeReport                 `json:"stores"`
	Entries       *int                          `json:"entries,omitempty"`
	Events        *uint64                       `json:"events,omitempty"`
	Missing       *uint64                       `json:"missing,omitempty"`
	Discrepancies *int                          `json:"openDiscrepancies,omitempty"`
	Quarantined   *int                          `json:"openQuarantine,omitempty"`
	Unconfirmed   *uint64                       `json:"unconfirmed,omitempty"`
	Parked        *int                          `json:"parked,omitempty"`
	Health        *client.Answer[client.Health] `json:"health,omitempty"`
	NotSeen       []string                      `json:"notSeen"` // what the token may not see
}

type storeReport struct {
	client.Store
	Tills []client.Till `json:"terminals"`
}

// Run the verb.
func (v tenantsShow) Run(ctx context.Context, w World, data dataFolder) error {
	if v.Code == "" {
		return misuse{errors.New("the code of the tenant is empty"), ""}
	}
	report, err := v.look(ctx, w, data)
	if err != nil {
		return err
	}
	if err := v.print(w, report, func() { report.draw(w) }); err != nil {
		return err
	}
	if len(report.wrong()) > 0 {
		return errFound
	}
	return nil
}

// look asks for everything, each as who may see it.
func (v tenantsShow) look(ctx context.Context, w World, data dataFolder) (r tenantReport, err error) {
	tenant := string(v.Code)
	operator, err := v.connect(w, data, platformOperator)
	if err != nil {
		return r, err
	}
	administrator, err := v.connect(w, data, auth.Principal{Role: auth.Administrator, TenantID: tenant})
	if err != nil {
		return r, err
	}
	r.Stores, r.NotSeen = []storeReport{}, []string{}
	if r.Tenant, err = administrator.Terminals.Tenant(ctx, tenant); err != nil {
		return r, err
	}
	for _, part := range []struct {
		name string
		ask  func() error
	}{
		{"stores", func() error { return r.stores(ctx, administrator, tenant) }},
		{"entries", func() error { return r.entries(ctx, administrator, tenant) }},
		{"streams", func() error { return r.streams(ctx, administrator, tenant) }},
		{"discrepancies", func() error {
			page, err := administrator.Journals.Discrepancies(ctx, tenant, client.DiscrepancyQuery{State: "open", Limit: 1})
			return keep(&r.Discrepancies, page.Total, err)
		}},
		{"quarantine", func() error {
			page, err := administrator.Journals.Quarantine(ctx, tenant, client.QuarantineQuery{State: "open", Limit: 1})
			return keep(&r.Quarantined, page.Total, err)
		}},
		{"deliveries", func() error { return r.deliveries(ctx, administrator, tenant) }},
		{"health", func() error {
			health, err := operator.Journals.Health(ctx)
			return keep(&r.Health, health, err)
		}},
	} {
		err := part.ask()
		var refused *client.Problem
		switch {
		case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
			r.NotSeen = append(r.NotSeen, part.name)
		case err != nil:
			return r, err
		}
	}
	return r, nil
}

func keep[T any](into **T, value T, err error) error {
	if err == nil {
		*into = &value
	}
	return err
}

func (r *tenantReport) stores(ctx context.Context, stack client.Stack, tenant string) error {
	stores, err := stack.Terminals.Stores(ctx, tenant)
	if err != nil {
		return err
	}
	for _, s := range stores.Values() {
		tills, err := stack.Terminals.Tills(ctx, tenant, s.StoreCode)
		if err != nil {
			return err
		}
		r.Stores = append(r.Stores, storeReport{s, tills.Values()})
	}
	return nil
}

func (r *tenantReport) entries(ctx context.Context, stack client.Stack, tenant string) error {
	found, err := stack.Journals.Search(ctx, tenant, client.SearchQuery{Filters: map[string][]string{"total": {"exact"}}, Limit: 1})
	return keep(&r.Entries, found.Total, err)
}

func (r *tenantReport) streams(ctx context.Context, stack client.Stack, tenant string) error {
	found, err := stack.Journals.Streams(ctx, tenant)
	events, missing := uint64(0), uint64(0)
	for _, s := range found.Values() {
		events += s.ChainSeq
		for _, p := range s.Producers {
			missing += p.Missing.Len()
		}
	}
	return errors.Join(keep(&r.Events, events, err), keep(&r.Missing, missing, err))
}

func (r *tenantReport) deliveries(ctx context.Context, stack client.Stack, tenant string) error {
	unconfirmed, parked := uint64(0), 0
	for _, p := range producers(stack, "all") {
		found, err := p.service.Outboxes(ctx, tenant)
		if err != nil {
			return err
		}
		for _, o := range found.Values() {
			unconfirmed, parked = unconfirmed+o.Unconfirmed, parked+o.Parked
		}
	}
	r.Unconfirmed, r.Parked = &unconfirmed, &parked
	return nil
}

// wrong is what somebody has to see to, each with the verb that shows it.
func (r tenantReport) wrong() (wrong []string) {
	tenant := r.Tenant.Value.TenantID
	say := func(n uint64, one, many, verb string) {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: `tillctl %s --tenant %s`", plural(int(n), one, many), verb, tenant)) //nolint:gosec // far below 2^53
		}
	}
	say(value(r.Missing), "event is missing", "events are missing", "streams")
	say(uint64(value(r.Discrepancies)), "discrepancy is open", "discrepancies are open", "discrepancies list") //nolint:gosec // not negative
	say(uint64(value(r.Quarantined)), "event is in quarantine", "events are in quarantine", "quarantine list") //nolint:gosec // not negative
	say(uint64(value(r.Parked)), "event is parked", "events are parked", "deliveries")                         //nolint:gosec // not negative
	if r.Health != nil && r.Health.Value.Status != "healthy" {
		for _, c := range r.Health.Value.Components {
			if c.Status != "up" {
				wrong = append(wrong, fmt.Sprintf("%s is %s: %s", c.Name, c.Status, strings.TrimSpace(c.Title+". "+c.Hint)))
			}
		}
	}
	return wrong
}

func value[T any](p *T) (zero T) {
	if p != nil {
		return *p
	}
	return zero
}

func (r tenantReport) draw(w World) {
	t := r.Tenant.Value
	facts := screen.NewFacts()
	facts.Add("Tenant", fmt.Sprintf("%s, %s", t.TenantID, t.TenantName))
	facts.Add("State", tenantState(t))
	facts.Add("Since", moment(t.EntryDatetime))
	if r.Entries != nil {
		facts.Add("Entries", grouped(*r.Entries))
	}
	if r.Events != nil {
		facts.Add("Events", grouped(int(*r.Events))) //nolint:gosec // far below 2^53
	}
	if r.Unconfirmed != nil {
		facts.Add("On their way", grouped(int(*r.Unconfirmed))) //nolint:gosec // far below 2^53
	}
	if r.Health != nil {
		facts.Add("Journal is", r.Health.Value.Status)
	}
	facts.Add("Not to be seen", strings.Join(r.NotSeen, ", "))
	facts.Print(w.Out, "")
	if len(r.Stores) > 0 {
		table := screen.NewTable("store", "name", ">tills", ">open").Painted(w.paint)
		for _, s := range r.Stores {
			open := 0
			for _, till := range s.Tills {
				if till.Status == event.StatusOpened {
					open++
				}
			}
			table.Row(s.StoreCode, s.StoreName, strconv.Itoa(len(s.Tills)), strconv.Itoa(open))
		}
		fmt.Fprintln(w.Out)
		table.Print(w.Out, "")
	}
	fmt.Fprintln(w.Out)
	wrong := r.wrong()
	for _, line := range wrong {
		fmt.Fprintln(w.Out, w.paint.Bad("WRONG")+"  "+screen.Plain(line))
	}
	if len(wrong) == 0 {
		fmt.Fprintln(w.Out, "Nothing is wrong.")
	}
}
