package journal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Grace is how long something may look wrong before it counts: events of one till come over several
// topics and in any order, so a gap that closes within it was none.
const Grace = 10 * time.Second

// LookAgain is how often a gap is looked at although nothing new came: what is missing may have been
// discarded from quarantine.
const LookAgain = time.Minute

// Limits of what an examination remembers.
const (
	sessionsKept = 100 // closed sessions of a stream; older ones are read again when something of them comes
	rangesNamed  = 200 // of a gap
)

// examinationVersion of the state. Another version is thrown away: the stream is examined from its
// first link, which finds the same again.
const examinationVersion = 1

// Examined is one link of a chain as it is examined.
type Examined struct {
	Seq      uint64
	EventID  string
	Topic    string
	Producer string
	Sequence uint64
	Content  []byte // empty where Examines says that nothing of the event is looked at
	Archived bool   // the content is in a segment of the archive
}

// Examines tells whether the content of an event matters here. Of business events only signing in does.
func Examines(topic, eventType string) bool {
	return topic != event.TopicEvents || eventType == signedIn
}

var signedIn = event.SignedIn{}.EventType()

// Examination is how far a stream was held against the rules, and what of it must be remembered: it is
// a fold over the stream's chain, in whatever order the events came. It is derived from what is stored
// and from the clock, so it may be lost.
type Examination struct {
	Version      int                     `json:"version"`
	Seq          uint64                  `json:"seq"`           // examined through this link
	BusinessDate string                  `json:"business_date"` // the newest seen
	Received     map[string]sequence.Set `json:"received"`      // by producer
	Gaps         map[string][]Gap        `json:"gaps"`          // by producer
	Staff        map[string]bool         `json:"staff"`         // who was ever signed in here
	Strangers    map[string]*Stranger    `json:"strangers"`     // who was not, by staff id
	Sessions     map[string]*SessionNote `json:"sessions"`      // that were closed, by date and open counter
	Forgotten    string                  `json:"forgotten"`     // sessions through this one may have been closed, too

	stream   identity.Stream
	now      time.Time
	due      time.Time
	findings map[FindingKey]*Finding
	receipts map[string][]int64 // new ones, by business date
	touched  map[string]bool
}

// Gap is a range of numbers that have not come since a time.
type Gap struct {
	sequence.Range
	Since time.Time
}

// MarshalJSON is needed because the range has its own form.
func (g Gap) MarshalJSON() ([]byte, error) {
	return json.Marshal(gapDocument{g.First, g.Last, g.Since})
}

// UnmarshalJSON is the reverse.
func (g *Gap) UnmarshalJSON(b []byte) error {
	var d gapDocument
	err := json.Unmarshal(b, &d)
	g.First, g.Last, g.Since = d.First, d.Last, d.Since
	return err
}

type gapDocument struct {
	First uint64    `json:"first"`
	Last  uint64    `json:"last"`
	Since time.Time `json:"since"`
}

// Stranger is a staff id that logs carry although nobody of that id was seen to sign in.
type Stranger struct {
	Since        time.Time `json:"since"`
	BusinessDate string    `json:"business_date"`
	OpenCounter  int       `json:"open_counter"`
	Events       []string  `json:"events"`
	Count        int       `json:"count"`
}

// SessionNote is what must be remembered of a session that was closed.
type SessionNote struct {
	BusinessDate string     `json:"business_date"`
	OpenCounter  int        `json:"open_counter"`
	Closed       bool       `json:"closed"`
	Provisional  bool       `json:"provisional"`
	CloseNo      uint64     `json:"close_no"` // sequence of the close log that counts
	Late         []string   `json:"late"`     // what came after a provisional close
	Differs      *time.Time `json:"differs"`  // since when
	Settled      bool       `json:"settled"`  // it was looked at after Grace
}

// ReceiptUse is one transaction that carries a receipt number.
type ReceiptUse struct {
	ReceiptNo int64
	EventID   string
	Seq       uint64 // its place in the chain
}

