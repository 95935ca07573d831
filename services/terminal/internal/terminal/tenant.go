package terminal

import (
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Tenant is one customer of the platform.
type Tenant struct {
	TenantID  string    `json:"tenant_id"`
	Name      string    `json:"tenant_name"`
	Tags      []string  `json:"tags,omitempty"`
	Policy    Policy    `json:"policy"`
	IsActive  bool      `json:"is_active"`
	Version   uint64    `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Policy is what a tenant asks of its tills. Amounts are in the currency of the store at hand; a
// limit that is nil is none.
type Policy struct {
	SignInRequired bool           `json:"sign_in_required"` // to open and to close
	CashMin        *money.Decimal `json:"cash_min,omitempty"`
	CashMax        *money.Decimal `json:"cash_max,omitempty"`
}

// TenantChange is what a request wants changed; nil stays as it is.
type TenantChange struct {
	Name     *string
	Tags     *[]string
	Policy   *Policy
	IsActive *bool
}

// NewTenant makes a tenant and tells it. It fails with problem.Invalid.
func NewTenant(tenantID, name string, tags []string, policy Policy, now time.Time) (*Tenant, []event.Event, error) {
	if err := policy.check(); err != nil {
		return nil, nil, err
	}
	t := &Tenant{
		TenantID: tenantID, Name: name, Tags: tags, Policy: policy, IsActive: true,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	return t, []event.Event{t.Snapshot()}, nil
}

// Change changes the tenant. No events mean that nothing was different. It fails with
// problem.Invalid.
func (t *Tenant) Change(c TenantChange, now time.Time) ([]event.Event, error) {
	if c.Policy != nil {
		if err := c.Policy.check(); err != nil {
			return nil, err
		}
	}
	changed := set(&t.Name, c.Name)
	changed = set(&t.IsActive, c.IsActive) || changed
	changed = setList(&t.Tags, c.Tags) || changed
	if c.Policy != nil && !t.Policy.equal(*c.Policy) {
		t.Policy, changed = *c.Policy, true
	}
	if !changed {
		return nil, nil
	}
	t.Version++
	t.UpdatedAt = now
	return []event.Event{t.Snapshot()}, nil
}

// Snapshot of the tenant as it is now.
func (t *Tenant) Snapshot() *event.Snapshot {
	return &event.Snapshot{Kind: event.KindTenant, Version: t.Version, Tenant: &event.TenantState{
		TenantID: t.TenantID, TenantName: t.Name, IsActive: t.IsActive,
	}}
}

// check makes sure that the limits leave room for an amount.
func (p Policy) check() error {
	least, most := money.Zero, maxAmount
	if p.CashMin != nil {
		least = *p.CashMin
	}
	if p.CashMax != nil {
		most = *p.CashMax
	}
	if least.Sign() < 0 || most.Sign() <= 0 || most.Cmp(least) < 0 || most.Cmp(maxAmount) > 0 {
		return problem.Invalid.New("no amount lies between %s and %s", least, most).WithFields(problem.Field{
			Name: "policy", Rule: "limits", Message: "0 ≤ cashInOutMin ≤ cashInOutMax ≤ " + maxAmount.String()})
	}
	return nil
}

func (p Policy) equal(q Policy) bool {
	return p.SignInRequired == q.SignInRequired && sameAmount(p.CashMin, q.CashMin) && sameAmount(p.CashMax, q.CashMax)
}

func sameAmount(a, b *money.Decimal) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// set gives *field the value of change, if there is one, and tells whether that made a difference.
func set[T comparable](field *T, change *T) bool {
	if change == nil || *field == *change {
		return false
	}
	*field = *change
	return true
}

func setList(field *[]string, change *[]string) bool {
	if change == nil || slices.Equal(*field, *change) {
		return false
	}
	*field = slices.Clone(*change)
	return true
}
