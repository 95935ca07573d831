package httpapi

import "github.com/tillroll/tillroll/services/journal/internal/app"

// ArchiveReportResponse says whether the segments of a tenant's archive hold.
type ArchiveReportResponse struct {
	Segments int                 `json:"segments"` // that were read and checked
	Events   int                 `json:"events"`   // in them
	Purged   int                 `json:"purged"`   // segments that are given up
	FirstBad *BadSegmentResponse `json:"firstBad"`
}

// BadSegmentResponse is the first segment that is not as it was archived. Line is that of the unpacked
// file, counted from 1.
type BadSegmentResponse struct {
	Name    string `json:"name"`
	Line    int    `json:"line,omitempty"`
	EventID string `json:"eventId,omitempty"`
	Problem string `json:"problem"`
}

func archiveReport(r *app.ArchiveReport) ArchiveReportResponse {
	out := ArchiveReportResponse{Segments: r.Segments, Events: r.Events, Purged: r.Purged}
	if r.Bad != nil {
		out.FirstBad = &BadSegmentResponse{r.Bad.Name, r.Bad.Line, r.Bad.EventID, r.Bad.Problem}
	}
	return out
}