// Resume goes on with what Save gave; nil or an older form begins at the first link. open are the
// stream's open discrepancies: what they name was waited for long enough.
func Resume(stream identity.Stream, state []byte, open []*Discrepancy, now time.Time) *Examination {
	x := &Examination{}
	if json.Unmarshal(state, x) != nil || x.Version != examinationVersion {
		x = &Examination{Version: examinationVersion, Gaps: map[string][]Gap{}}
		for _, d := range open {
			for _, r := range d.Numbers {
				x.Gaps[d.Producer] = append(x.Gaps[d.Producer], Gap{r, d.OpenedAt.Add(-Grace)})
			}
		}
	}
	for _, m := range []*map[string]bool{&x.Staff, &x.touched} {
		if *m == nil {
			*m = map[string]bool{}
		}
	}
	if x.Received == nil {
		x.Received = map[string]sequence.Set{}
	}
	if x.Gaps == nil {
		x.Gaps = map[string][]Gap{}
	}
	if x.Strangers == nil {
		x.Strangers = map[string]*Stranger{}
	}
	if x.Sessions == nil {
		x.Sessions = map[string]*SessionNote{}
	}
	x.stream, x.now, x.findings, x.receipts = stream, now, map[FindingKey]*Finding{}, map[string][]int64{}
	return x
}

// Save gives what Resume takes.
func (x *Examination) Save() ([]byte, error) { return json.Marshal(x) }

// Stream that is examined.
func (x *Examination) Stream() identity.Stream { return x.stream }

// Add looks at the next link of the chain.
func (x *Examination) Add(l *Examined) error {
	if l.Seq != x.Seq+1 {
		return fmt.Errorf("link %d of %s was to be examined, not link %d", x.Seq+1, x.stream.ID(), l.Seq)
	}
	x.Seq = l.Seq
	x.count(l)
	makeEvent, ok := stored(l.Topic)
	if !ok || len(l.Content) == 0 {
		return nil
	}
	e := makeEvent()
	if json.Unmarshal(l.Content, e) == nil {
		x.look(e)
		return nil
	}
	x.find(Finding{Kind: Incomplete, Key: l.EventID, BusinessDate: x.BusinessDate, Detail: "the event cannot be read back", Events: []string{l.EventID}})
	return nil
}

// count notes the event in its producer's sequence.
func (x *Examination) count(l *Examined) {
	if l.Sequence == 0 {
		return
	}
	seen := x.Received[l.Producer]
	if seen.Contains(l.Sequence) {
		x.find(Finding{
			Kind: SequenceTwice, Key: fmt.Sprintf("%s/%d", l.Producer, l.Sequence), BusinessDate: x.BusinessDate,
			Detail:   fmt.Sprintf("event %s carries number %d of %s's sequence, which another event had before", l.EventID, l.Sequence, l.Producer),
			Producer: l.Producer, Numbers: sequence.Of(l.Sequence), Events: []string{l.EventID},
		})
	}
	x.Received[l.Producer] = seen.Add(l.Sequence, l.Sequence)
}

func (x *Examination) look(e event.Event) {
	switch e := e.(type) {
	case *event.TranLog:
		x.transaction(e)
	case *event.CashLog:
		x.log(&e.Envelope, e.BusinessDate, e.OpenCounter, e.StaffID, e.GenerateDateTime, e.JournalText)
	case *event.OpenCloseLog:
		if e.Operation == event.OperationClose {
			x.close(e)
		}
		x.log(&e.Envelope, e.BusinessDate, e.OpenCounter, e.StaffID, e.GenerateDateTime, e.JournalText)
	case *event.Snapshot:
		if e.Kind == event.KindTerminal && e.Terminal.Staff != nil {
			x.meet(e.Terminal.Staff.ID)
		}
	case *event.Business:
		x.meet(e.UserID)
	case *Direct: // what it says was checked when it was made
		x.BusinessDate = max(x.BusinessDate, e.BusinessDate)
		if e.ReceiptNo != nil && e.TransactionType.IsTransaction() {
			x.receipt(e.BusinessDate, *e.ReceiptNo)
		}
	}
}

