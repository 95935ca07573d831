package terminal

import (
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Bounds of a receipt's width in columns.
const (
	MinReceiptWidth = 24
	MaxReceiptWidth = 64
)

// Store is one shop of a tenant.
type Store struct {
	TenantID  string        `json:"tenant_id"`
	StoreCode string        `json:"store_code"`
	Settings  StoreSettings `json:"settings"`
	IsActive  bool          `json:"is_active"`
	Version   uint64        `json:"version"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// StoreSettings are what an administrator decides for a store. The currency stays what it was when
// the store was made: cash that was counted in one cannot be in another.
type StoreSettings struct {
	Name                      string         `json:"store_name"`
	Tags                      []string       `json:"tags,omitempty"`
	TimeZone                  string         `json:"time_zone"`
	CutOver                   string         `json:"cut_over"` // HH:MM of the wall clock
	Language                  string         `json:"language"`
	Currency                  money.Currency `json:"currency"`
	InvoiceRegistrationNumber string         `json:"invoice_registration_number,omitempty"`
	ReceiptHeaders            []string       `json:"receipt_headers,omitempty"`
	ReceiptFooters            []string       `json:"receipt_footers,omitempty"`
	ReceiptWidth              int            `json:"receipt_width"`
	AllowNegativeDrawer       bool           `json:"allow_negative_drawer,omitempty"`
}

// StoreChange is what a request wants changed; nil stays as it is.
type StoreChange struct {
	Name                      *string
	Tags                      *[]string
	TimeZone                  *string
	CutOver                   *string
	Language                  *string
	InvoiceRegistrationNumber *string
	ReceiptHeaders            *[]string
	ReceiptFooters            *[]string
	ReceiptWidth              *int
	AllowNegativeDrawer       *bool
	IsActive                  *bool
}

// NewStore makes a store and tells it. It fails with problem.Invalid.
func NewStore(tenantID, storeCode string, s StoreSettings, now time.Time) (*Store, []event.Event, error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	store := &Store{
		TenantID: tenantID, StoreCode: storeCode, Settings: s, IsActive: true,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	return store, []event.Event{store.Snapshot()}, nil
}

// Change changes the store. No events mean that nothing was different. It fails with problem.Invalid.
func (s *Store) Change(c StoreChange, now time.Time) ([]event.Event, error) {
	next := s.Settings
	changes := []bool{
		set(&next.Name, c.Name), setList(&next.Tags, c.Tags), set(&next.TimeZone, c.TimeZone),
		set(&next.CutOver, c.CutOver), set(&next.Language, c.Language),
		set(&next.InvoiceRegistrationNumber, c.InvoiceRegistrationNumber),
		setList(&next.ReceiptHeaders, c.ReceiptHeaders), setList(&next.ReceiptFooters, c.ReceiptFooters),
		set(&next.ReceiptWidth, c.ReceiptWidth), set(&next.AllowNegativeDrawer, c.AllowNegativeDrawer),
	}
	if err := next.check(); err != nil {
		return nil, err
	}
	s.Settings = next
	if activity := set(&s.IsActive, c.IsActive); !activity && !slices.Contains(changes, true) {
		return nil, nil
	}
	s.Version++
	s.UpdatedAt = now
	return []event.Event{s.Snapshot()}, nil
}

// Snapshot of the store as it is now.
func (s *Store) Snapshot() *event.Snapshot {
	return &event.Snapshot{Kind: event.KindStore, Version: s.Version, Store: &event.StoreState{
		StoreCode: s.StoreCode, StoreName: s.Settings.Name, TimeZone: s.Settings.TimeZone, Language: s.Settings.Language,
		Currency: s.Settings.Currency, InvoiceRegistrationNumber: s.Settings.InvoiceRegistrationNumber,
		ReceiptHeaders: s.Settings.ReceiptHeaders, ReceiptFooters: s.Settings.ReceiptFooters,
		ReceiptWidth: s.Settings.ReceiptWidth, IsActive: s.IsActive,
	}}
}

// check is for the rules that later calculations rest on; lengths and spellings are the edge's.
func (s StoreSettings) check() error {
	if _, err := newCalendar(s.TimeZone, s.CutOver); err != nil {
		return problem.Invalid.New("the business day cannot be told: %v", err).WithFields(problem.Field{
			Name: "timeZone", Rule: "calendar", Message: "timeZone must be an IANA time zone and cutOver of the form HH:MM"})
	}
	if !s.Currency.Valid() {
		return problem.Invalid.New("the currency is not supported").WithFields(problem.Field{
			Name: "currency", Rule: "currency", Message: "must be an ISO 4217 code that is supported, such as JPY or EUR"})
	}
	if s.ReceiptWidth < MinReceiptWidth || s.ReceiptWidth > MaxReceiptWidth {
		return problem.Invalid.New("the receipt cannot be %d columns wide", s.ReceiptWidth).WithFields(problem.Field{
			Name: "receiptWidth", Rule: "range", Message: "must be 24 to 64"})
	}
	for _, line := range slices.Concat(s.ReceiptHeaders, s.ReceiptFooters) {
		if layout.Width(line) > MaxReceiptWidth {
			return problem.Invalid.New("a header or footer line is wider than any receipt").WithFields(problem.Field{
				Name: "receiptHeaders", Rule: "width", Message: "each line takes at most 64 columns; full-width characters take two"})
		}
	}
	return nil
}

// calendar of the store; its settings passed check.
func (s *Store) calendar() (calendar, error) {
	return newCalendar(s.Settings.TimeZone, s.Settings.CutOver)
}
