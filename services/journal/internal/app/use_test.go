package app_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func find(t *testing.T, b *bench, r app.SearchRequest) *app.SearchResult {
	t.Helper()
	if r.Query.Limit == 0 {
		r.Query.Limit = 100
	}
	r.Tenant = "acme"
	found, err := b.app.Search.Find(t.Context(), r)
	require.NoError(t, err)
	return found
}

func refused(t *testing.T, b *bench, kind *problem.Kind, r app.SearchRequest) *problem.Error {
	t.Helper()
	r.Tenant, r.Query.Limit = "acme", 100
	_, err := b.app.Search.Find(t.Context(), r)
	require.ErrorIs(t, err, kind.New(""))
	return problem.Of(err)
}

func ptr[T any](v T) *T { return &v }

func TestGenerateDatesAreDaysOfTheStore(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till, tenant := tilltest.New("acme", "s1", 1), tilltest.NewTenant("acme")
	till.Now = tilltest.Start.Add(-9 * 3600e9) // midnight in Tokyo, between the 28th and the 29th in UTC
	b.deliver(till.Sale("1"))
	on := func(store, day, zone string) int {
		return find(t, b, app.SearchRequest{Query: journal.Query{StoreCode: store}, GenerateDates: journal.Span[string]{From: &day, To: &day}, TimeZone: zone}).Total
	}
	assert.Equal(t, 1, on("s1", "2026-03-28", ""), "a store that is not known has UTC")
	b.deliver(tenant.StoreSnapshot("s1", "Asia/Tokyo", 1))
	assert.Equal(t, 0, on("s1", "2026-03-28", ""))
	assert.Equal(t, 1, on("s1", "2026-03-29", ""))
	assert.Equal(t, 1, on("", "2026-03-29", ""), "the only store there is")
	assert.Equal(t, 1, on("", "2026-03-28", "Europe/Berlin"))
	b.deliver(tenant.StoreSnapshot("s2", "Europe/Berlin", 1))
	from := "2026-03-28"
	p := refused(t, b, app.BadSearch, app.SearchRequest{GenerateDates: journal.Span[string]{From: &from}})
	assert.Equal(t, "timeZone", p.Fields[0].Name)
	assert.Equal(t, 1, on("", "2026-03-29", "Asia/Tokyo"))
	for _, zone := range []string{"Mars/Olympus", "Local", "../etc"} {
		refused(t, b, app.BadSearch, app.SearchRequest{GenerateDates: journal.Span[string]{From: &from}, TimeZone: zone})
	}
	from = "2026-02-30"
	refused(t, b, app.BadSearch, app.SearchRequest{GenerateDates: journal.Span[string]{From: &from}})
	refused(t, b, app.BadSearch, app.SearchRequest{GenerateDates: journal.Span[string]{To: &from}})
}

func TestACursorGoesOnWhereThePageEnded(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	var sales []event.Event
	for range 5 {
		sales = append(sales, till.Sale("1"))
	}
	b.deliver(sales...)
	for _, keyword := range []string{"", "おにぎり"} {
		r := app.SearchRequest{Query: journal.Query{Limit: 2}, Keyword: keyword}
		seen := []string{}
		for {
			found := find(t, b, r)
			assert.Equal(t, 5, found.Total)
			for _, l := range found.Items {
				seen = append(seen, l.EventID)
			}
			if r.Cursor = found.NextCursor; r.Cursor == "" {
				break
			}
		}
		want := []string{}
		for i := range sales {
			want = append(want, sales[4-i].Head().EventID)
		}
		assert.Equal(t, want, seen, "keyword %q", keyword)
	}
	cursor := find(t, b, app.SearchRequest{Query: journal.Query{Limit: 2}}).NextCursor
	p := refused(t, b, app.BadSearch, app.SearchRequest{Cursor: cursor, Query: journal.Query{StoreCode: "s1"}})
	assert.Contains(t, p.Detail, "other filters")
	for _, bad := range []string{"x", "e30", "////", cursor[:10]} {
		refused(t, b, app.BadSearch, app.SearchRequest{Cursor: bad})
	}
}

