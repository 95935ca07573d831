package paper_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/tillctl/internal/paper"
)

func head() paper.Head {
	return paper.Head{Tenant: "acme", Store: "main", BusinessDate: "20260401", Language: sheet.English,
		Checkpoint: proof.Checkpoint{Tenant: "acme", Size: 1234, Root: proof.Hash{1, 2, 3}, Time: time.Date(2026, 4, 1, 23, 0, 0, 0, time.UTC)}}
}

func slip(index uint64, kind int, text string) paper.Slip {
	no, receipt := fmt.Sprint(index+1), int64(index+1)
	return paper.SlipOf(&sheet.Row{Index: index, Hash: proof.Hash{0xab, 0xcd}, Link: proof.Link{Stream: "acme-main-3", Seq: index + 1, EventID: fmt.Sprintf("01a1fc3a-ac15-7956-a5ff-%012d", index)},
		Entry: sheet.Entry{TransactionType: kind, TransactionNo: &no, ReceiptNo: &receipt, TerminalNo: 3, StoreCode: "main", TenantID: "acme", BusinessDate: "20260401",
			GenerateDateTime: "2026-04-01T10:03:22+09:00", JournalText: "the till's own text", ReceiptText: &text, Amount: money.Zero}})
}

// shop is a day with everything in it.
func shop() []paper.Slip {
	japanese := "           緑茶商店 渋谷店\n      東京都渋谷区道玄坂1-2-3\n--------------------------------\n緑茶 ﾍﾟｯﾄﾎﾞﾄﾙ              ¥150\nおにぎり(鮭)     2点       ¥300\n髙﨑牛乳                   ¥1,080\n--------------------------------\n合計                     ¥1,530\n(内消費税 10%              ¥139)\nお預り                   ¥2,000\nお釣り                     ¥470\n"
	latin := "           Café Zürich\n--------------------------------\nCrème brûlée               €4.50\nPiñata  2 x 3.00           €6.00\nŠkoda łódź Σ               €1.00\n--------------------------------\nTOTAL                     €11.50\n"
	odd := "緑茶🍵 Tea                  ¥150\n𠮷野家                      ¥100\ne\u0301clair \u200b👨‍👩‍👧                  1\n한국어 ก ข\n\x07bell\ttab"
	wide := strings.Repeat("0123456789", 3) + "\n" + strings.Repeat("幅", 16)
	var long strings.Builder
	long.WriteString("        A VERY LONG RECEIPT\n")
	for i := range 150 {
		fmt.Fprintf(&long, "item %-20d %6d\n", i, i*10)
	}
	long.WriteString("THE END OF IT\n")
	slips := []paper.Slip{slip(0, 101, japanese), slip(1, 101, latin), slip(2, 201, "*** VOID ***\n"+latin), slip(3, 102, "*** 返品 ***\n"+japanese), slip(4, -101, odd), slip(5, 101, wide), slip(6, 101, long.String())}
	for i := range 12 {
		slips = append(slips, slip(uint64(7+i), 101, japanese))
	}
	return slips
}

func TestTheSameSlipsGiveTheSameBytes(t *testing.T) {
	var one, two bytes.Buffer
	report, err := paper.Write(&one, head(), shop())
	require.NoError(t, err)
	again, err := paper.Write(&two, head(), shop())
	require.NoError(t, err)
	assert.Equal(t, one.Bytes(), two.Bytes())
	assert.Equal(t, report, again)
	measured, err := paper.Measure(head(), shop())
	require.NoError(t, err)
	assert.Equal(t, report, measured)
	assert.Less(t, one.Len(), 200_000, "the font is cut down to what is used")
}

func TestWhatTheFontHasNotIsNamed(t *testing.T) {
	report, err := paper.Measure(head(), []paper.Slip{slip(0, 101, "🍵🍵 𠮷 é e\u0301 ☃️ \u200b한 髙﨑①ｶﾞ\x07")})
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"U+1F375": 2, "U+20BB7": 1, "U+200B": 1, "U+D55C": 1, "U+0007": 1}, report.Missing)
}

// tool is a program that looks at documents; without it the test says what it could not see.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed (Debian: poppler-utils): what is in the documents was not looked at", name)
	}
	return path
}

func written(t *testing.T, h paper.Head, slips []paper.Slip) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.pdf")
	file, err := os.Create(name)
	require.NoError(t, err)
	_, err = paper.Write(file, h, slips)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return name
}

func TestAReaderFindsEveryTextWhereItStoodOnPaper(t *testing.T) {
	pdftotext := tool(t, "pdftotext")
	out, err := exec.Command(pdftotext, "-layout", written(t, head(), shop()), "-").Output()
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(out)), "") // how far apart things stand is for eyes
	for _, want := range []string{
		"acme  store main  business date 2026-04-01", "page 1 of 3", "page 3 of 3", "as of checkpoint 1234 AEBA-GAAA-AAAA-AAAA, signed 2026-04-01 23:00:00Z",
		"緑茶商店 渋谷店", "ﾍﾟｯﾄﾎﾞﾄﾙ", "おにぎり(鮭)", "髙﨑牛乳", "¥1,530", "Café Zürich", "Crème brûlée", "Škoda łódź Σ", "*** VOID ***", "*** 返品 ***", "Void Sales (201)",
		"〓 is not in the font: U+0007", "continues »", "» goes on: 01a1fc3a-ac15-7956-a5ff-000000000006", "THE END OF IT",
		"id 01a1fc3a-ac15-7956-a5ff-000000000018", "log 18  chain 19  hash abcd000000000000",
	} {
		assert.True(t, strings.Contains(text, strings.ReplaceAll(want, " ", "")), want)
	}
	for i := range 150 {
		assert.True(t, strings.Contains(text, fmt.Sprintf("item%d%d", i, i*10)), i)
	}
}

// Every character stands in its column of the paper, however wide the font draws it.
func TestCharactersStandInTheirColumns(t *testing.T) {
	pdftotext := tool(t, "pdftotext")
	slips := []paper.Slip{slip(0, 101, "0123456789\n緑茶緑茶Z\nαααααααααZ\n🍵🍵🍵🍵 Z\nｶﾞｶﾞｶﾞｶﾞ Z\nééééééééé Z")}
	out, err := exec.Command(pdftotext, "-bbox", written(t, head(), slips), "-").Output()
	require.NoError(t, err)
	at := map[string][]float64{}
	for _, m := range regexp.MustCompile(`xMin="([0-9.]+)"[^>]* xMax="([0-9.]+)"[^>]*>([^<]*)<`).FindAllStringSubmatch(string(out), -1) {
		end, err := strconv.ParseFloat(m[2], 64)
		require.NoError(t, err)
		if strings.HasSuffix(m[3], "Z") && m[3] != "Z" || m[3] == "Z" {
			at[m[3]] = append(at[m[3]], end)
		}
	}
	const first, cell = 28 + 4.5, 4.5
	for text, columns := range map[string]float64{"緑茶緑茶Z": 9, "αααααααααZ": 10} {
		require.Len(t, at[text], 1, "%v", at)
		assert.InDelta(t, first+columns*cell, at[text][0], 0.1, text)
	}
	require.Len(t, at["Z"], 3, "%v", at)
	for i, columns := range []float64{10, 10, 11} {
		assert.InDelta(t, first+columns*cell, at["Z"][i], 0.1, i)
	}
}
