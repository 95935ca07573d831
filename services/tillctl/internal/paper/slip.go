package paper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/sheet"
)

// Slip is one entry of the journal as it is printed.
type Slip struct {
	*sheet.Row
	Text string // of the receipt, or what the till keeps
}

// SlipOf is the receipt of an entry; the journal text where there is none.
func SlipOf(r *sheet.Row) Slip {
	if r.ReceiptText != nil && strings.TrimSpace(*r.ReceiptText) != "" {
		return Slip{r, *r.ReceiptText}
	}
	return Slip{r, r.JournalText}
}

// setSlip is one whose text was taken apart.
type setSlip struct {
	Slip
	lines   [][]glyph
	missing []string
}

// style is how a row is set.
type style int

const (
	body  style = iota
	small       // what we say about the slip
	loud        // the same in white on black: money went back, or nothing was sold at all
)

// row is one line of a slip.
type row struct {
	style
	glyphs []glyph
}

// undone are the transaction types that nobody shall take for a sale.
var undone = []int{-101, 102, 201, 202}

// words are what we say about slips.
var words = map[string]map[string]string{
	sheet.English: {"receipt": "receipt", "transaction": "no.", "till": "till", "log": "log", "chain": "chain", "hash": "hash", "missing": "〓 is not in the font:",
		"continues": "continues »", "continued": "» goes on:", "store": "store", "date": "business date", "page": "page %d of %d", "part": "part %d of %d",
		"checkpoint": "as of checkpoint %s, signed %s", "proven": "Each slip is an entry of the electronic journal: its id, its place in the log of the checkpoint and in its till's chain, and how its hash begins."},
	sheet.Japanese: {"receipt": "レシート", "transaction": "取引", "till": "端末", "log": "ログ", "chain": "チェーン", "hash": "ハッシュ", "missing": "〓 書体にない文字:",
		"continues": "次へ続く »", "continued": "» 続き:", "store": "店舗", "date": "営業日", "page": "%d / %d ページ", "part": "第 %d 部 (全 %d 部)",
		"checkpoint": "チェックポイント %s (署名 %s) 時点", "proven": "各票は電子ジャーナルの 1 件です。ID、チェックポイントのログ内の番号、端末のチェーン内の番号、ハッシュの先頭を示します。"},
}

// rows of a slip, at most most cells wide where its text stands and most small ones where ours does.
func (d *document) rows(s *setSlip) []row {
	say := words[d.head.Language]
	label := sheet.TypeName(s.TransactionType, d.head.Language) + fmt.Sprintf(" (%d)", s.TransactionType)
	if s.ReceiptNo != nil {
		label += fmt.Sprintf("  %s %d", say["receipt"], *s.ReceiptNo)
	}
	if s.TransactionNo != nil {
		label += "  " + say["transaction"] + " " + *s.TransactionNo
	}
	style := small
	if slices.Contains(undone, s.TransactionType) {
		style = loud
	}
	var rows []row
	rows = d.say(rows, style, label)
	rows = d.say(rows, small, s.GenerateDateTime+fmt.Sprintf("  %s %d", say["till"], s.TerminalNo))
	for _, glyphs := range wrapped(s.lines, d.cells) {
		rows = append(rows, row{body, glyphs})
	}
	rows = d.say(rows, small, "id "+s.EventID)
	rows = d.say(rows, small, fmt.Sprintf("%s %d  %s %d  %s %.16s", say["log"], s.Index, say["chain"], s.Seq, say["hash"], s.Hash.String()))
	if len(s.missing) > 0 {
		rows = d.say(rows, small, say["missing"]+" "+d.report.lost(s.missing))
	}
	return rows
}

// say appends a text of ours, in as many rows as it takes.
func (d *document) say(rows []row, s style, text string) []row {
	lines, _ := d.face.lines(text)
	for _, glyphs := range wrapped(lines, d.smallCells) {
		rows = append(rows, row{s, glyphs})
	}
	return rows
}

// Report says what became of slips that were printed.
type Report struct {
	Slips   int
	Pages   int
	Missing map[string]int // how often each character that the font has not was met, by its code points
}

// lost counts what is missing and names it.
func (r *Report) lost(missing []string) string {
	here := map[string]int{}
	for _, cluster := range missing {
		name := codePoints(cluster)
		here[name]++
		r.Missing[name]++
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(here)) {
		if here[name] > 1 {
			name += fmt.Sprintf(" (%d)", here[name])
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