func TestKeywordsAreFoundInTheText(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	coffee, tea := till.Sale("300"), till.Sale("400")
	coffee.JournalText, tea.JournalText = "ﾌﾞﾚﾝﾄﾞ Coffee 300円", "Green Tea\n緑茶 400円"
	b.deliver(coffee, tea, till.Cash("5"))
	for keyword, want := range map[string]int{"coffee": 1, "ブレンド": 1, "緑茶 green": 1, `"green tea"`: 1, "green 300": 0, "400": 1, "円": 2, "00": 0, "%": 0, "_": 0} {
		found := find(t, b, app.SearchRequest{Keyword: keyword})
		assert.Equal(t, want, found.Total, keyword)
		assert.Len(t, found.Items, want, keyword)
	}
	assert.Len(t, find(t, b, app.SearchRequest{Keyword: "円", Query: journal.Query{Skip: 1, Limit: 5}}).Items, 1)
	assert.Equal(t, 0, find(t, b, app.SearchRequest{Keyword: "coffee", Query: journal.Query{Amount: journal.Span[money.Decimal]{From: ptr(money.MustParse("301"))}}}).Total)
}

func TestASearchThatReadsTooMuchIsRefusedWithAHint(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.store.wide = fmt.Errorf("%w: much", app.ErrTooWide)
	p := refused(t, b, app.SearchTooWide, app.SearchRequest{Query: journal.Query{StaffID: "s01"}})
	assert.Contains(t, p.Hint, "businessDateFrom")
	b.store.wide, b.store.endless = nil, true
	p = refused(t, b, app.SearchTooWide, app.SearchRequest{Keyword: "coffee", Regex: true})
	assert.Contains(t, p.Detail, "5000 texts")
	p = refused(t, b, app.SearchTooWide, app.SearchRequest{Keyword: "coffee", Query: journal.Query{StoreCode: "s1", Sort: byRelevance}})
	assert.Contains(t, p.Detail, "5000 hits")
	assert.NotContains(t, p.Hint, "a store", "it is there already")
	assert.Contains(t, p.Hint, "businessDateFrom")
}

func TestProblemsOfReading(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	ctx := t.Context()
	_, err := b.app.Search.Entry(ctx, "acme", "nothing")
	assert.ErrorIs(t, err, app.EntryNotFound.New(""))
	_, err = b.app.Search.Entry(ctx, "bolt", "nothing")
	assert.ErrorIs(t, err, app.TenantUnknown.New(""))
	_, err = b.app.Search.Find(ctx, app.SearchRequest{Tenant: "bolt", Query: journal.Query{Limit: 1}})
	assert.ErrorIs(t, err, app.TenantUnknown.New(""))
	_, _, err = b.app.Orders.Timeline(ctx, "acme", "nothing")
	assert.ErrorIs(t, err, app.OrderNotFound.New(""))
	_, err = b.app.Sessions.Reconcile(ctx, journal.SessionKey{Terminal: tilltest.New("acme", "s1", 1).Terminal, BusinessDate: "20260329", OpenCounter: 1})
	assert.ErrorIs(t, err, app.SessionNotFound.New(""))
	_, err = b.app.Proof.Verify(ctx, "bolt")
	assert.ErrorIs(t, err, app.TenantUnknown.New(""))
	_, err = b.app.Quarantine.Show(ctx, "acme", "nothing")
	assert.ErrorIs(t, err, app.QuarantineNotFound.New(""))

	b.store.reads = fmt.Errorf("%w: away", app.ErrUnavailable)
	_, err = b.app.Search.Entry(ctx, "acme", "x")
	assert.ErrorIs(t, err, app.DatabaseAway.New(""))
	b.store.reads = fmt.Errorf("%w: bits", app.ErrDamaged)
	_, err = b.app.Search.Entry(ctx, "acme", "x")
	assert.ErrorIs(t, err, app.EntryDamaged.New(""))
	b.store.reads = errors.New("a bug")
	_, err = b.app.Search.Entry(ctx, "acme", "x")
	assert.Equal(t, problem.Unexpected, problem.Of(err).Kind)
}

