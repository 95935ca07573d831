package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// withArchive gives a store that finds in the archive what has left the live journal, so that whoever asks
// for an event by its id, its place or its session need not know where it is. Searches and lists are of
// the live journal; Search asks the archive by itself.
func withArchive(s Store, blobs archive.Blobs) Store {
	if blobs == nil {
		return s
	}
	return &archivedStore{s, blobs}
}

type archivedStore struct {
	Store
	blobs archive.Blobs
}

// event reads an event that is not in the live journal, or fails with ErrNotFound. Events are registered
// in the archive before they leave the live journal, so whoever did not find one there finds it here.
func (a *archivedStore) event(ctx context.Context, tenant, eventID string) (*journal.Stored, error) {
	leaf, err := a.LeafOf(ctx, tenant, eventID)
	if err != nil {
		return nil, err
	}
	shelf := newShelf(a.Store, a.blobs, tenant)
	defer shelf.close()
	s, err := shelf.link(ctx, leaf.Stream, leaf.Seq)
	if err == nil && s.Hash != leaf.Link {
		err = fmt.Errorf("%w: the archive has another event than %s at link %d of %s", ErrDamaged, eventID, leaf.Seq, leaf.Stream)
	}
	return s, err
}

// Entry implements Reader.
func (a *archivedStore) Entry(ctx context.Context, tenant, eventID string) (*journal.Listed, error) {
	l, err := a.Store.Entry(ctx, tenant, eventID)
	if !errors.Is(err, ErrNotFound) {
		return l, err
	}
	s, err := a.event(ctx, tenant, eventID)
	if err != nil {
		return nil, err
	}
	if s.Entry == nil {
		return nil, ErrNotFound
	}
	found := listedOf(s)
	return &found, nil
}

// Direct implements Reader.
func (a *archivedStore) Direct(ctx context.Context, tenant, eventID string) (*journal.Direct, error) {
	d, err := a.Store.Direct(ctx, tenant, eventID)
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	s, err := a.event(ctx, tenant, eventID)
	if err != nil {
		return nil, err
	}
	if s.Topic != journal.TopicDirect {
		return nil, ErrNotFound
	}
	d = new(journal.Direct)
	return d, Damaged(json.Unmarshal(s.Content, d))
}

// Logged implements Log: what is archived comes with what the archive has of it.
func (a *archivedStore) Logged(ctx context.Context, tenant string, begin, end uint64, visit func(uint64, *journal.Stored) error) error {
	shelf := newShelf(a.Store, a.blobs, tenant)
	defer shelf.close()
	return a.Store.Logged(ctx, tenant, begin, end, func(index uint64, s *journal.Stored) error {
		if !s.Archived {
			return visit(index, s)
		}
		found, err := shelf.link(ctx, s.Stream, s.Seq)
		if errors.Is(err, ErrNotFound) {
			return visit(index, s) // purged: its hashes are all there is
		}
		if err == nil && found.Hash != s.Hash {
			err = fmt.Errorf("%w: the archive has another event at link %d of %s", ErrDamaged, s.Seq, s.Stream)
		}
		if err != nil {
			return err
		}
		return visit(index, found)
	})
}

// An order is in the archive, if it is, with the days around that on which its id was made: an id is a UUID
// of version 7, which says when. Orders with other ids are found as long as they are live.
const (
	orderBefore = 1 // days: a shop's business date may be that of yesterday
	orderAfter  = 3 // days for which an order may stay open
)

