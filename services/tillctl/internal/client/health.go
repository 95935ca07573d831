package client

import "context"

// Health is how a service says that it is.
type Health struct {
	Status     string `json:"status"`
	Components []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Title  string `json:"title"`
		Hint   string `json:"hint"`
	} `json:"components"`
}

// Health of the journal and of what it needs, as a platform operator may see it.
func (j Journals) Health(ctx context.Context) (Answer[Health], error) {
	var h Answer[Health]
	return h, j.get(ctx, path("health"), nil, &h)
}
