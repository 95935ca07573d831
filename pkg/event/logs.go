package event

import "github.com/tillroll/tillroll/pkg/money"

// Transaction types; the journal's own types (cash, open, reports) are in its domain.
const (
	TypeSale       = 101
	TypeReturn     = 102
	TypeVoidSale   = 201
	TypeVoidReturn = 202
)

// TranLog is one complete transaction of a till (topic-tranlog). Field names are those of the
// journal's log_tran documents. GenerateDateTime is RFC 3339 with the store's offset.
type TranLog struct {
	Envelope
	CartID            string          `json:"cart_id"`
	StoreName         string          `json:"store_name,omitempty"`
	TransactionNo     int64           `json:"transaction_no"`
	TransactionType   int             `json:"transaction_type"`
	BusinessDate      string          `json:"business_date"`
	OpenCounter       int             `json:"open_counter"`
	BusinessCounter   int             `json:"business_counter"`
	ReceiptNo         int64           `json:"receipt_no"`
	GenerateDateTime  string          `json:"generate_date_time"`
	Currency          money.Currency  `json:"currency"`
	User              *Person         `json:"user,omitempty"`
	Staff             *Person         `json:"staff,omitempty"`
	Sales             Sales           `json:"sales"`
	LineItems         []LineItem      `json:"line_items"`
	Payments          []Payment       `json:"payments"`
	Taxes             []Tax           `json:"taxes"`
	SubtotalDiscounts []Discount      `json:"subtotal_discounts"`
	Origin            *Origin         `json:"origin,omitempty"`
	AdditionalInfo    *AdditionalInfo `json:"additional_info,omitempty"`
	ReceiptText       string          `json:"receipt_text"`
	JournalText       string          `json:"journal_text"`
}

// Topic of a TranLog.
func (*TranLog) Topic() string { return TopicTranLog }

// Person is somebody at the till.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Sales are the totals of a transaction. TotalAmount is before exclusive tax, TotalAmountWithTax what
// the customer pays. TotalQuantity counts whole items; a weighed line counts 1.
type Sales struct {
	ReferenceDateTime   string        `json:"reference_date_time,omitempty"`
	TotalAmount         money.Decimal `json:"total_amount"`
	TotalAmountWithTax  money.Decimal `json:"total_amount_with_tax"`
	TaxAmount           money.Decimal `json:"tax_amount"`
	TotalQuantity       int64         `json:"total_quantity"`
	ChangeAmount        money.Decimal `json:"change_amount"`
	TotalDiscountAmount money.Decimal `json:"total_discount_amount"`
	IsCancelled         bool          `json:"is_cancelled"`
}

// LineItem is one line. Amount is unit price × quantity − line discounts, before cart discounts.
type LineItem struct {
	LineNo               int           `json:"line_no"`
	ItemCode             string        `json:"item_code"`
	CategoryCode         string        `json:"category_code,omitempty"`
	Description          string        `json:"description"`
	UnitPrice            money.Decimal `json:"unit_price"`
	UnitPriceOriginal    money.Decimal `json:"unit_price_original"`
	IsUnitPriceChanged   bool          `json:"is_unit_price_changed"`
	Quantity             money.Decimal `json:"quantity"`
	Unit                 string        `json:"unit,omitempty"`
	Discounts            []Discount    `json:"discounts"`
	DiscountsAllocated   []Discount    `json:"discounts_allocated"`
	Amount               money.Decimal `json:"amount"`
	TaxCode              string        `json:"tax_code"`
	IsCancelled          bool          `json:"is_cancelled"`
	IsDiscountRestricted bool          `json:"is_discount_restricted"`
}

// Discount on a line or on the cart.
type Discount struct {
	SeqNo          int           `json:"seq_no"`
	DiscountType   string        `json:"discount_type"`
	DiscountValue  money.Decimal `json:"discount_value"`
	DiscountAmount money.Decimal `json:"discount_amount"`
	Detail         string        `json:"detail,omitempty"`
	PromotionCode  string        `json:"promotion_code,omitempty"`
	PromotionType  string        `json:"promotion_type,omitempty"`
}

// Payment tendered. DepositAmount is what was handed over, Amount what of it pays the bill; the
// difference is change.
type Payment struct {
	PaymentNo     int           `json:"payment_no"`
	PaymentCode   string        `json:"payment_code"`
	PaymentType   string        `json:"payment_type"`
	DepositAmount money.Decimal `json:"deposit_amount"`
	Amount        money.Decimal `json:"amount"`
	Description   string        `json:"description,omitempty"`
	Detail        string        `json:"detail,omitempty"`
}

