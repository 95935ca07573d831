package httpapi_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

const (
	retention = "/tenants/acme/retention"
	runs      = "/tenants/acme/archive/runs"
	holds     = "/tenants/acme/archive/holds"
	archived  = "/tenants/acme/archive/segments"
)

// settled has everything examined and signed.
func (h *house) settled(who credential) {
	h.t.Helper()
	h.examine()
	h.get(who, "/tenants/acme/checkpoints/latest")
}

// meetArchive produces the problems of the archive.
func (h *house) meetArchive(admin credential, meet func(answer)) {
	h.t.Helper()
	meet(h.do(admin, http.MethodPut, retention, `{"liveDays":30,"keepDays":7}`))
	meet(h.get(admin, archived+"?after=t/acme/s1/1999-01-01.1.seg"))
	require.Equal(h.t, 200, h.do(admin, http.MethodPut, retention, `{"liveDays":30,"keepDays":0}`).status)
	h.sell(tilltest.New("acme", "s7", 1).Open())
	h.settled(admin)
	h.segments.put = func() error { return errors.New("no space left") }
	meet(h.do(admin, http.MethodPost, runs, ""))
	h.segments.put = func() error {
		meet(h.do(admin, http.MethodPost, runs, ""))
		return errors.New("no space left")
	}
	h.do(admin, http.MethodPost, runs, "")
	h.segments.put = nil
	require.Equal(h.t, 200, h.do(admin, http.MethodPost, runs, "").status)
	meet(h.do(admin, http.MethodPost, holds, `{"name":"`+items(h.get(admin, archived+"?storeCode=s7"))[0]["name"].(string)+`","until":"20300101","reason":"x"}`))
	elsewhere := newHouseThat(h.t, false)
	meet(elsewhere.do(elsewhere.user(auth.Administrator, "acme"), http.MethodPost, runs, ""))
}

func TestRetentionIsSetAndTheArchiveFollows(t *testing.T) {
	h := newHouse(t)
	admin, auditor := h.user(auth.Administrator, "acme"), h.user(auth.Auditor, "acme")
	a := h.get(auditor, retention)
	require.Equal(t, 200, a.status, a.raw)
	assert.EqualValues(t, 0, a.body["liveDays"])
	assert.Equal(t, "03:00", a.body["at"])
	for body, field := range map[string]string{
		`{"liveDays":-1,"keepDays":0}`: "liveDays", `{"liveDays":99999,"keepDays":0}`: "liveDays", `{"liveDays":30,"keepDays":29}`: "keepDays",
		`{"liveDays":0,"keepDays":29}`: "keepDays", `{"liveDays":1,"keepDays":0,"at":"3"}`: "at", `{"liveDays":1,"keepDays":0,"at":"24:00"}`: "at",
	} {
		a := h.do(admin, http.MethodPut, retention, body)
		assert.Equal(t, 422, a.status, body)
		assert.Contains(t, a.raw, `"name":"`+field+`"`, body)
	}
	a = h.do(admin, http.MethodPut, retention, `{"liveDays":30,"keepDays":3650,"at":"04:30"}`)
	require.Equal(t, 200, a.status, a.raw)
	assert.Equal(t, "ann", a.body["setBy"])
	assert.Equal(t, "04:30", h.get(auditor, retention).body["at"])

	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("10")
	h.sell(sale, till.Cash("5"))
	h.settled(admin)
	a = h.do(admin, http.MethodPost, runs, "")
	require.Equal(t, 200, a.status, a.raw)
	assert.EqualValues(t, 1, a.body["segments"])
	assert.EqualValues(t, 2, a.body["removed"])
	assert.Empty(t, a.body["held"])
	list := items(h.get(auditor, archived))
	require.Len(t, list, 1)
	assert.Equal(t, "t/acme/s1/2026-03-29.1.seg", list[0]["name"])
	assert.Equal(t, "20360326", list[0]["keepUntil"])
	for query, n := range map[string]int{"?storeCode=s1": 1, "?storeCode=s2": 0, "?businessDateFrom=20260330": 0, "?businessDateTo=20260329&newest=true": 1, "?ended=true": 0} {
		assert.Len(t, items(h.get(auditor, archived+query)), n, query)
	}
	assert.Equal(t, 422, h.get(auditor, archived+"?storeCode=S%201").status)
	assert.EqualValues(t, 0, h.get(auditor, "/tenants/acme/stores/s1/journals").body["total"], "the live journal has it no more")
	v := h.get(auditor, "/tenants/acme/verification")
	assert.Equal(t, true, v.body["holds"], v.raw)
	assert.EqualValues(t, 1, h.get(auditor, retention).body["segments"])

	name := list[0]["name"].(string)
	assert.Equal(t, 422, h.do(admin, http.MethodPost, holds, `{"name":"`+name+`"}`).status, "why?")
	assert.Equal(t, 422, h.do(admin, http.MethodPost, holds, `{"name":"`+name+`","reason":"court","until":"soon"}`).status)
	assert.Equal(t, 409, h.do(admin, http.MethodPost, holds, `{"name":"`+name+`","reason":"court","until":"20300101"}`).status, "that is sooner")
	held := h.do(admin, http.MethodPost, holds, `{"name":"`+name+`","reason":"court"}`)
	require.Equal(t, 200, held.status, held.raw)
	assert.NotContains(t, held.body, "keepUntil", "for ever")
	assert.EqualValues(t, 1, h.get(auditor, retention).body["segmentsForEver"])
	assert.Len(t, items(h.get(auditor, runs+"?limit=5")), 1)
}

// A page of the list goes on behind the one before; a cursor of a live search whose entry was archived
// since says so.
func TestListsOfTheArchiveHavePages(t *testing.T) {
	h := newHouse(t)
	admin := h.user(auth.Administrator, "acme")
	require.Equal(t, 200, h.do(admin, http.MethodPut, retention, `{"liveDays":30,"keepDays":0}`).status)
	for _, store := range []string{"s1", "s2", "s3"} {
		till := tilltest.New("acme", store, 1)
		h.sell(till.Sale("1"), till.Sale("2"))
	}
	h.settled(admin)
	page := h.get(admin, "/tenants/acme/journals?limit=1")
	cursor := page.body["nextCursor"].(string)
	require.Equal(t, 200, h.do(admin, http.MethodPost, runs, "").status)
	lost := h.get(admin, "/tenants/acme/journals?limit=1&cursor="+cursor)
	assert.Equal(t, 422, lost.status, lost.raw)
	assert.EqualValues(t, 410002, lost.body["code"])
	assert.Contains(t, lost.raw, "cursor")
	var names []any
	for after := ""; ; {
		a := h.get(admin, archived+"?limit=2"+after)
		for _, i := range items(a) {
			names = append(names, i["name"])
		}
		next, more := a.body["nextAfter"]
		if !more {
			break
		}
		after = "&after=" + next.(string)
	}
	assert.Equal(t, []any{"t/acme/s1/2026-03-29.1.seg", "t/acme/s2/2026-03-29.1.seg", "t/acme/s3/2026-03-29.1.seg"}, names)
	h.clock.Advance(time.Minute)
}
