package journal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// amounts draws everything that an event can carry.
func amounts(t *rapid.T, name string) money.Decimal {
	scale := rapid.IntRange(0, money.MaxScale).Draw(t, name+" scale")
	text := rapid.StringMatching(`-?[0-9]{1,9}`).Draw(t, name)
	if scale > 0 {
		text += "." + rapid.StringMatching(`[0-9]{6}`).Draw(t, name+" fraction")[:scale]
	}
	d, err := money.Parse(text)
	if err != nil {
		t.Skip(err)
	}
	return d
}

func TestSplitAmountsComeBackAndOrderAsTheyDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts(t, "a"), amounts(t, "b")
		aWhole, aRest := journal.Split(a)
		bWhole, bRest := journal.Split(b)
		if aRest < 0 || aRest > 999_999 {
			t.Fatalf("%s has %d millionths", a, aRest)
		}
		back, err := journal.Join(aWhole, aRest)
		if err != nil || back.String() != a.String() {
			t.Fatalf("%s came back as %s: %v", a, back, err)
		}
		less := aWhole < bWhole || aWhole == bWhole && aRest < bRest
		if less != (a.Cmp(b) < 0) {
			t.Fatalf("%s and %s are in another order", a, b)
		}
	})
}

func TestAnAmountOutOfRangeIsNoAmount(t *testing.T) {
	_, err := journal.Join(999_999_999_999_999, 1)
	assert.Error(t, err)
}

func TestKeywords(t *testing.T) {
	for phrase, want := range map[string][]string{
		"":                       nil,
		"  ":                     nil,
		"Coffee":                 {"coffee"},
		"ＣＯＦＦＥＥ　ｶﾌｪ":             {"coffee", "カフェ"},
		`"Green Tea" 100`:        {"green tea", "100"},
		`"unclosed phrase`:       {"unclosed phrase"},
		`a"b"c`:                  {"a", "b", "c"},
		"\"two  spaces\nline\"":  {"two spaces line"},
		`""`:                     nil,
		"おにぎり 軽減":                {"おにぎり", "軽減"},
		"$where .* ' OR 1=1; --": {"$where", ".*", "'", "or", "1=1;", "--"},
	} {
		assert.Equal(t, want, journal.Keywords(phrase), "%q", phrase)
	}
}

func TestHolds(t *testing.T) {
	text := "ショップ\nGreen Tea  108\nﾊﾝﾊﾞｰｶﾞｰ 500\nＡＢＣ"
	for phrase, want := range map[string]bool{
		"green": true, "TEA": true, `"green tea"`: true, `"tea green"`: false, "ハンバーガー": true, "バーガ": true, "ｼｮｯﾌﾟ": true,
		"abc": true, "abd": false, "ab": false, "een": false, "50": false, `"tea 108"`: true, "ガ": true, "ｶﾞ": true, "カ": false, "green 500": true, "green 501": false, ".*": false, "": true,
	} {
		assert.Equal(t, want, journal.Holds(text, journal.Keywords(phrase)), "%q", phrase)
	}
}

func session(t *testing.T) (*tilltest.Till, *journal.Session) {
	t.Helper()
	till := tilltest.New("acme", "s1", 1)
	s := &journal.Session{OpenClose: []*event.OpenCloseLog{till.Open()}, Cash: []*event.CashLog{till.Cash("100"), till.Cash("-30.5")}}
	cancelled, card := till.Sale("999"), till.Sale("50")
	cancelled.Sales.IsCancelled = true
	card.Payments[0].PaymentType = "cashless"
	s.Transactions = []*event.TranLog{till.Sale("10.5"), cancelled, card, till.Transaction(event.TypeReturn, "3"),
		till.Transaction(event.TypeVoidSale, "2"), till.Transaction(event.TypeVoidReturn, "1")}
	return till, s
}

func TestASessionIsOpenUntilItsCloseArrives(t *testing.T) {
	_, s := session(t)
	r, err := journal.Reconcile(s)
	require.NoError(t, err)
	assert.Equal(t, journal.SessionOpen, r.State)
	assert.Equal(t, int64(6), r.Counted.TransactionCount)
	assert.Equal(t, int64(6), r.Counted.TransactionLastNo)
	assert.Equal(t, "69.5", r.Counted.CashAmount.String())
	assert.Equal(t, "6.5", r.Counted.SalesCash.String(), "10.5 − 3 − 2 + 1; no card, nothing cancelled")
	assert.Equal(t, "76", r.Counted.ExpectedCash.String())
}

func TestASessionMatchesItsClose(t *testing.T) {
	till, s := session(t)
	s.OpenClose = append(s.OpenClose, till.Close(6, 6, 2, s.Cash[1].GenerateDateTime, "76"))
	rand.Shuffle(2, func(i, j int) { s.Cash[i], s.Cash[j] = s.Cash[j], s.Cash[i] })
	r, err := journal.Reconcile(s)
	require.NoError(t, err)
	assert.Empty(t, r.Differences)
	assert.Equal(t, journal.SessionMatches, r.State)
}

func TestEveryFigureThatDiffersIsNamed(t *testing.T) {
	till, s := session(t)
	s.OpenClose = append(s.OpenClose, till.Close(7, 8, 3, "2026-03-29T23:00:00+09:00", "75.99"))
	r, err := journal.Reconcile(s)
	require.NoError(t, err)
	assert.Equal(t, journal.SessionDiffers, r.State)
	assert.Equal(t, []journal.Difference{
		{"cartTransactionCount", "6", "7"}, {"cartTransactionLastNo", "6", "8"}, {"cashInOutCount", "2", "3"},
		{"cashInOutLastDatetime", s.Cash[1].GenerateDateTime, "2026-03-29T23:00:00+09:00"}, {"expectedCash", "76", "75.99"},
	}, r.Differences)
}

func TestAForcedCloseHasNothingToCompare(t *testing.T) {
	till, s := session(t)
	forced := till.Close(0, 0, 0, "", "0")
	forced.IsProvisional, forced.CartTransactionCount, forced.CartTransactionLastNo, forced.ExpectedCash = true, nil, nil, nil
	count := int64(2)
	forced.CashInOutCount, forced.CashInOutLastDatetime = &count, s.Cash[1].GenerateDateTime
	s.OpenClose = append(s.OpenClose, forced)
	r, err := journal.Reconcile(s)
	require.NoError(t, err)
	assert.Equal(t, journal.SessionProvisional, r.State)
}

func TestASessionWithoutTransactionsHasNoLastNumber(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	r, err := journal.Reconcile(&journal.Session{OpenClose: []*event.OpenCloseLog{till.Open(), till.Close(0, 41, 0, "", "0")}})
	require.NoError(t, err)
	assert.Equal(t, journal.SessionMatches, r.State)
}

func TestSumsOutOfRangeAreAnErrorAndNoPanic(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	_, err := journal.Reconcile(&journal.Session{Cash: []*event.CashLog{till.Cash("999999999999999"), till.Cash("999999999999999"), till.Cash("0.000001")}})
	assert.Error(t, err)
}
