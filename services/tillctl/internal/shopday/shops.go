package shopday

import (
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// storeCode is a store that nobody else has, so that a day in somebody's tenant touches nothing of
// theirs.
const storeCode = "corner_shop"

// shop is what is sold in a day, by whom and for how much.
type shop struct {
	store   client.Store
	staff   []client.NewStaff // one for each till
	float   money.Decimal     // in each drawer in the morning
	sales   []sale
	cashOut client.CashMove
	left    sale            // rung up and never paid
	notes   []money.Decimal // that customers pay with, ascending
	word    string          // that stands on one of the receipts
}

// sale is what a customer buys. Items are codes of the sample catalogue.
type sale struct {
	till   int // index
	about  string
	items  []client.Addition
	change map[int]string // another quantity for a line, before paying
	drop   int            // a line that the customer does not want after all; 0: none
	pay    []tender
}

// tender is one payment of a sale.
type tender struct {
	code string // of the payment method
	how  string // note, exact, or an amount
}

// Payment methods of the sample catalogue, and ways of paying.
const (
	cash     = "01"
	cashless = "11"

	note  = "note"  // the smallest note that is enough
	exact = "exact" // what is left to pay
)

// shops by language. The two sell the same, in the money of their country.
var shops = map[string]shop{
	"en": {
		store: client.Store{
			StoreCode: storeCode, StoreName: "Corner Shop", Language: "en", Currency: "EUR", TimeZone: "Europe/Dublin",
			ReceiptHeaders: []string{"Open until late"}, ReceiptFooters: []string{"Thank you for your visit"},
		},
		staff:   []client.NewStaff{{StaffID: "101", Name: "Aoife", PIN: "2468"}, {StaffID: "102", Name: "Ben", PIN: "1357"}},
		float:   money.FromInt(100),
		cashOut: client.CashMove{Amount: money.FromInt(20), Description: "Window cleaner"},
		word:    "apples",
		notes:   whole(5, 10, 20, 50, 100, 200),
		left:    sale{items: items("1004", "2", "1001", "1")},
		sales: []sale{
			{till: 0, about: "food and drink, two rates of tax, paid with a note",
				items: items("1001", "2", "1002", "1", "2001", "1"), pay: []tender{{cash, note}}},
			{till: 1, about: "a lunch box with the tax in its price, stamps without any, paid by card",
				items: items("1006", "1", "3001", "2"), pay: []tender{{cashless, exact}}},
			{till: 0, about: "loose apples, one loaf more, no notebook after all",
				items: items("1005", "0.450", "1003", "1", "2002", "1"), change: map[int]string{2: "2"}, drop: 3, pay: []tender{{cash, exact}}},
			{till: 1, about: "part by card, the rest in cash",
				items: items("2004", "1", "2003", "3", "2005", "1"), pay: []tender{{cashless, "3"}, {cash, note}}},
		},
	},
	"ja": {
		store: client.Store{
			StoreCode: storeCode, StoreName: "まちかど商店", Language: "ja", Currency: "JPY", TimeZone: "Asia/Tokyo",
			InvoiceRegistrationNumber: "T1234567890123",
			ReceiptHeaders:            []string{"毎度ありがとうございます"}, ReceiptFooters: []string{"またのご来店をお待ちしております"},
		},
		staff:   []client.NewStaff{{StaffID: "101", Name: "佐藤", PIN: "2468"}, {StaffID: "102", Name: "鈴木", PIN: "1357"}},
		float:   money.FromInt(30000),
		cashOut: client.CashMove{Amount: money.FromInt(3000), Description: "窓清掃代"},
		word:    "りんご",
		notes:   whole(500, 1000, 5000, 10000),
		left:    sale{items: items("1004", "2", "1001", "1")},
		sales: []sale{
			{till: 0, about: "food and drink, two rates of tax, paid with a note",
				items: items("1001", "2", "1002", "1", "2001", "1"), pay: []tender{{cash, note}}},
			{till: 1, about: "a lunch box with the tax in its price, stamps without any, paid by card",
				items: items("1006", "1", "3001", "2"), pay: []tender{{cashless, exact}}},
			{till: 0, about: "loose apples, one loaf more, no notebook after all",
				items: items("1005", "0.450", "1003", "1", "2002", "1"), change: map[int]string{2: "2"}, drop: 3, pay: []tender{{cash, exact}}},
			{till: 1, about: "part by card, the rest in cash",
				items: items("2004", "1", "2003", "3", "2005", "1"), pay: []tender{{cashless, "300"}, {cash, note}}},
		},
	},
}

// items pairs codes with quantities.
func items(codesAndQuantities ...string) []client.Addition {
	var list []client.Addition
	for i := 0; i < len(codesAndQuantities); i += 2 {
		list = append(list, client.Addition{ItemCode: codesAndQuantities[i], Quantity: money.MustParse(codesAndQuantities[i+1])})
	}
	return list
}

func whole(values ...int64) []money.Decimal {
	amounts := make([]money.Decimal, len(values))
	for i, v := range values {
		amounts[i] = money.FromInt(v)
	}
	return amounts
}

// handOver is what a customer gives for a balance.
func (s shop) handOver(t tender, balance money.Decimal) money.Decimal {
	switch t.how {
	case exact:
		return balance
	case note:
		for _, n := range s.notes {
			if n.Cmp(balance) >= 0 {
				return n
			}
		}
		return balance
	}
	return money.MustParse(t.how)
}
