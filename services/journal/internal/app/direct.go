package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Limits of what a request may say.
const (
	maxNumberText = 20
	maxID         = 64
	maxDirectText = 200_000 // bytes of one text
	maxCount      = 1_000_000_000
	// daysAhead is how far the business date may lie ahead of the calendar: a night shop's day, and time zones.
	daysAhead = 2
)

// Direct makes journal entries by request, for what comes from no service of ours.
type Direct struct {
	store     Store
	committer *committer
	examiner  *examiner
	clock     clockwork.Clock
	metrics   *metrics
}

// DirectRequest is what the entry shall say. Request carries the caller's Idempotency-Key.
type DirectRequest struct {
	Request  idempotency.Request
	Kind     string // journal.DirectJournal or DirectTransaction
	Terminal identity.Terminal
	By       *auth.Principal

	TransactionNo   string
	TransactionType int
	BusinessDate    string
	OpenCounter     *int
	BusinessCounter *int
	ReceiptNo       *int64
	Amount          *money.Decimal
	Quantity        *int64
	StaffID         string
	UserID          string
	JournalText     string
	ReceiptText     string
}

// Create stores the entry in the chain of its terminal. The same request again gives the same entry.
// It fails with DirectTypeInvalid, DirectNumbersInvalid, DirectDateInvalid or DirectInvalid and the
// fields, with TerminalUnknown, StoreUnknown or TenantUnknown, with problem.IdempotencyReuse when the
// key was used for something else, and with EntryNotStored.
func (d *Direct) Create(ctx context.Context, r DirectRequest) (*journal.Listed, error) {
	if err := r.check(d.clock.Now()); err != nil {
		return nil, err
	}
	id := directID(&r)
	if l, err := d.repeated(ctx, &r, id); l != nil || err != nil {
		return l, err
	}
	zone, err := d.place(ctx, &r)
	if err != nil {
		return nil, err
	}
	record, err := r.entry(id, d.clock.Now(), zone).Record()
	if err != nil {
		return nil, EntryNotStored.New("").Because(err)
	}
	k := &candidate{ctx: ctx, record: record}
	if !d.committer.commit(ctx, r.Terminal.TenantID, []*candidate{k}) {
		return nil, DatabaseAway.New("the request ended before its entry was stored: repeat it with the same key").Because(ctx.Err()).After(time.Second)
	}
	switch {
	case k.err != nil && (errors.Is(k.err, ErrRefused) || errors.Is(k.err, errPanicked)):
		return nil, EntryNotStored.New("").Because(k.err)
	case k.err != nil:
		return nil, asProblem(k.err, EntryNotFound)
	}
	if k.outcome == Stored {
		d.examiner.note(record.Stream())
	}
	d.metrics.ingested.WithLabelValues(journal.TopicDirect, k.outcome.String()).Inc()
	// A request at the same time may have stored another spelling of the time: that one counts.
	l, err := d.repeated(ctx, &r, id)
	if err == nil && l == nil {
		err = EntryDamaged.New("the entry %s was stored and cannot be found", id)
	}
	return l, err
}

// directID is the same for the same key of the same terminal.
func directID(r *DirectRequest) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tillroll-direct-1\n%s\n%s\n", r.Terminal.ID(), r.Request.Key))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 (custom), variant of RFC 9562
	return id.String()
}

// repeated gives the entry that the key made before, nil when it made none.
func (d *Direct) repeated(ctx context.Context, r *DirectRequest, id string) (*journal.Listed, error) {
	made, err := d.store.Direct(ctx, r.Terminal.TenantID, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, asProblem(err, EntryNotFound)
	case made.Fingerprint != r.Request.Fingerprint:
		return nil, problem.IdempotencyReuse.New("the key made another entry at this terminal before")
	}
	l, err := d.store.Entry(ctx, r.Terminal.TenantID, id)
	return l, asProblem(err, EntryNotFound)
}

