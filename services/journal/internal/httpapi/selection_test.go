package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// soldMixed is a journal of two stores and three tills: sales, returns, cash, and events without entry.
func soldMixed(t *testing.T) (h *house, auditor credential, keys proof.Keys, signed proof.Checkpoint) {
	t.Helper()
	h = newHouse(t)
	tills := []*tilltest.Till{tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2), tilltest.New("acme", "s2", 1)}
	for round := range 6 {
		for _, till := range tills {
			h.sell(till.Open(), till.Sale("10.90"), till.Cash("-5"), till.Transaction(event.TypeReturn, "3"), till.Business(fmt.Sprint("o", round), &event.OrderEntryResumed{}))
		}
	}
	auditor = h.user(auth.Auditor, "acme")
	key := h.get(auditor, "/checkpoint-key")
	keys, err := proof.ParseKeys(key.body["publicKey"].(string))
	require.NoError(t, err)
	return h, auditor, keys, h.checkpoint(auditor, keys)
}

// pages asks for page after page, each where the one before says.
func (h *house) pages(who credential, path string) (all string, pages int) {
	h.t.Helper()
	for next := path; next != ""; pages++ {
		a := h.get(who, next)
		require.Equal(h.t, 200, a.status, a.raw)
		all += a.raw
		next = ""
		if link := regexp.MustCompile(`^<` + httpapi.Prefix + `(.*)>; rel="next"$`).FindStringSubmatch(a.header.Get("Link")); link != nil {
			next = link[1]
		}
	}
	return all, pages
}

func TestASelectionHasWhatFulfilsItAndNothingElse(t *testing.T) {
	h, auditor, _, signed := soldMixed(t)
	whole := h.get(auditor, fmt.Sprintf("/tenants/acme/export?size=%d&limit=1000", signed.Size))
	for filter, holds := range map[string]func(*sheet.Row) bool{
		"":                                   func(*sheet.Row) bool { return true },
		"&storeCode=s2":                      func(r *sheet.Row) bool { return r.StoreCode == "s2" },
		"&terminalNo=2":                      func(r *sheet.Row) bool { return r.TerminalNo == 2 },
		"&transactionType=returns":           func(r *sheet.Row) bool { return r.TransactionType == 102 },
		"&transactionType=cash,301":          func(r *sheet.Row) bool { return r.TransactionType == 402 || r.TransactionType == 301 },
		"&storeCode=s1&transactionType=-101": func(*sheet.Row) bool { return false },
		"&businessDateFrom=20990101":         func(r *sheet.Row) bool { return r.BusinessDate >= "20990101" },
		"&businessDateTo=20990101":           func(r *sheet.Row) bool { return r.BusinessDate <= "20990101" },
		"&businessDateTo=20000101":           func(r *sheet.Row) bool { return r.BusinessDate <= "20000101" },
	} {
		t.Run(filter, func(t *testing.T) {
			var want []string
			for _, raw := range strings.Split(strings.TrimSpace(whole.raw), "\n") {
				l, err := proof.ParseLine([]byte(raw))
				if err != nil || l.Entry == nil {
					continue // a checkpoint, or a detail
				}
				row, err := sheet.RowOf(&l)
				require.NoError(t, err)
				if holds(row) {
					want = append(want, raw)
				}
			}
			for _, limit := range []int{1000, 7, 1} {
				all, pages := h.pages(auditor, fmt.Sprintf("/tenants/acme/export/entries?size=%d&limit=%d%s", signed.Size, limit, filter))
				var got []string
				for _, line := range strings.Split(strings.TrimSpace(all), "\n") {
					if l, err := proof.ParseLine([]byte(line)); err == nil {
						got = append(got, line)
						assert.Empty(t, l.Check(&signed))
					}
				}
				assert.Equal(t, want, got)
				assert.GreaterOrEqual(t, pages*limit, len(want))
				var end proof.SelectionEnd
				last := all[strings.LastIndexByte(strings.TrimSpace(all), '\n')+1:]
				require.NoError(t, json.Unmarshal([]byte(last), &end), last)
				assert.Equal(t, signed.Size, end.Next)
			}
		})
	}
}

