package cart

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/problem"
)

// Status of a cart.
type Status string

// The statuses. A cart that does not exist yet is Initial.
const (
	Initial      Status = ""
	Idle         Status = "Idle"
	EnteringItem Status = "EnteringItem"
	Paying       Status = "Paying"
	Completed    Status = "Completed"
	Cancelled    Status = "Cancelled"
)

func (s Status) String() string {
	if s == Initial {
		return "Initial"
	}
	return string(s)
}

// Ended tells whether nothing can happen to the cart any more.
func (s Status) Ended() bool { return s == Completed || s == Cancelled }

// Operation is something that can be done to a cart.
type Operation string

// The operations.
const (
	OpCreate          Operation = "create"
	OpAddItems        Operation = "add items"
	OpCancelLine      Operation = "cancel line"
	OpChangeQuantity  Operation = "change quantity"
	OpChangePrice     Operation = "change unit price"
	OpSubtotal        Operation = "subtotal"
	OpPay             Operation = "payment"
	OpResumeItemEntry Operation = "resume item entry"
	OpBill            Operation = "bill"
	OpCancel          Operation = "cancel"
)

// Transition is one row of the state machine: from which statuses an operation is possible, and
// where it leads. To is Initial when the status stays as it is.
type Transition struct {
	Operation Operation
	From      []Status
	To        Status
}

// Machine is the state machine. Apply moves the status; a test holds it to this table.
var Machine = []Transition{
	{OpCreate, []Status{Initial}, Idle},
	{OpAddItems, []Status{Idle, EnteringItem}, EnteringItem},
	{OpCancelLine, []Status{EnteringItem}, Initial},
	{OpChangeQuantity, []Status{EnteringItem}, Initial},
	{OpChangePrice, []Status{EnteringItem}, Initial},
	{OpSubtotal, []Status{EnteringItem}, Paying},
	{OpPay, []Status{EnteringItem, Paying}, Initial},
	{OpResumeItemEntry, []Status{Paying}, EnteringItem},
	{OpBill, []Status{Paying}, Completed},
	{OpCancel, []Status{Idle, EnteringItem, Paying}, Cancelled},
}

// may fails with problem.InvalidOperation when op is not possible now.
func (c Cart) may(op Operation) error {
	var possible []string
	for _, t := range Machine {
		if !slices.Contains(t.From, c.Status) {
			continue
		}
		if t.Operation == op {
			return nil
		}
		possible = append(possible, string(t.Operation))
	}
	hint := "Nothing can be done to it any more; make a new cart."
	if len(possible) > 0 {
		hint = fmt.Sprintf("Possible now: %s.", strings.Join(possible, ", "))
	}
	return problem.InvalidOperation.New("Invalid event: %s for state: %s", op, c.Status).WithHint("%s", hint)
}
