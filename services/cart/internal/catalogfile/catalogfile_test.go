package catalogfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/catalogfile"
)

func TestTheSampleSellsInThreeCurrenciesAndTwoLanguages(t *testing.T) {
	c, err := catalogfile.Load("")
	require.NoError(t, err)
	for shop, want := range map[app.Shop][3]string{
		{Currency: "JPY", Language: "ja"}:    {"おにぎり 鮭", "130", "外税 8%"},
		{Currency: "JPY", Language: "ja-JP"}: {"おにぎり 鮭", "130", "外税 8%"},
		{Currency: "EUR", Language: "en"}:    {"Rice ball, salmon", "1.2", "Tax 8%"},
		{Currency: "USD", Language: "fr"}:    {"Rice ball, salmon", "1.35", "Tax 8%"},
	} {
		for _, code := range []string{"1001", "4900000010015"} {
			item, err := c.Item(t.Context(), shop, code)
			require.NoError(t, err)
			assert.Equal(t, "1001", item.Code)
			assert.Equal(t, want, [3]string{item.Name, item.Price.String(), item.Tax.Name})
		}
	}
	item, err := c.Item(t.Context(), app.Shop{Currency: "EUR"}, "3002")
	require.NoError(t, err)
	assert.Nil(t, item.Price)
	assert.True(t, item.DiscountRestricted)
	_, err = c.Item(t.Context(), app.Shop{}, "nothing")
	assert.True(t, problem.Is(err, cart.ItemNotFound))
	types := map[string]string{}
	for _, code := range []string{"01", "11", "12"} {
		m, err := c.Method(t.Context(), app.Shop{Language: "en"}, code)
		require.NoError(t, err)
		types[code] = m.Type
	}
	assert.Equal(t, map[string]string{"01": cart.PaymentCash, "11": cart.PaymentCashless, "12": cart.PaymentOther}, types)
	_, err = c.Method(t.Context(), app.Shop{}, "99")
	assert.True(t, problem.Is(err, cart.PaymentUnknown))
}

// sampleFile is the sample as a document that a test spoils.
func sampleFile(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("sample.json")
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(raw, &doc))
	return doc
}

func load(t *testing.T, content string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	_, err := catalogfile.Load(path)
	if err != nil {
		assert.Contains(t, err.Error(), "shop.json", "the message names the file")
	}
	return err
}