func TestQuarantineIsShownToItsOwnTenantOnly(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	bad := tilltest.New("acme", "s1", 1).Sale("1")
	bad.BusinessDate = "never"
	b.deliver(bad)
	id := b.quarantine("acme", journal.QuarantineOpen)[0].ID
	for _, tenant := range []string{"bolt", ""} {
		_, err := b.app.Quarantine.Show(t.Context(), tenant, id)
		require.ErrorIs(t, err, app.QuarantineNotFound.New(""))
		_, err = b.app.Quarantine.Replay(t.Context(), tenant, id, "eve")
		require.ErrorIs(t, err, app.QuarantineNotFound.New(""))
		_, err = b.app.Quarantine.Discard(t.Context(), tenant, id, "eve", "mine now")
		require.ErrorIs(t, err, app.QuarantineNotFound.New(""))
	}
	_, err := b.app.Quarantine.Replay(t.Context(), "acme", id, "ann")
	require.ErrorIs(t, err, app.ReplayRefused.New(""))
	assert.Contains(t, problem.Of(err).Detail, "business_date")
	assert.Len(t, b.quarantine("acme", journal.QuarantineOpen), 1, "and there it stays")
}

func TestATerminalsKeyIsCheckedAgainstItsSnapshot(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	id := till.Terminal.ID()
	good := id + ".secret"
	_, err := b.app.Terminals.CheckKey(t.Context(), id, good)
	require.ErrorIs(t, err, problem.Unauthenticated.New(""))
	snapshot := till.TerminalSnapshot(1, good)
	snapshot.Terminal.Staff = &event.Person{ID: "s01", Name: "Ann"}
	b.deliver(snapshot)
	p, err := b.app.Terminals.CheckKey(t.Context(), id, good)
	require.NoError(t, err)
	assert.Equal(t, auth.TerminalRole, p.Role)
	assert.Equal(t, till.Terminal, p.TerminalIdentity())
	assert.Equal(t, "s01", p.Terminal.StaffID)
	for _, key := range []string{id + ".other", "", good + "x"} {
		_, err = b.app.Terminals.CheckKey(t.Context(), id, key)
		require.ErrorIs(t, err, problem.Unauthenticated.New(""), key)
	}
	disabled := till.TerminalSnapshot(2, good)
	disabled.Terminal.IsActive = false
	b.deliver(disabled)
	_, err = b.app.Terminals.CheckKey(t.Context(), id, good)
	require.ErrorIs(t, err, problem.Unauthenticated.New(""))
	b.deliver(till.TerminalSnapshot(3, id+".rotated"))
	_, err = b.app.Terminals.CheckKey(t.Context(), id, good)
	require.ErrorIs(t, err, problem.Unauthenticated.New(""), "a rotated key is no key")
	b.store.reads = fmt.Errorf("%w: away", app.ErrUnavailable)
	_, err = b.app.Terminals.CheckKey(t.Context(), id, id+".rotated")
	require.ErrorIs(t, err, app.DatabaseAway.New(""))
}

func TestTheSessionIsReconciled(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	key := journal.SessionKey{Terminal: till.Terminal, BusinessDate: till.BusinessDate, OpenCounter: 1}
	cash := till.Cash("100")
	missing := till.Sale("8")
	b.deliver(till.Open(), cash, till.Sale("10"), till.Close(2, 2, 1, cash.GenerateDateTime, "118"))
	r, err := b.app.Sessions.Reconcile(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, journal.SessionDiffers, r.State)
	b.deliver(missing)
	r, err = b.app.Sessions.Reconcile(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, journal.SessionMatches, r.State, "what was late has come")

	b.deliver(till.Cash("999999999999999"), till.Cash("999999999999999"))
	_, err = b.app.Sessions.Reconcile(t.Context(), key)
	assert.ErrorIs(t, err, app.EntryDamaged.New(""))
}

func TestVerificationsWaitForEachOther(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.deliver(tilltest.New("acme", "s1", 1).Sale("1"))
	inside, release := make(chan struct{}, 2), make(chan struct{})
	b.store.walking = func() { inside <- struct{}{}; <-release }
	ended := make(chan error, 2)
	for range 2 {
		go func() { _, err := b.app.Proof.Verify(t.Context(), "acme"); ended <- err }()
	}
	<-inside
	<-inside
	_, err := b.app.Proof.Verify(t.Context(), "acme")
	assert.ErrorIs(t, err, problem.Unavailable.New(""))
	close(release)
	assert.NoError(t, <-ended)
	assert.NoError(t, <-ended)
}