// place makes sure that the terminal is one, and gives the time zone of its store. A terminal that asks
// for itself is known by its token, whether its snapshot has come or not.
func (d *Direct) place(ctx context.Context, r *DirectRequest) (*time.Location, error) {
	stores, err := d.store.Stores(ctx, r.Terminal.TenantID)
	if err != nil {
		return nil, asProblem(err, TenantUnknown)
	}
	i := slices.IndexFunc(stores, func(s *event.Snapshot) bool { return s.Store.StoreCode == r.Terminal.StoreCode })
	zone := time.UTC
	if i >= 0 {
		if loaded, err := time.LoadLocation(stores[i].Store.TimeZone); err == nil {
			zone = loaded
		}
	}
	if r.By.Terminal != nil {
		return zone, nil
	}
	_, err = d.store.Terminal(ctx, r.Terminal.ID())
	switch {
	case err == nil:
		return zone, nil
	case !errors.Is(err, ErrNotFound):
		return nil, asProblem(err, TerminalUnknown)
	case i < 0:
		return nil, StoreUnknown.New("the journal knows no store %s of %s", r.Terminal.StoreCode, r.Terminal.TenantID)
	}
	return nil, TerminalUnknown.New("store %s has no terminal %d as far as the journal knows", r.Terminal.StoreCode, r.Terminal.TerminalNo)
}

func (r *DirectRequest) entry(id string, now time.Time, zone *time.Location) *journal.Direct {
	e := &journal.Direct{
		Envelope: event.Envelope{
			EventID: id, SchemaVersion: event.SchemaVersion, TenantID: r.Terminal.TenantID, StoreCode: r.Terminal.StoreCode,
			TerminalNo: r.Terminal.TerminalNo, Producer: event.ProducerJournal, OccurredAt: now.UTC(),
		},
		Kind: r.Kind, TransactionNo: r.TransactionNo, TransactionType: journal.Type(r.TransactionType).Canonical(), BusinessDate: r.BusinessDate,
		OpenCounter: r.OpenCounter, BusinessCounter: r.BusinessCounter, ReceiptNo: r.ReceiptNo, Quantity: r.Quantity,
		StaffID: r.StaffID, UserID: r.UserID, GenerateDateTime: now.In(zone).Format(time.RFC3339),
		JournalText: r.JournalText, ReceiptText: r.ReceiptText, MadeBy: string(r.By.Role) + " " + r.By.Subject, Fingerprint: r.Request.Fingerprint,
	}
	if r.Amount != nil {
		e.Amount = *r.Amount
	}
	return e
}

// check collects everything that is wrong; the first group of rules that is broken names the problem.
func (r *DirectRequest) check(now time.Time) error {
	groups := []struct {
		kind   *problem.Kind
		fields []problem.Field
	}{
		{DirectTypeInvalid, r.checkType()}, {DirectNumbersInvalid, r.checkNumbers()}, {DirectDateInvalid, r.checkDate(now)}, {DirectInvalid, r.checkTexts()},
	}
	var kind *problem.Kind
	var all []problem.Field
	for _, g := range groups {
		if kind == nil && len(g.fields) > 0 {
			kind = g.kind
		}
		all = append(all, g.fields...)
	}
	if kind == nil {
		return nil
	}
	return kind.New("%s: %s", all[0].Name, all[0].Message).WithFields(all...)
}

func broken(name, rule, message string, args ...any) problem.Field {
	return problem.Field{Name: name, Rule: rule, Message: fmt.Sprintf(message, args...)}
}

// checkType holds type and amount against the table of types.
func (r *DirectRequest) checkType() (f []problem.Field) {
	t := journal.Type(r.TransactionType)
	switch {
	case r.TransactionType == 0:
		return append(f, broken("transactionType", "required", "must be given, such as 101"))
	case !t.Valid():
		return append(f, broken("transactionType", "type", "must be one of %s", typeList(func(journal.Type) bool { return true })))
	case r.Kind == journal.DirectTransaction && !t.IsTransaction():
		return append(f, broken("transactionType", "type", "must be one of %s; make entries of other types with %s", typeList(journal.Type.IsTransaction), journal.DirectJournal))
	}
	if r.Amount == nil {
		if r.Kind == journal.DirectTransaction || t.CheckAmount(money.Zero) != nil {
			f = append(f, broken("amount", "required", "must be given, such as 10.99"))
		}
		return f
	}
	if err := t.CheckAmount(*r.Amount); err != nil {
		f = append(f, broken("amount", "sign", "%v", err))
	}
	return f
}

