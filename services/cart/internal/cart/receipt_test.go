package cart_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

var update = flag.Bool("update", false, "write the golden files anew")

// japaneseSale has every tax mark, several pieces, a weight, a long name, a changed price, a
// cancelled line and two ways to pay.
func japaneseSale(t *testing.T) *sale {
	s := &sale{t: t}
	o := opening("JPY", "ja")
	o.Store.ReceiptHeaders, o.Store.ReceiptFooters = []string{"Header"}, []string{"Thank you", "またのご来店を"}
	s.do(cart.Create(o))
	named := func(name, price string, tax event.OrderTax) cart.Item {
		i := item(name, price, tax)
		i.Name = name
		return i
	}
	apples := named("りんご", "598", external8)
	apples.Unit = "kg"
	s.add(named("おにぎり鮭", "100", external8), "10")
	s.add(named("とても長い名前の商品テスト・特別限定版", "15000", external10), "1")
	s.add(named("Milk", "70", internal10), "1")
	s.add(apples, "0.532")
	s.add(named("切手", "110", exempt), "1")
	s.do(s.AddItems([]cart.Addition{{Item: named("ノート", "200", internal10), Quantity: d("2"), UnitPrice: ptr(d("180"))}}))
	s.add(named("ビール", "228", external10), "3")
	s.do(s.CancelLine(7))
	return s.subtotal()
}

func englishSale(t *testing.T) *sale {
	s := &sale{t: t}
	o := opening("EUR", "en")
	o.Store.Name = "Corner Shop"
	s.do(cart.Create(o))
	vat := internal10
	vat.Name = "VAT 10%"
	ham := item("ham", "24.90", vat)
	ham.Name, ham.Unit = "Ham, cooked", "kg"
	none := exempt
	none.Name = "no VAT"
	stamp := item("stamp", "0.95", none)
	stamp.Name = "Stamp"
	s.add(ham, "0.25").add(stamp, "12")
	return s.subtotal()
}

func TestTextsAreSetAsAgreed(t *testing.T) {
	card := cart.Method{Code: "11", Type: cart.PaymentCashless, Name: "Card"}
	notes := cart.Method{Code: "01", Type: cart.PaymentCash, Name: "Cash"}
	for name, c := range map[string]cart.Cart{
		"sale-ja":      japaneseSale(t).pay(cashless, "10000").pay(cash, "20000").bill().Cart,
		"sale-en":      englishSale(t).pay(notes, "50").bill().Cart,
		"cashless-en":  englishSale(t).do(englishSale(t).Pay([]cart.Tender{{Method: card, Deposit: d("17.63"), Detail: "approval 0815"}})).bill().Cart,
		"cancelled-ja": func() cart.Cart { s := japaneseSale(t); return s.do(s.Cancel(numbers)).Cart }(),
		"cancelled-en": func() cart.Cart { s := englishSale(t); return s.do(s.Cancel(numbers)).Cart }(),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".receipt.txt", c.ReceiptText())
			golden(t, name+".journal.txt", c.JournalText())
		})
	}
}

func TestTextsFitEveryWidth(t *testing.T) {
	for width := 24; width <= 64; width++ {
		s := japaneseSale(t).pay(cash, "20000").bill()
		s.Store.ReceiptWidth = width
		for _, text := range []string{s.ReceiptText(), s.JournalText()} {
			for _, line := range strings.Split(text, "\n") {
				assert.LessOrEqual(t, layout.Width(line), width, line)
			}
			assert.Contains(t, text, strings.Repeat("-", width)+"\n")
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
	for _, line := range strings.Split(got, "\n") {
		assert.LessOrEqual(t, layout.Width(line), layout.DefaultWidth, line)
	}
}

func TestAnUnknownLanguageIsSetInEnglishAndARegionDoesNotMatter(t *testing.T) {
	for language, title := range map[string]string{"": "RECEIPT", "fr": "RECEIPT", "en-GB": "RECEIPT", "ja-JP": "領 収 証", "JA": "領 収 証"} {
		s := &sale{t: t}
		s.do(cart.Create(opening("JPY", language)))
		s.add(item("a", "1", exempt), "1").subtotal().pay(cash, "1").bill()
		assert.Contains(t, s.ReceiptText(), title, language)
	}
}

// TestTheLargestSaleCanBePublished fills every list and every text to its limit with the characters
// that take the most room in JSON.
func TestTheLargestSaleCanBePublished(t *testing.T) {
	for _, width := range []int{24, 32, 64} {
		raw, err := json.Marshal(largestSale(t, width).TranLog())
		require.NoError(t, err)
		assert.Less(t, len(raw), outbox.MaxEventBytes-1024)
		t.Logf("%d of %d bytes at %d columns", len(raw), outbox.MaxEventBytes, width)
	}
}

func largestSale(t *testing.T, width int) cart.Cart {
	t.Helper()
	wide := func(n int) string { return strings.Repeat("&", n) } // six bytes in JSON
	name := wide(30)
	require.Error(t, cart.CheckName(name+"a"), "the longest name that there is")
	s := &sale{t: t}
	o := opening("KWD", "ja")
	o.Store.ReceiptWidth = width
	o.Store.Name = wide(500)
	for range 30 {
		o.Store.ReceiptHeaders = append(o.Store.ReceiptHeaders, wide(500))
		o.Store.ReceiptFooters = append(o.Store.ReceiptFooters, wide(500))
	}
	s.do(cart.Create(o))
	additions := make([]cart.Addition, cart.MaxAdditions)
	for i := range additions {
		goods := item(strings.Repeat("9", 40), "1999234.567", internal8)
		goods.Name, goods.Unit, goods.CategoryCode = name, wide(8), strings.Repeat("c", 40)
		require.NoError(t, errors.Join(cart.CheckName(goods.Name), cart.CheckUnit(goods.Unit), cart.CheckCode(goods.Code), cart.CheckCode(goods.CategoryCode)))
		additions[i] = cart.Addition{Item: goods, Quantity: d("9.999"), UnitPrice: ptr(d("1999111.111"))}
	}
	for range cart.MaxLines / cart.MaxAdditions {
		s.do(s.AddItems(additions))
	}
	s.subtotal()
	for range cart.MaxPayments - 1 {
		s.do(s.Pay([]cart.Tender{{Method: cart.Method{Code: "11", Type: cart.PaymentCashless, Name: name}, Deposit: d("0.001"), Detail: wide(cart.MaxDetail)}}))
	}
	s.pay(cash, "9999999990").bill()
	return s.Cart
}