func TestASheetIsOneWhateverItsPages(t *testing.T) {
	h, auditor, _, signed := soldMixed(t)
	path := fmt.Sprintf("/tenants/acme/export/sheet?size=%d&storeCode=s1", signed.Size)
	whole, pages := h.pages(auditor, path)
	assert.Equal(t, 1, pages)
	parts, pages := h.pages(auditor, path+"&limit=5")
	assert.Equal(t, whole, parts)
	assert.Greater(t, pages, 5)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(whole, "\uFEFF"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+6*2*4, "what has no entry has no row")
	assert.Equal(t, "logIndex", rows[0][0])
	total := map[string]int{}
	for _, row := range rows[1:] {
		assert.Equal(t, "s1", row[2])
		total[row[5]+" "+row[8]]++
	}
	assert.Equal(t, map[string]int{"Open 0": 12, "Normal Sales 10.9": 12, "Cash-Out -5": 12, "Return Sales -3": 12}, total)
	japanese := h.get(auditor, path+"&headers=ja&limit=2")
	assert.True(t, strings.HasPrefix(japanese.raw, "\uFEFF\"ログ番号\","))
	assert.Contains(t, japanese.raw, `"開店"`)
	// What was sold since is in no later page.
	h.sell(tilltest.New("acme", "s1", 9).Sale("1"))
	again, _ := h.pages(auditor, path)
	assert.Equal(t, whole, again)
}

func TestWhatASelectionRefuses(t *testing.T) {
	h, auditor, _, signed := soldMixed(t)
	for _, route := range []string{"/export/entries", "/export/sheet"} {
		for query, status := range map[string]int{
			"": 422, "?size=1": 404, "?size=%d&storeCode=S!": 422, "?size=%d&headers=fr": 422, "?size=%d&businessDateFrom=20260102&businessDateTo=20260101": 422,
			"?size=%d&limit=1001": 422, "?size=%d&from=99999": 200, "?size=%d&keyword=x": 422,
		} {
			if strings.Contains(query, "%d") {
				query = fmt.Sprintf(query, signed.Size)
			}
			assert.Equal(t, status, h.get(auditor, "/tenants/acme"+route+query).status, route+query)
		}
		path := fmt.Sprintf("/tenants/acme%s?size=%d", route, signed.Size)
		assert.Equal(t, 403, h.get(h.user(auth.Platform, ""), path).status)
		assert.Equal(t, 403, h.get(h.user(auth.Auditor, "bolt"), path).status)
	}
}

func TestWhatWasTakenAwayIsOnRecordByItsRows(t *testing.T) {
	h, auditor, _, signed := soldMixed(t)
	h.get(auditor, fmt.Sprintf("/tenants/acme/export/sheet?size=%d&storeCode=s2&transactionType=sales", signed.Size))
	a := h.get(h.user(auth.Administrator, "acme"), "/tenants/acme/accesses?limit=1")
	require.Equal(t, 200, a.status, a.raw)
	assert.EqualValues(t, 6, items(a)[0]["items"], "texts with line breaks are one row")
}

// A journal that has lost an event says so instead of leaving it out.
func TestASelectionOfADamagedJournalFails(t *testing.T) {
	h, auditor, _, signed := soldMixed(t)
	h.store.lose = 20
	for _, route := range []string{"entries", "sheet"} {
		a := h.get(auditor, fmt.Sprintf("/tenants/acme/export/%s?size=%d", route, signed.Size))
		assert.GreaterOrEqual(t, a.status, 500, a.raw)
		assert.False(t, bytes.Contains([]byte(a.raw), []byte("logIndex")))
	}
}

func TestTheNamesOfTypesAreThoseOfSheets(t *testing.T) {
	for _, row := range journal.Types {
		assert.Equal(t, row.Name, sheet.TypeName(int(row.Type), sheet.English))
		assert.NotEqual(t, row.Name, sheet.TypeName(int(row.Type), sheet.Japanese))
	}
}
