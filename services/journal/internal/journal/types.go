package journal

import "github.com/tillroll/tillroll/pkg/event"

// Type is the code of what an entry records.
type Type int

// The transaction types.
const (
	Sale          Type = event.TypeSale
	CancelledSale Type = -event.TypeSale
	Return        Type = event.TypeReturn
	VoidSale      Type = event.TypeVoidSale
	VoidReturn    Type = event.TypeVoidReturn
	Open          Type = 301
	Close         Type = 302
	CashIn        Type = 401
	CashOut       Type = 402
	FlashAlias    Type = 501 // what an older system calls 701
	DailyAlias    Type = 502 // what an older system calls 702
	FlashReport   Type = 701
	DailyReport   Type = 702
)

// Effect is what an operation does to the till: the factor of its total in the entry's amount.
type Effect int

// The effects.
const (
	TakesOut Effect = -1
	None     Effect = 0
	PutsIn   Effect = 1
)

// Categories of types, for searching by name.
const (
	Sales     = "sales"
	Returns   = "returns"
	Cash      = "cash"
	OpenClose = "openclose"
	Reports   = "reports"
)

// TypeRow is one row of the table of types.
type TypeRow struct {
	Type     Type
	Name     string
	Category string
	Effect   Effect // on a positive total; cash logs are signed already and put in what they say
}

// Types is the table of transaction types, in the order in which they are documented.
var Types = []TypeRow{
	{Sale, "Normal Sales", Sales, PutsIn},
	{CancelledSale, "Cancelled Sales", Sales, None},
	{Return, "Return Sales", Returns, TakesOut},
	{VoidSale, "Void Sales", Sales, TakesOut},
	{VoidReturn, "Void Return", Returns, PutsIn},
	{Open, "Open", OpenClose, None},
	{Close, "Close", OpenClose, None},
	{CashIn, "Cash-In", Cash, PutsIn},
	{CashOut, "Cash-Out", Cash, PutsIn},
	{FlashAlias, "Flash Report", Reports, None},
	{DailyAlias, "Daily Report", Reports, None},
	{FlashReport, "Flash Report", Reports, None},
	{DailyReport, "Daily Report", Reports, None},
}

// Categories lists the category names in the order of the table.
var Categories = []string{Sales, Returns, Cash, OpenClose, Reports}

var rowOf = func() map[Type]TypeRow {
	rows := make(map[Type]TypeRow, len(Types))
	for _, r := range Types {
		rows[r.Type] = r
	}
	return rows
}()

// Valid tells whether the table has t.
func (t Type) Valid() bool { _, ok := rowOf[t]; return ok }

// Name in plain words, "" for a type that the table does not have.
func (t Type) Name() string { return rowOf[t].Name }

// Effect of an operation of this type.
func (t Type) Effect() Effect { return rowOf[t].Effect }

// OfCategory lists the types of a category; none means that there is no such category.
func OfCategory(name string) []Type {
	var types []Type
	for _, r := range Types {
		if r.Category == name {
			types = append(types, r.Type)
		}
	}
	return types
}
