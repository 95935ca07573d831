package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// A selection takes entries away: those that somebody asks for, as of one checkpoint, page by page. A
// page tells in its Link header (RFC 8288) where the next one is; the last has none.

// selectionPage is what is asked for.
type selectionPage struct {
	app.Selection
	size, from uint64
	limit      int
	language   string
}

// selection reads the parameters that both forms have, and those of more.
func (a *API) selection(c *gin.Context, more func(*params, *selectionPage)) (*selectionPage, error) {
	p := newParams(c)
	s := &selectionPage{size: p.size("size", 0), from: p.size("from", 0), limit: p.bounded("limit", exportPage, 1, exportMost)}
	s.StoreCode = p.store("storeCode")
	s.Terminals, s.Types = p.terminals("terminalNo"), p.types("transactionType")
	s.BusinessDate = span(p, "businessDateTo", journal.Span[string]{From: p.businessDate("businessDateFrom"), To: p.businessDate("businessDateTo")}, strings.Compare)
	more(p, s)
	if s.size == 0 && len(p.broken) == 0 {
		p.fail("size", "required", "must be the size of a checkpoint: take the newest from checkpoints/latest")
	}
	return s, p.err()
}

// store is the code of one.
func (p *params) store(name string) string {
	s, given := p.one(name)
	if given && !identity.ValidCode(s) {
		p.fail(name, "code", "must match %s", identity.CodePattern)
	}
	return s
}

// answer gives a page of lines.
func (s *selectionPage) answer(c *gin.Context, media string, page []byte, next uint64, rows int) {
	if next < s.size {
		query := c.Request.URL.Query()
		query.Set("from", strconv.FormatUint(next, 10))
		c.Header("Link", "<"+c.Request.URL.Path+"?"+query.Encode()+`>; rel="next"`)
	}
	c.Set(itemsKey, rows)
	c.Data(http.StatusOK, media, page)
}

// exportEntries gives the entries with their proofs: lines of an export.
func (a *API) exportEntries(c *gin.Context) (any, error) {
	s, err := a.selection(c, func(*params, *selectionPage) {})
	if err != nil {
		return nil, err
	}
	var page []byte
	rows := 0
	next, err := a.App.Proof.Select(c.Request.Context(), c.Param("tenant"), s.Selection, s.size, s.from, s.limit, func(l *proof.Line) error {
		page = append(proof.AppendLine(page, l), '\n')
		rows++
		return nil
	})
	if err != nil {
		return nil, err
	}
	end, err := json.Marshal(proof.SelectionEnd{Next: next})
	if err != nil {
		return nil, err
	}
	s.answer(c, "application/jsonl; charset=utf-8", append(append(page, end...), '\n'), next, rows)
	return nil, nil
}

// exportSheet gives the entries as a spreadsheet reads them. Headings stand on the first page only, so that
// pages that are put together are one sheet.
func (a *API) exportSheet(c *gin.Context) (any, error) {
	s, err := a.selection(c, func(p *params, s *selectionPage) {
		language, given := p.one("headers")
		if s.language = language; !given {
			s.language = sheet.English
		}
		if s.language != sheet.English && s.language != sheet.Japanese {
			p.fail("headers", "enum", "must be en or ja")
		}
	})
	if err != nil {
		return nil, err
	}
	var page []byte
	if s.from == 0 {
		page = sheet.AppendHeader(page, s.language)
	}
	rows := 0
	next, err := a.App.Proof.Select(c.Request.Context(), c.Param("tenant"), s.Selection, s.size, s.from, s.limit, func(l *proof.Line) error {
		row, err := sheet.RowOf(l)
		if err != nil {
			return err
		}
		page = row.Append(page, s.language)
		rows++
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.answer(c, sheet.MediaType, page, next, rows)
	return nil, nil
}