func (x *Examination) transaction(l *event.TranLog) {
	staff := ""
	if l.Staff != nil {
		staff = l.Staff.ID
	}
	x.log(&l.Envelope, l.BusinessDate, l.OpenCounter, staff, l.GenerateDateTime, l.JournalText)
	x.receipt(l.BusinessDate, l.ReceiptNo)
	if wrong := checkTotals(l); len(wrong) > 0 {
		x.find(Finding{
			Kind: TotalsDiffer, Key: l.EventID, BusinessDate: l.BusinessDate, OpenCounter: l.OpenCounter, Events: []string{l.EventID}, Differences: wrong,
			Detail: fmt.Sprintf("transaction %d, receipt %d: %s", l.TransactionNo, l.ReceiptNo, explainAll(wrong, "the parts add up to %s, the transaction says %s")),
		})
	}
}

// receipt has a number looked up once the links are read.
func (x *Examination) receipt(date string, no int64) {
	if no > 0 {
		x.receipts[date] = append(x.receipts[date], no)
	}
}

// log looks at what all three logs have.
func (x *Examination) log(h *event.Envelope, date string, counter int, staff, generated, text string) {
	x.BusinessDate = max(x.BusinessDate, date)
	if missing := checkComplete(generated, text); len(missing) > 0 {
		x.find(Finding{
			Kind: Incomplete, Key: h.EventID, BusinessDate: date, OpenCounter: counter,
			Detail: strings.Join(missing, "; "), Events: []string{h.EventID},
		})
	}
	if staff != "" && !x.Staff[staff] {
		s := x.Strangers[staff]
		if s == nil {
			s = &Stranger{Since: x.now, BusinessDate: date, OpenCounter: counter}
			x.Strangers[staff] = s
		}
		s.Events, s.Count = named(s.Events, h.EventID), s.Count+1
	}
	key := sessionKey(date, counter)
	x.touched[key] = true
	// What the terminal itself sends is told from the close by its sequence; the cart has another one.
	if n := x.Sessions[key]; n != nil && n.Provisional && h.Producer != event.ProducerTerminal {
		n.Late = named(n.Late, h.EventID)
	}
}

// meet learns that somebody was signed in.
func (x *Examination) meet(staff string) {
	if staff == "" || x.Staff[staff] {
		return
	}
	x.Staff[staff] = true
	if _, ok := x.Strangers[staff]; ok {
		delete(x.Strangers, staff)
		x.fine(UnknownStaff, staff)
	}
}

// NewReceipts are the receipt numbers of the links that were added, by business date: their other uses
// are to be looked up and given to Receipts.
func (x *Examination) NewReceipts() map[string][]int64 {
	for date, numbers := range x.receipts {
		slices.Sort(numbers)
		x.receipts[date] = slices.Compact(numbers)
	}
	return x.receipts
}

// Receipts are all uses of some numbers on a business date.
func (x *Examination) Receipts(date string, uses []ReceiptUse) {
	by := map[int64][]ReceiptUse{}
	for _, u := range uses {
		by[u.ReceiptNo] = append(by[u.ReceiptNo], u)
	}
	for no, of := range by {
		if len(of) < 2 {
			continue
		}
		slices.SortFunc(of, func(a, b ReceiptUse) int { return int(int64(a.Seq) - int64(b.Seq)) })
		var events []string
		for _, u := range of {
			events = named(events, u.EventID)
		}
		x.find(Finding{
			Kind: ReceiptTwice, Key: fmt.Sprintf("%s/%d", date, no), BusinessDate: date, Events: events,
			Detail: fmt.Sprintf("%d transactions of business date %s carry receipt number %d", len(of), date, no),
		})
	}
}

