package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// A session is examined as a whole: its logs are held against its close log, and what came after that is
// late.

// close notes a close log. The one with the highest sequence counts.
func (x *Examination) close(l *event.OpenCloseLog) {
	n := x.session(l.BusinessDate, l.OpenCounter)
	if !n.Closed || l.Sequence >= n.CloseNo {
		n.Closed, n.Provisional, n.CloseNo, n.Late = true, l.IsProvisional, l.Sequence, nil
	}
}

func (x *Examination) session(date string, counter int) *SessionNote {
	key := sessionKey(date, counter)
	n := x.Sessions[key]
	if n == nil {
		n = &SessionNote{BusinessDate: date, OpenCounter: counter}
		x.Sessions[key] = n
	}
	return n
}

// WantedSessions are the sessions whose logs are to be read and given to Session.
func (x *Examination) WantedSessions() []SessionKey {
	var keys []SessionKey
	want := func(date string, counter int) {
		keys = append(keys, SessionKey{Terminal: identity.Terminal(x.stream), BusinessDate: date, OpenCounter: counter})
	}
	for key := range x.touched {
		if x.Sessions[key] == nil && key <= x.Forgotten { // it may have been closed long ago
			date, counter := splitSession(key)
			want(date, counter)
		}
	}
	for key, n := range x.Sessions {
		if n.Closed && x.touched[key] || n.Differs != nil && !n.Settled && !n.Differs.Add(Grace).After(x.now) {
			want(n.BusinessDate, n.OpenCounter)
		}
	}
	return keys
}

// Session holds a session's logs against its close.
func (x *Examination) Session(key SessionKey, s *Session) {
	r, err := Reconcile(s)
	if err == nil && r.Close == nil {
		return
	}
	n := x.session(key.BusinessDate, key.OpenCounter)
	if err == nil && !n.Closed {
		n.Closed, n.Provisional, n.CloseNo = true, r.Close.IsProvisional, r.Close.Sequence
	}
	x.counts(n, r, err)
	if err == nil {
		x.late(n, s, r.Close)
	}
}

// counts finds where logs and close differ, once they have for longer than Grace.
func (x *Examination) counts(n *SessionNote, r *Reconciliation, failure error) {
	name := sessionName(n)
	if failure == nil && r.State != SessionDiffers {
		n.Differs, n.Settled = nil, false
		x.fine(SessionDiffer, name)
		return
	}
	if n.Differs == nil {
		since := x.now
		n.Differs = &since
	}
	if x.wait(*n.Differs) {
		return
	}
	n.Settled = true
	f := Finding{Kind: SessionDiffer, Key: name, BusinessDate: n.BusinessDate, OpenCounter: n.OpenCounter}
	if failure != nil {
		f.Detail = "the session's amounts cannot be added up: " + failure.Error()
	} else {
		f.Differences = r.Differences
		f.Detail = explainAll(r.Differences, "the logs have %s, the close log says %s")
		f.Events = []string{r.Close.EventID}
	}
	x.find(f)
}

// late finds what happened in the session although its close log does not know of it: numbers beyond
// the last one that it names, cash behind it, and after a provisional close whatever came.
func (x *Examination) late(n *SessionNote, s *Session, closing *event.OpenCloseLog) {
	late := slices.Clone(n.Late)
	if !closing.IsProvisional {
		late = nil
		for _, l := range s.Transactions {
			if closing.CartTransactionLastNo != nil && l.TransactionNo > *closing.CartTransactionLastNo {
				late = append(late, l.EventID)
			}
		}
	}
	for _, l := range s.Cash {
		if l.Sequence > closing.Sequence && !slices.Contains(late, l.EventID) {
			late = append(late, l.EventID)
		}
	}
	name := sessionName(n)
	if len(late) == 0 {
		x.fine(AfterClose, name)
		return
	}
	x.find(Finding{
		Kind: AfterClose, Key: name, BusinessDate: n.BusinessDate, OpenCounter: n.OpenCounter, Events: late[:min(len(late), mostNamed)],
		Detail: fmt.Sprintf("%d of the session's events are not in its close log", len(late)),
	})
}

// sessionKey orders by date and counter.
func sessionKey(date string, counter int) string { return fmt.Sprintf("%s/%09d", date, counter) }

func splitSession(key string) (date string, counter int) {
	date, rest, _ := strings.Cut(key, "/")
	_, _ = fmt.Sscanf(rest, "%d", &counter)
	return date, counter
}

func sessionName(n *SessionNote) string { return fmt.Sprintf("%s/%d", n.BusinessDate, n.OpenCounter) }
