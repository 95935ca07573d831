package terminal

import (
	"fmt"
	"time"
	_ "time/tzdata" // a store's machine may have no time zone files of its own
)

// dateLayout of business dates: they compare as text.
const dateLayout = "20060102"

// stampLayout of generate_date_time: RFC 3339 with the store's offset, always the same length.
const stampLayout = "2006-01-02T15:04:05.000000Z07:00"

// clockLayout of a cut-over.
const clockLayout = "15:04"

// calendar tells business dates: day D lasts from the cut-over of calendar day D to that of D+1.
type calendar struct {
	zone    *time.Location
	cutOver time.Duration // after midnight by the wall clock
}

func newCalendar(timeZone, cutOver string) (calendar, error) {
	zone, err := time.LoadLocation(timeZone)
	if err != nil {
		return calendar{}, fmt.Errorf("time zone %q: %w", timeZone, err)
	}
	at, err := time.Parse(clockLayout, cutOver)
	if err != nil {
		return calendar{}, fmt.Errorf("cut-over %q is not of the form HH:MM", cutOver)
	}
	return calendar{zone, time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute}, nil
}

// date is the business date of an instant. It compares instants and not wall clocks: when clocks are
// put back over the cut-over, the new business day stays begun.
func (c calendar) date(at time.Time) string {
	local := at.In(c.zone)
	day := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, time.UTC)
	for at.Before(c.begin(day)) {
		day = day.AddDate(0, 0, -1)
	}
	return day.Format(dateLayout)
}

// begin is the first instant at which the wall clock of day (midnight UTC stands for the calendar
// day) shows the cut-over or later.
func (c calendar) begin(day time.Time) time.Time {
	wall := day.Add(c.cutOver)
	// Around a change of the clocks two offsets may be meant. The one from before the change gives
	// the earlier instant when the wall clock shows the cut-over twice, so it is tried first.
	before, after := c.shift(wall, -36*time.Hour), c.shift(wall, +36*time.Hour)
	for _, instant := range []time.Time{before, after} {
		if c.shows(instant, wall) {
			return instant
		}
	}
	// The wall clock jumps over the cut-over: the day begins with the jump.
	jump, _ := before.In(c.zone).ZoneBounds()
	return jump
}

// shift makes an instant of a wall clock time by the offset that holds some time away from it.
func (c calendar) shift(wall time.Time, away time.Duration) time.Time {
	_, offset := wall.Add(away).In(c.zone).Zone()
	return wall.Add(-time.Duration(offset) * time.Second)
}

func (c calendar) shows(instant, wall time.Time) bool {
	_, offset := instant.In(c.zone).Zone()
	return instant.Add(time.Duration(offset) * time.Second).Equal(wall)
}