// Order implements Reader.
func (a *archivedStore) Order(ctx context.Context, tenant, orderID string) ([]*event.Business, []journal.Listed, error) {
	events, entries, err := a.Store.Order(ctx, tenant, orderID)
	made, ok := madeAt(orderID)
	if err != nil || !ok {
		return events, entries, err
	}
	from, to := made.AddDate(0, 0, -orderBefore).Format(journal.DateForm), made.AddDate(0, 0, orderAfter).Format(journal.DateForm)
	rows, err := a.Segments(ctx, tenant, SegmentQuery{Date: journal.Span[string]{From: &from, To: &to}})
	if err != nil {
		return nil, nil, err
	}
	shelf := newShelf(a.Store, a.blobs, tenant)
	defer shelf.close()
	found := len(events) + len(entries)
	err = shelf.each(ctx, rows, func(v *volume, at int, m *archive.Member) (bool, error) {
		if m.OrderID != orderID {
			return true, nil
		}
		s, err := shelf.read(ctx, v, at, m)
		switch {
		case err != nil:
			return false, err
		case s.Topic == event.TopicEvents && !slices.ContainsFunc(events, func(e *event.Business) bool { return e.EventID == s.EventID }):
			e := new(event.Business)
			events = append(events, e)
			return true, Damaged(json.Unmarshal(s.Content, e))
		case s.Topic == event.TopicTranLog && !slices.ContainsFunc(entries, func(l journal.Listed) bool { return l.EventID == s.EventID }):
			entries = append(entries, listedOf(s))
		}
		return true, nil
	})
	if err == nil && found < len(events)+len(entries) {
		inOrder(events, entries)
	}
	return events, entries, err
}

func madeAt(orderID string) (time.Time, bool) {
	id, err := uuid.Parse(orderID)
	if err != nil || id.Version() != 7 {
		return time.Time{}, false
	}
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec).UTC(), true
}

// inOrder sorts as stores do: events by time, and where one instant has several by their sequence; entries
// by their instants.
func inOrder(events []*event.Business, entries []journal.Listed) {
	slices.SortStableFunc(events, func(a, b *event.Business) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), cmp.Compare(a.Producer, b.Producer), cmp.Compare(a.Sequence, b.Sequence))
	})
	slices.SortStableFunc(entries, func(a, b journal.Listed) int {
		return a.GeneratedAt(time.Time{}).Compare(b.GeneratedAt(time.Time{}))
	})
}

// Session implements Reader.
func (a *archivedStore) Session(ctx context.Context, tenant string, key journal.SessionKey) (*journal.Session, error) {
	session, err := a.Store.Session(ctx, tenant, key)
	if err != nil {
		return nil, err
	}
	rows, err := a.Segments(ctx, tenant, SegmentQuery{StoreCode: key.Terminal.StoreCode, Date: journal.Span[string]{From: &key.BusinessDate, To: &key.BusinessDate}})
	if err != nil || len(rows) == 0 {
		return session, err
	}
	shelf := newShelf(a.Store, a.blobs, tenant)
	defer shelf.close()
	err = shelf.each(ctx, rows, func(v *volume, at int, m *archive.Member) (bool, error) {
		if m.TerminalNo != key.Terminal.TerminalNo || m.OpenCounter == nil || *m.OpenCounter != int64(key.OpenCounter) {
			return true, nil
		}
		s, err := shelf.read(ctx, v, at, m)
		if err != nil {
			return false, err
		}
		switch s.Topic {
		case event.TopicTranLog:
			session.Transactions, err = withLog(session.Transactions, s.Content)
		case event.TopicCashLog:
			session.Cash, err = withLog(session.Cash, s.Content)
		case event.TopicOpenCloseLog:
			session.OpenClose, err = withLog(session.OpenClose, s.Content)
		}
		return true, err
	})
	return session, err
}

// withLog puts an event among others in the order of their sequence, unless it is there.
func withLog[T any, P interface {
	*T
	event.Event
}](logs []P, content []byte) ([]P, error) {
	l := P(new(T))
	if err := json.Unmarshal(content, l); err != nil {
		return nil, Damaged(err)
	}
	at, there := slices.BinarySearchFunc(logs, l.Head().Sequence, func(other P, n uint64) int { return cmp.Compare(other.Head().Sequence, n) })
	if there && logs[at].Head().EventID == l.Head().EventID {
		return logs, nil
	}
	return slices.Insert(logs, at, l), nil
}
