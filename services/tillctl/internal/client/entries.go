package client

import (
	"context"
	"maps"
	"net/url"
	"strconv"
)

// Entries gives a page of a selection: lines of an export, of those of the first size events that have an
// entry which fulfils the filters, from the one at index from. Filters are spelled as the service spells
// its parameters. The last line is a proof.SelectionEnd.
func (j Journals) Entries(ctx context.Context, tenant string, size, from uint64, filters url.Values) ([]byte, error) {
	var lines []byte
	query := url.Values{"size": {strconv.FormatUint(size, 10)}, "from": {strconv.FormatUint(from, 10)}, "limit": {strconv.Itoa(exportPage)}}
	maps.Copy(query, filters)
	return lines, j.get(ctx, path("tenants", tenant, "export", "entries"), query, &lines)
}
