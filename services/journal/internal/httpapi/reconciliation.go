package httpapi

import (
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// CountsResponse is what the logs of a session add up to.
type CountsResponse struct {
	CartTransactionCount  int64         `json:"cartTransactionCount"`
	CartTransactionLastNo int64         `json:"cartTransactionLastNo"`
	CashInOutCount        int64         `json:"cashInOutCount"`
	CashInOutLastDatetime string        `json:"cashInOutLastDatetime,omitempty"`
	CashInOutAmount       money.Decimal `json:"cashInOutAmount"`
	SalesCash             money.Decimal `json:"salesCash"`
	ExpectedCash          money.Decimal `json:"expectedCash"`
}

// CloseResponse is what the terminal said at the close; what it could not tell is left out.
type CloseResponse struct {
	CartTransactionCount  *int64         `json:"cartTransactionCount,omitempty"`
	CartTransactionLastNo *int64         `json:"cartTransactionLastNo,omitempty"`
	CashInOutCount        *int64         `json:"cashInOutCount,omitempty"`
	CashInOutLastDatetime string         `json:"cashInOutLastDatetime,omitempty"`
	ExpectedCash          *money.Decimal `json:"expectedCash,omitempty"`
	CountedCash           *money.Decimal `json:"countedCash,omitempty"`
	OverShort             *money.Decimal `json:"overShort,omitempty"`
	IsProvisional         bool           `json:"isProvisional"`
	GenerateDateTime      string         `json:"generateDateTime"`
}

// DifferenceResponse is one figure in which logs and close disagree.
type DifferenceResponse struct {
	Field string `json:"field"`
	Logs  string `json:"logs"`
	Close string `json:"close"`
}

func reconciliationResponse(key journal.SessionKey, r *journal.Reconciliation) ReconciliationResponse {
	out := ReconciliationResponse{
		TerminalID: key.Terminal.ID(), BusinessDate: key.BusinessDate, OpenCounter: key.OpenCounter,
		State: r.State, Matches: r.State == journal.SessionMatches,
		Logs: CountsResponse{
			CartTransactionCount: r.Counted.TransactionCount, CartTransactionLastNo: r.Counted.TransactionLastNo,
			CashInOutCount: r.Counted.CashCount, CashInOutLastDatetime: r.Counted.CashLastDateTime,
			CashInOutAmount: r.Counted.CashAmount, SalesCash: r.Counted.SalesCash, ExpectedCash: r.Counted.ExpectedCash,
		},
		Differences: make([]DifferenceResponse, len(r.Differences)),
	}
	for i, d := range r.Differences {
		out.Differences[i] = DifferenceResponse{d.Field, d.Logs, d.CloseLog}
	}
	if l := r.Close; l != nil {
		out.Close = &CloseResponse{
			CartTransactionCount: l.CartTransactionCount, CartTransactionLastNo: l.CartTransactionLastNo,
			CashInOutCount: l.CashInOutCount, CashInOutLastDatetime: l.CashInOutLastDatetime,
			ExpectedCash: l.ExpectedCash, CountedCash: l.CountedCash, OverShort: l.OverShort,
			IsProvisional: l.IsProvisional, GenerateDateTime: l.GenerateDateTime,
		}
	}
	return out
}