// Findings ends the look. discarded are the numbers, by producer, that people gave up: they will not
// come and are no gap. A nil finding says that nothing is wrong with its key.
func (x *Examination) Findings(discarded map[string][]uint64) map[FindingKey]*Finding {
	for _, producer := range slices.Sorted(maps.Keys(x.Received)) {
		x.gap(producer, discarded[producer])
	}
	for _, staff := range slices.Sorted(maps.Keys(x.Strangers)) {
		x.stranger(staff, x.Strangers[staff])
	}
	for _, n := range x.Sessions {
		if n.Differs != nil {
			x.wait(*n.Differs)
		}
	}
	x.forget()
	return x.findings
}

// gap finds numbers that have been missing for longer than Grace.
func (x *Examination) gap(producer string, discarded []uint64) {
	received := x.Received[producer]
	last := received.Max()
	for _, n := range discarded {
		received = received.Add(n, n)
	}
	missing := received.Missing(1, last)
	var gaps []Gap
	var known sequence.Set
	for _, g := range x.Gaps[producer] {
		for _, r := range missing.Missing(g.First, g.Last).Missing(g.First, g.Last) { // what of g is missing still
			gaps = append(gaps, Gap{r, g.Since})
			known = known.Add(r.First, r.Last)
		}
	}
	for _, r := range missing {
		for _, fresh := range known.Missing(r.First, r.Last) {
			gaps = append(gaps, Gap{fresh, x.now})
		}
	}
	x.Gaps[producer] = gaps
	var settled sequence.Set
	for _, g := range gaps {
		if !x.wait(g.Since) {
			settled = settled.Add(g.First, g.Last)
		}
	}
	if len(settled) == 0 {
		x.fine(SequenceGap, producer)
		return
	}
	x.again(x.now.Add(LookAgain))
	x.find(Finding{
		Kind: SequenceGap, Key: producer, BusinessDate: x.BusinessDate, Producer: producer, Numbers: settled[:min(len(settled), rangesNamed)],
		Detail: fmt.Sprintf("%d events of %s have not come, the first of them is number %d", settled.Len(), producer, settled[0].First),
	})
}

// stranger finds a staff id that nobody had, at a terminal of which it is known who was signed in.
func (x *Examination) stranger(staff string, s *Stranger) {
	if len(x.Staff) == 0 || x.wait(s.Since) {
		return
	}
	x.find(Finding{
		Kind: UnknownStaff, Key: staff, BusinessDate: s.BusinessDate, OpenCounter: s.OpenCounter, Events: s.Events,
		Detail: fmt.Sprintf("%d logs carry the staff id %.60q, and nobody of that id was seen to sign in at this terminal", s.Count, staff),
	})
}

// forget drops the oldest sessions of which nothing is wrong.
func (x *Examination) forget() {
	for _, key := range slices.Sorted(maps.Keys(x.Sessions)) {
		if len(x.Sessions) <= sessionsKept {
			return
		}
		if n := x.Sessions[key]; n.Differs == nil && len(n.Late) == 0 {
			delete(x.Sessions, key)
			x.Forgotten = max(x.Forgotten, key)
		}
	}
}

// Due is when to look again although nothing came; zero when there is no need.
func (x *Examination) Due() time.Time { return x.due }

// wait tells whether what has been so since then may still mend itself.
func (x *Examination) wait(since time.Time) bool {
	if end := since.Add(Grace); end.After(x.now) {
		x.again(end)
		return true
	}
	return false
}

func (x *Examination) again(at time.Time) {
	if x.due.IsZero() || at.Before(x.due) {
		x.due = at
	}
}

func (x *Examination) find(f Finding) { x.findings[FindingKey{f.Kind, f.Key}] = &f }

func (x *Examination) fine(kind Kind, key string) { x.findings[FindingKey{kind, key}] = nil }

func named(events []string, id string) []string {
	if len(events) < mostNamed && !slices.Contains(events, id) {
		events = append(events, id)
	}
	return events
}

func explainAll(differences []Difference, form string) string {
	parts := make([]string, len(differences))
	for i, d := range differences {
		parts[i] = d.Field + ": " + fmt.Sprintf(form, orNothing(d.Logs), orNothing(d.CloseLog))
	}
	return strings.Join(parts, "; ")
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