func typeList(which func(journal.Type) bool) string {
	var codes []string
	for _, row := range journal.Types {
		if which(row.Type) {
			codes = append(codes, fmt.Sprint(int(row.Type)))
		}
	}
	return strings.Join(codes, ", ")
}

// checkNumbers: transactions have a transaction and a receipt number, direct ones their counters, too.
func (r *DirectRequest) checkNumbers() (f []problem.Field) {
	whole, transaction := r.Kind == journal.DirectTransaction, journal.Type(r.TransactionType).IsTransaction()
	switch {
	case r.TransactionNo == "" && (whole || transaction):
		f = append(f, broken("transactionNo", "required", "must be given for a transaction, such as \"1042\""))
	case len(r.TransactionNo) > maxNumberText || strings.ContainsFunc(r.TransactionNo, notPrintable):
		f = append(f, broken("transactionNo", "max", "must be at most %d printable characters", maxNumberText))
	}
	number := func(name string, n *int64, required bool, low int64) {
		switch {
		case n == nil && required:
			f = append(f, broken(name, "required", "must be given, such as 1"))
		case n != nil && (*n < low || *n > maxCount):
			f = append(f, broken(name, "range", "must be from %d to %d", low, maxCount))
		}
	}
	number("receiptNo", r.ReceiptNo, whole || transaction, 1)
	number("openCounter", widen(r.OpenCounter), whole, 1)
	number("businessCounter", widen(r.BusinessCounter), whole, 1)
	number("quantity", r.Quantity, false, 0)
	return f
}

func widen(n *int) *int64 {
	if n == nil {
		return nil
	}
	w := int64(*n)
	return &w
}

// checkDate: a business date is a date, and not one that has yet to come.
func (r *DirectRequest) checkDate(now time.Time) []problem.Field {
	switch {
	case r.BusinessDate == "":
		return []problem.Field{broken("businessDate", "required", "must be given, such as 20260329")}
	case !journal.ValidBusinessDate(r.BusinessDate):
		return []problem.Field{broken("businessDate", "date", "must be a date of the form YYYYMMDD such as 20260329")}
	case r.BusinessDate > now.UTC().AddDate(0, 0, daysAhead).Format("20060102"), r.BusinessDate < "19700101":
		return []problem.Field{broken("businessDate", "plausible", "must not lie more than %d days ahead, nor before 1970", daysAhead)}
	}
	return nil
}

func (r *DirectRequest) checkTexts() (f []problem.Field) {
	if strings.TrimSpace(r.JournalText) == "" {
		f = append(f, broken("journalText", "required", "must be given, and not be blank"))
	}
	for name, text := range map[string]string{"journalText": r.JournalText, "receiptText": r.ReceiptText} {
		switch {
		case len(text) > maxDirectText:
			f = append(f, broken(name, "max", "must be at most %d bytes long", maxDirectText))
		case strings.ContainsFunc(text, drivesPrinters):
			f = append(f, broken(name, "plain", "must not contain control characters but line feeds and tabs"))
		}
	}
	for name, id := range map[string]string{"staffId": r.StaffID, "userId": r.UserID} {
		if len(id) > maxID || strings.ContainsFunc(id, notPrintable) {
			f = append(f, broken(name, "max", "must be at most %d bytes of printable characters", maxID))
		}
	}
	slices.SortFunc(f, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
	return f
}

func notPrintable(r rune) bool { return r < 0x20 || 0x7f <= r && r < 0xa0 }

// drivesPrinters tells the control characters that could do more on paper than stand there.
func drivesPrinters(r rune) bool { return notPrintable(r) && r != '\n' && r != '\t' && r != '\r' }
