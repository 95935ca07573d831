package terminal

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func date(t testing.TB, zone, cutOver, at string) string {
	t.Helper()
	c, err := newCalendar(zone, cutOver)
	require.NoError(t, err)
	instant, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	return c.date(instant)
}

func TestBusinessDate(t *testing.T) {
	for _, c := range []struct{ name, zone, cutOver, at, want string }{
		{"midnight cut-over follows the calendar", "Asia/Tokyo", "00:00", "2026-03-29T00:00:00+09:00", "20260329"},
		{"a moment before midnight is the day before", "Asia/Tokyo", "00:00", "2026-03-28T23:59:59+09:00", "20260328"},
		{"the store's zone counts, not the server's", "Asia/Tokyo", "00:00", "2026-03-28T15:00:00Z", "20260329"},
		{"a night sale belongs to the evening", "Asia/Tokyo", "05:00", "2026-03-29T04:59:59+09:00", "20260328"},
		{"the cut-over begins the day", "Asia/Tokyo", "05:00", "2026-03-29T05:00:00+09:00", "20260329"},
		{"an evening cut-over begins its own calendar day", "Asia/Tokyo", "22:00", "2026-03-29T21:00:00+09:00", "20260328"},
		{"over the turn of the year", "Europe/Berlin", "03:00", "2026-01-01T02:00:00+01:00", "20251231"},
		{"over a leap day", "Europe/Berlin", "03:00", "2028-03-01T02:59:00+01:00", "20280229"},
		// Clocks go forward from 02:00 to 03:00 on 29 March 2026: 02:30 never comes.
		{"a cut-over that the clocks jump over begins with the jump", "Europe/Berlin", "02:30", "2026-03-29T03:00:00+02:00", "20260329"},
		{"and not before it", "Europe/Berlin", "02:30", "2026-03-29T01:59:59+01:00", "20260328"},
		// Clocks go back from 03:00 to 02:00 on 25 October 2026: 02:30 comes twice.
		{"a cut-over that comes twice counts the first time", "Europe/Berlin", "02:30", "2026-10-25T02:30:00+02:00", "20261025"},
		{"not before the first time", "Europe/Berlin", "02:30", "2026-10-25T02:29:59+02:00", "20261024"},
		{"the day stays begun when the clocks go back", "Europe/Berlin", "02:30", "2026-10-25T02:10:00+01:00", "20261025"},
		// Midnight itself does not exist in Cairo on 24 April 2026.
		{"a midnight that is jumped over", "Africa/Cairo", "00:00", "2026-04-24T01:00:00+03:00", "20260424"},
		{"half-hour zones", "Australia/Lord_Howe", "02:00", "2026-04-05T01:45:00+10:30", "20260404"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, date(t, c.zone, c.cutOver, c.at)) })
	}
}

// zones with all kinds of offsets and changes, and some that never change.
var zones = []string{
	"Asia/Tokyo", "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo",
	"Pacific/Apia", "Pacific/Chatham", "Asia/Kathmandu", "America/Santiago", "Africa/Casablanca", "Asia/Beirut", "America/Havana",
}

func anyCalendar(t *rapid.T) calendar {
	// Clocks change in the small hours, where most cut-overs are too.
	cutOver := rapid.OneOf(rapid.IntRange(0, 4*60), rapid.IntRange(0, 24*60-1)).Draw(t, "cut-over")
	c, err := newCalendar(rapid.SampledFrom(zones).Draw(t, "zone"), fmt.Sprintf("%02d:%02d", cutOver/60, cutOver%60))
	require.NoError(t, err)
	return c
}

// anyInstant of 2010 to 2030, every other time close to a change of the clocks.
func anyInstant(t *rapid.T, c calendar) time.Time {
	at := time.Unix(rapid.Int64Range(1262304000, 1893456000).Draw(t, "instant"), 0)
	if _, change := at.In(c.zone).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "at a change") {
		return change.Add(time.Duration(rapid.Int64Range(-12*3600, 12*3600).Draw(t, "from the change")) * time.Second)
	}
	return at
}

func TestBusinessDateNeverGoesBackwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar(t)
		at := anyInstant(t, c)
		later := at.Add(time.Duration(rapid.Int64Range(0, 48*3600).Draw(t, "seconds")) * time.Second)
		assert.LessOrEqual(t, c.date(at), c.date(later))
	})
}

func TestBusinessDateIsTheDayWhoseCutOverCameLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar(t)
		at := anyInstant(t, c)
		day, err := time.Parse(dateLayout, c.date(at))
		require.NoError(t, err)
		assert.False(t, at.Before(c.begin(day)), "begun at %s", c.begin(day))
		assert.True(t, at.Before(c.begin(day.AddDate(0, 0, 1))), "next begins at %s", c.begin(day.AddDate(0, 0, 1)))
	})
}

func TestBusinessDayBeginsWhenItsWallClockFirstReachesTheCutOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar(t)
		at := anyInstant(t, c)
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		i := day.Add(-15 * time.Hour) // the plain way: look at every minute
		for shown := (time.Time{}); shown.Before(day.Add(c.cutOver)); i = i.Add(time.Minute) {
			local := i.In(c.zone)
			shown = time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
		}
		i = i.Add(-time.Minute)
		assert.True(t, i.Equal(c.begin(day)), "%s, not %s", i.In(c.zone), c.begin(day).In(c.zone))
	})
}

func TestCalendarRefusesWhatIsNoCalendar(t *testing.T) {
	for _, c := range [][2]string{{"Mars/Olympus", "00:00"}, {"Asia/Tokyo", "24:00"}, {"Asia/Tokyo", "5"}, {"Asia/Tokyo", ""}} {
		_, err := newCalendar(c[0], c[1])
		assert.Error(t, err, c)
	}
}