func TestWhatIsWrongIsNamedWithItsPlace(t *testing.T) {
	entry := func(doc map[string]any, list string, n int) map[string]any {
		return doc[list].([]any)[n].(map[string]any)
	}
	for name, c := range map[string]struct {
		spoil func(doc map[string]any)
		want  []string
	}{
		"version":          {func(d map[string]any) { d["schemaVersion"] = 2 }, []string{"schemaVersion is 2"}},
		"unknown field":    {func(d map[string]any) { d["itmes"] = 1 }, []string{"itmes", "line 1"}},
		"no items":         {func(d map[string]any) { d["items"] = []any{} }, []string{"no items"}},
		"no payments":      {func(d map[string]any) { d["payments"] = []any{} }, []string{"no payment methods"}},
		"code":             {func(d map[string]any) { entry(d, "items", 0)["code"] = "a b" }, []string{`item "a b" (number 1)`, "does not match"}},
		"code twice":       {func(d map[string]any) { entry(d, "items", 1)["code"] = "1001" }, []string{`item "1001" (number 2)`, `already names item "1001"`}},
		"barcode twice":    {func(d map[string]any) { entry(d, "items", 1)["barcodes"] = []any{"4900000010015"} }, []string{`item "1002" (number 2)`, `already names item "1001"`}},
		"barcode":          {func(d map[string]any) { entry(d, "items", 1)["barcodes"] = []any{"*"} }, []string{`item "1002"`, "barcode"}},
		"no name":          {func(d map[string]any) { delete(entry(d, "items", 2), "name") }, []string{`item "1003"`, "name is missing"}},
		"long name":        {func(d map[string]any) { entry(d, "items", 2)["name"] = map[string]any{"ja": strings.Repeat("あ", 61)} }, []string{`item "1003"`, `name in "ja"`, "longer than"}},
		"control":          {func(d map[string]any) { entry(d, "items", 2)["name"] = map[string]any{"en": "a\x1b[0m"} }, []string{`item "1003"`, "control characters"}},
		"empty name":       {func(d map[string]any) { entry(d, "items", 2)["name"] = map[string]any{"en": " "} }, []string{"it is empty"}},
		"unknown tax":      {func(d map[string]any) { entry(d, "items", 0)["tax"] = "77" }, []string{`item "1001"`, `tax "77" is not in the table`}},
		"currency":         {func(d map[string]any) { entry(d, "items", 0)["prices"] = map[string]any{"XXX": 1} }, []string{`item "1001"`, `currency "XXX" is unknown`}},
		"cents of a yen":   {func(d map[string]any) { entry(d, "items", 0)["prices"] = map[string]any{"JPY": 1.5} }, []string{`item "1001"`, "JPY has at most 0"}},
		"negative price":   {func(d map[string]any) { entry(d, "items", 0)["prices"] = map[string]any{"JPY": -1} }, []string{`item "1001"`, "price -1 JPY"}},
		"price of a house": {func(d map[string]any) { entry(d, "items", 0)["prices"] = map[string]any{"JPY": 1e9} }, []string{`item "1001"`, "price 1000000000 JPY"}},
		"category":         {func(d map[string]any) { entry(d, "items", 0)["category"] = "a b" }, []string{`item "1001"`, "category"}},
		"unit":             {func(d map[string]any) { entry(d, "items", 0)["unit"] = "hundredweight" }, []string{`item "1001"`, "unit"}},
		"tax twice":        {func(d map[string]any) { entry(d, "taxes", 1)["code"] = "00" }, []string{`tax "00" (number 2)`, "stands twice"}},
		"tax rate":         {func(d map[string]any) { entry(d, "taxes", 1)["rate"] = 200 }, []string{`tax "01"`, "rate 200"}},
		"tax rounding":     {func(d map[string]any) { entry(d, "taxes", 1)["rounding"] = "even" }, []string{`tax "01"`, "rounding"}},
		"payment twice":    {func(d map[string]any) { entry(d, "payments", 1)["code"] = "01" }, []string{`payment "01" (number 2)`, "stands twice"}},
		"payment limit": {func(d map[string]any) {
			entry(d, "payments", 1)["limits"] = map[string]any{"JPY": map[string]any{"max": 0}}
		}, []string{`payment "11"`, "limits in JPY", "more than 0"}},
		"payment limits": {func(d map[string]any) {
			entry(d, "payments", 1)["limits"] = map[string]any{"EUR": map[string]any{"min": 2, "max": 1}}
		}, []string{`payment "11"`, "min 2 is more than max 1"}},
		"limit of a cent": {func(d map[string]any) {
			entry(d, "payments", 1)["limits"] = map[string]any{"JPY": map[string]any{"min": 0.5}}
		}, []string{`payment "11"`, "JPY has at most 0"}},
		"limit's currency": {func(d map[string]any) {
			entry(d, "payments", 1)["limits"] = map[string]any{"XXX": map[string]any{"min": 1}}
		}, []string{`payment "11"`, `currency "XXX" is unknown`}},
		"payment type": {func(d map[string]any) { entry(d, "payments", 1)["type"] = "card" }, []string{`payment "11"`, `type "card" is none of`}},
	} {
		t.Run(name, func(t *testing.T) {
			doc := sampleFile(t)
			c.spoil(doc)
			raw, err := json.Marshal(doc)
			require.NoError(t, err)
			err = load(t, string(raw))
			require.Error(t, err)
			for _, want := range c.want {
				assert.Contains(t, err.Error(), want)
			}
		})
	}
}

func TestAPaymentMethodHasTheLimitsOfTheStoresCurrency(t *testing.T) {
	c, err := catalogfile.Load("")
	require.NoError(t, err)
	m, err := c.Method(t.Context(), app.Shop{Currency: "JPY"}, "13")
	require.NoError(t, err)
	assert.Equal(t, []string{cart.PaymentWallet, "10", "50000"}, []string{m.Type, m.Min.String(), m.Max.String()})
	m, err = c.Method(t.Context(), app.Shop{Currency: "EUR"}, "13")
	require.NoError(t, err)
	assert.Nil(t, m.Min)
	assert.Equal(t, "250", m.Max.String())
	m, err = c.Method(t.Context(), app.Shop{Currency: "KWD"}, "13")
	require.NoError(t, err)
	assert.Nil(t, m.Max)

	doc := sampleFile(t)
	doc["payments"].([]any)[0].(map[string]any)["withdrawn"] = true
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "shop.json")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	c, err = catalogfile.Load(path)
	require.NoError(t, err)
	_, err = c.Method(t.Context(), app.Shop{Currency: "JPY"}, "01")
	assert.True(t, problem.Is(err, cart.PaymentUnknown), "%v", err)
	assert.ErrorContains(t, err, "no longer taken")
}

func TestEverythingThatIsWrongIsToldAtOnce(t *testing.T) {
	err := load(t, `{"schemaVersion":1,"items":[{"code":"a","tax":"1"},{"code":"b","tax":"1"}]}`)
	require.Error(t, err)
	for _, want := range []string{`item "a" (number 1)`, `item "b" (number 2)`, "payment methods"} {
		assert.Contains(t, err.Error(), want)
	}
}

func TestAFileThatIsNoCatalogueIsExplained(t *testing.T) {
	assert.ErrorContains(t, load(t, "{\n\"items\": [\n}"), "line 3")
	assert.ErrorContains(t, load(t, `{"schemaVersion":1} {}`), "more than one")
	_, err := catalogfile.Load(filepath.Join(t.TempDir(), "nowhere.json"))
	assert.ErrorContains(t, err, "TILLROLL_CATALOG")
}
