package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Selection says which entries somebody wants to take away; what is zero wants all.
type Selection struct {
	StoreCode    string
	Terminals    sequence.Set
	Types        []journal.Type
	BusinessDate journal.Span[string]
}

// Holds tells whether e is wanted.
func (s *Selection) Holds(e *journal.Entry) bool {
	return (s.StoreCode == "" || e.StoreCode == s.StoreCode) &&
		(len(s.Terminals) == 0 || s.Terminals.Contains(uint64(e.TerminalNo))) &&
		(len(s.Types) == 0 || slices.Contains(s.Types, e.TransactionType)) &&
		(s.BusinessDate.From == nil || e.BusinessDate >= *s.BusinessDate.From) &&
		(s.BusinessDate.To == nil || e.BusinessDate <= *s.BusinessDate.To)
}

// selectionReads is how many events one page of a selection looks at: a second's work. A page of a
// selection that little fulfils may be empty, with more to come.
const selectionReads = 20_000

// pageBytes is about how large a page of an export gets: events may be of any size up to MaxContent, and a
// page is held in memory.
const pageBytes = 8 << 20

// errPageFull ends the reading of a page.
var errPageFull = errors.New("the page is full")

// Select gives those events of an export to visit that have an entry which sel holds: at most limit of
// those from the index from on, as the checkpoint of size events has them, each with its proof. It gives the
// index behind the last event that it looked at, which is size at the end. Because a checkpoint never
// changes, the same selection gives the same events whenever it is asked for.
func (p *Proof) Select(ctx context.Context, tenant string, sel Selection, size, from uint64, limit int, visit func(*proof.Line) error) (next uint64, err error) {
	if _, err := p.checkpointOf(ctx, tenant, size); err != nil {
		return 0, err
	}
	stored, err := p.store.LogSize(ctx, tenant)
	if err != nil {
		return 0, asProblem(err, TenantUnknown)
	}
	next = min(from, size)
	room := pageBytes
	end := min(size, next+selectionReads)
	prover := proof.NewProver(stored, tree{ctx, p.store, tenant})
	err = p.store.Logged(ctx, tenant, next, end, func(index uint64, s *journal.Stored) error {
		switch {
		case limit == 0:
			return errPageFull
		case index != next:
			return fmt.Errorf("%w: event %d of the log is not in the journal", ErrDamaged, next)
		}
		next = index + 1
		if s.Entry == nil || !sel.Holds(s.Entry) {
			return nil
		}
		limit--
		line, err := lineOf(index, s)
		if err == nil {
			line.Inclusion, err = prover.Inclusion(index, size)
		}
		if err != nil {
			return err
		}
		if room -= len(line.Content) + len(line.Entry); room <= 0 {
			limit = 0
		}
		return visit(&line)
	})
	switch {
	case errors.Is(err, errPageFull):
		err = nil
	case err == nil && next < end:
		err = fmt.Errorf("%w: event %d of the log is not in the journal", ErrDamaged, next)
	}
	return next, asProblem(err, TenantUnknown)
}
