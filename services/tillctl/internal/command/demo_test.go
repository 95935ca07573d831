package command_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// demo plays a day in the fake shop, while time flies.
func (w *world) demo(t *testing.T, f *fakeShop, args ...string) int {
	t.Helper()
	data := t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data), &w.err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		for w.clock.BlockUntilContext(ctx, 1) == nil {
			w.clock.Advance(time.Second)
		}
	}()
	return w.against(t, f.services(), append([]string{"demo", "--token=", "--data", data}, args...)...)
}

func TestADemoDayEndsWellAndShowsEverything(t *testing.T) {
	for _, language := range []string{"en", "ja"} {
		t.Run(language, func(t *testing.T) {
			w, f := newWorld(t), newFakeShop(t)
			f.lateness, f.closings = 7, 2
			require.Equal(t, 0, w.demo(t, f, "--language", language), &w.err)
			assert.Equal(t, 4, strings.Count(w.out.String(), "│ RECEIPT"))
			assert.Equal(t, 1, strings.Count(w.out.String(), "│ CASH OUT"))
			assert.Equal(t, 2, strings.Count(w.out.String(), "│ CLOSE"))
			assert.Contains(t, w.out.String(), "closing is refused while that cart is in progress")
			assert.Contains(t, w.out.String(), "It has all 40 events of demo_")
			assert.Contains(t, w.out.String(), "tillctl search --data ")
			assert.Empty(t, w.err.String())
		})
	}
}

func TestEveryDemoHasATenantOfItsOwn(t *testing.T) {
	tenants := map[string]bool{}
	for range 3 {
		w, f := newWorld(t), newFakeShop(t)
		require.Equal(t, 0, w.demo(t, f), &w.err)
		for id := range f.tills {
			tenants[strings.Split(id, "-")[0]] = true
		}
	}
	assert.Len(t, tenants, 3)
}

func TestASecondDayGoesOnInTheSameShop(t *testing.T) {
	f := newFakeShop(t)
	for range 2 {
		w := newWorld(t)
		require.Equal(t, 0, w.demo(t, f, "--tenant", "acme"), &w.err)
	}
	assert.Equal(t, 2, f.tills["acme-corner_shop-1"].openings)
}

func TestADayThatWasInterruptedIsTidiedUp(t *testing.T) {
	f := newFakeShop(t)
	require.Equal(t, 0, newWorld(t).demo(t, f, "--tenant", "acme"))
	till := f.tills["acme-corner_shop-1"]
	till.status, till.signedIn = "Opened", true
	f.carts["left"] = &fakeCart{till: till}
	till.open["left"] = true
	w := newWorld(t)
	require.Equal(t, 0, w.demo(t, f, "--tenant", "acme"), &w.err)
	assert.Empty(t, till.open)
}

func TestWhateverDoesNotMatchIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*fakeShop)
		says  string
	}{
		"journal lacks a sale":        {func(f *fakeShop) { f.forgetsType = 101 }, "the journal lacks type 101, transaction 1"},
		"journal has a sale twice":    {func(f *fakeShop) { f.doublesType = 101 }, "the journal has type 101, transaction 1, 4, which nobody did"},
		"journal lacks the float":     {func(f *fakeShop) { f.forgetsType = 401 }, "the journal lacks type 401, 100"},
		"journal lacks the cancelled": {func(f *fakeShop) { f.forgetsType = -101 }, "the journal lacks type -101"},
		"drawer does not add up":      {func(f *fakeShop) { f.wrongDrawer = true }, "in the drawer, there are"},
		"session differs":             {func(f *fakeShop) { f.sessionState = "differs" }, `the session of till 1 is "differs"`},
		"session provisional":         {func(f *fakeShop) { f.sessionState = "provisional" }, `the session of till 1 is "provisional"`},
		"chain is broken":             {func(f *fakeShop) { f.broken = true }, "the event's content was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			w, f := newWorld(t), newFakeShop(t)
			test.spoil(f)
			assert.Equal(t, 3, w.demo(t, f), &w.err)
			assert.Contains(t, w.err.String(), test.says)
			assert.Contains(t, w.out.String(), "\nNext\n", "what was found is shown all the same")
		})
	}
}

func TestADayThatCannotGoOnFails(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*fakeShop)
		says  string
	}{
		"service fails":             {func(f *fakeShop) { f.refuses = map[string]bool{"POST /api/v1/carts/{c}/bill": true} }, "a sale at till 1: cart: Something unexpected"},
		"events never arrive":       {func(f *fakeShop) { f.lateness = 1 << 30 }, "the journal still lacks events"},
		"close never ends":          {func(f *fakeShop) { f.neverCloses = true }, "is still closing"},
		"till closes with a cart":   {func(f *fakeShop) { f.letsClose = true }, "was closed while the cart"},
		"tenant cannot be made":     {func(f *fakeShop) { f.refuses = map[string]bool{"POST /api/v1/tenants": true} }, "terminal: Something unexpected"},
		"verification cannot begin": {func(f *fakeShop) { f.refuses = map[string]bool{"GET /api/v1/tenants/{t}/verification": true} }, "journal: Something unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			w, f := newWorld(t), newFakeShop(t)
			test.spoil(f)
			assert.Equal(t, 1, w.demo(t, f), &w.err)
			assert.Contains(t, w.err.String(), test.says)
		})
	}
}

func TestADemoNeedsItsOwnTokens(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 2, w.run("demo", "--token", "x"))
	assert.Contains(t, w.err.String(), "the key of the local stack")
}