// Tax of one rate, computed on the sum of its lines. TaxType is External, Internal or Exempt.
type Tax struct {
	TaxNo          int           `json:"tax_no"`
	TaxCode        string        `json:"tax_code"`
	TaxType        string        `json:"tax_type"`
	TaxName        string        `json:"tax_name"`
	Rate           money.Decimal `json:"rate"`
	TaxAmount      money.Decimal `json:"tax_amount"`
	TargetAmount   money.Decimal `json:"target_amount"`
	TargetQuantity money.Decimal `json:"target_quantity"`
}

// Origin names the transaction that a void or return goes back to.
type Origin struct {
	GenerateDateTime string `json:"generate_date_time"`
	StoreCode        string `json:"store_code"`
	StoreName        string `json:"store_name,omitempty"`
	TerminalNo       int    `json:"terminal_no"`
	TransactionNo    int64  `json:"transaction_no"`
	TransactionType  int    `json:"transaction_type"`
	ReceiptNo        int64  `json:"receipt_no"`
}

// AdditionalInfo is what the receipt shows beside the sale.
type AdditionalInfo struct {
	InvoiceRegistrationNumber string   `json:"invoice_registration_number,omitempty"`
	ReceiptHeaders            []string `json:"receipt_headers,omitempty"`
	ReceiptFooters            []string `json:"receipt_footers,omitempty"`
}

// CashLog is cash put into or taken out of the drawer (topic-cashlog). Amount is signed: in is
// positive or zero, out negative.
type CashLog struct {
	Envelope
	StoreName        string         `json:"store_name,omitempty"`
	StaffID          string         `json:"staff_id,omitempty"`
	StaffName        string         `json:"staff_name,omitempty"`
	BusinessDate     string         `json:"business_date"`
	OpenCounter      int            `json:"open_counter"`
	BusinessCounter  int            `json:"business_counter"`
	GenerateDateTime string         `json:"generate_date_time"`
	Currency         money.Currency `json:"currency"`
	Amount           money.Decimal  `json:"amount"`
	Description      string         `json:"description,omitempty"`
	ReceiptText      string         `json:"receipt_text"`
	JournalText      string         `json:"journal_text"`
}

// Topic of a CashLog.
func (*CashLog) Topic() string { return TopicCashLog }

// The operations of an OpenCloseLog.
const (
	OperationOpen  = "open"
	OperationClose = "close"
)

// OpenCloseLog is a terminal opened or closed (topic-opencloselog). The counts are there at close
// only; IsProvisional marks a forced close whose counts could not be had from the cart service.
type OpenCloseLog struct {
	Envelope
	StoreName             string         `json:"store_name,omitempty"`
	StaffID               string         `json:"staff_id,omitempty"`
	StaffName             string         `json:"staff_name,omitempty"`
	BusinessDate          string         `json:"business_date"`
	OpenCounter           int            `json:"open_counter"`
	BusinessCounter       int            `json:"business_counter"`
	Operation             string         `json:"operation"`
	GenerateDateTime      string         `json:"generate_date_time"`
	Currency              money.Currency `json:"currency"`
	TerminalInfo          *TerminalState `json:"terminal_info,omitempty"`
	InitialAmount         *money.Decimal `json:"initial_amount,omitempty"`
	CartTransactionCount  *int64         `json:"cart_transaction_count,omitempty"`
	CartTransactionLastNo *int64         `json:"cart_transaction_last_no,omitempty"`
	CashInOutCount        *int64         `json:"cash_in_out_count,omitempty"`
	CashInOutLastDatetime string         `json:"cash_in_out_last_datetime,omitempty"`
	ExpectedCash          *money.Decimal `json:"expected_cash,omitempty"`
	CountedCash           *money.Decimal `json:"counted_cash,omitempty"`
	OverShort             *money.Decimal `json:"over_short,omitempty"`
	IsProvisional         bool           `json:"is_provisional,omitempty"`
	ReceiptText           string         `json:"receipt_text"`
	JournalText           string         `json:"journal_text"`
}

// Topic of an OpenCloseLog.
func (*OpenCloseLog) Topic() string { return TopicOpenCloseLog }
