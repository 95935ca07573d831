package cart

import (
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/problem"
)

// InEntry says of a problem with one entry of a list which entry it is: field quantity of the second
// entry is "[1].quantity". A problem that names no field names the given one.
func InEntry(i int, field string, err error) error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	if len(p.Fields) == 0 {
		p.Fields = []problem.Field{{Name: field, Rule: p.Kind.Name, Message: p.Detail}}
	}
	for f := range p.Fields {
		p.Fields[f].Name = fmt.Sprintf("[%d].%s", i, p.Fields[f].Name)
	}
	p.Detail = fmt.Sprintf("entry %d: %s", i+1, p.Detail)
	return p
}
