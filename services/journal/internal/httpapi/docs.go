package httpapi

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sheet"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Info of the service's description.
var Info = openapi.Info{
	Title:       "Tillroll journal",
	Description: "The electronic journal: what happened at the tills, searchable, and provably unchanged. Everything that can go wrong is at [/problems](/problems).",
	PathParams: map[string]openapi.Param{
		"journal":     {Doc: "The entry's `journalId`: the id of its event."},
		"order":       {Doc: "The order's id: the cart's."},
		"item":        {Doc: "The id of a quarantined event."},
		"discrepancy": {Doc: "The id of a discrepancy."},
		"app":         {Doc: "The application whose sidecar gave the event up."},
	},
}

// Endpoints describes every route that Mount serves.
func (a *API) Endpoints() []openapi.Endpoint {
	var routes []openapi.Route
	for _, r := range a.Routes() {
		routes = append(routes, openapi.Route{Method: r.Method, Path: Prefix + r.Path, Roles: r.Roles, Status: r.status})
	}
	operations := map[string]openapi.Operation{}
	for key, o := range Operations {
		operations[key] = o
	}
	add := func(path, topic string) {
		r := openapi.Route{Method: http.MethodPost, Path: Prefix + path, Access: openapi.Sidecar}
		routes, operations[r.Key()] = append(routes, r), openapi.Delivery(topic)
	}
	for _, s := range Subscriptions {
		add(s.Path, s.Topic)
	}
	add(DeadLetters, "dead-letter topics")
	health := openapi.Route{Method: http.MethodGet, Path: HealthPath, Access: openapi.Public, Status: http.StatusOK}
	routes, operations[health.Key()] = append(routes, health), openapi.Operation{
		Tag: "service", Summary: "What the journal needs, and whether it answers", Details: "503 when nothing can be stored or delivered. Operators see more at /api/v1/health.",
		Answer: HealthResponse{}, Answers: map[int]any{http.StatusServiceUnavailable: HealthResponse{}},
	}
	return openapi.Describe(routes, operations)
}

// Query parameters, as the handlers read them with params.
var (
	number = openapi.Schema{"type": "integer"}
	size   = openapi.Schema{"type": "integer", "minimum": 0}
	date   = openapi.Schema{"type": "string", "pattern": "^[0-9]{8}$", "examples": []string{"20260329"}}
	day    = openapi.Schema{"type": "string", "format": "date"}
	amount = openapi.Schema{"type": "number"}

	pages = []openapi.Param{
		{Name: "skip", Doc: "How many to leave out.", Schema: openapi.Schema{"type": "integer", "minimum": 0, "maximum": maxSkip, "default": 0}},
		{Name: "limit", Doc: "How many to answer at most.", Schema: openapi.Schema{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": maxLimit}},
	}
	searchOfTerminal = append([]openapi.Param{
		{Name: "transactionType", Doc: "Codes and categories with commas, such as `sales,401`."},
		{Name: "businessDateFrom", Doc: "YYYYMMDD.", Schema: date}, {Name: "businessDateTo", Doc: "YYYYMMDD, included.", Schema: date},
		{Name: "generateDateFrom", Doc: "YYYY-MM-DD in the store's time zone.", Schema: day}, {Name: "generateDateTo", Doc: "YYYY-MM-DD, included.", Schema: day},
		{Name: "timeZone", Doc: "An IANA time zone for generateDate, instead of the store's."},
		{Name: "receiptNoFrom", Schema: number}, {Name: "receiptNoTo", Schema: number},
		{Name: "transactionNoFrom", Schema: number}, {Name: "transactionNoTo", Schema: number},
		{Name: "amountFrom", Schema: amount}, {Name: "amountTo", Schema: amount},
		{Name: "staffId", Doc: "Exactly."},
		{Name: "keyword", Doc: "What the journal text holds, all of it: any part of a word in Japanese and other scripts without spaces, whole words in others. Upper and lower case, full and half width are the same; a phrase stands in quotes. With `regex=true` one pattern."},
		{Name: "regex", Doc: "`true`: keyword is a pattern in RE2 syntax. `^` and `$` are the edges of lines; `(?i)` in front makes upper and lower case the same. The filters must leave few enough texts to read."},
		{Name: "archived", Doc: "`true`: the archive is searched instead of the live journal, with the same filters, orders and pages. It needs businessDateFrom and businessDateTo, at most 31 days; or a store, one terminal, and transactionNoFrom and transactionNoTo, or receiptNoFrom and receiptNoTo. Without it, `archivedUntil` in the answer says when some of what was asked for is in the archive."},
		{Name: "sort", Doc: "`field:asc` or `field:desc`, several with commas; or `relevance`, with a keyword: the more often the keywords occur and the shorter the text, the further in front, and of equals the newest."},
		{Name: "total", Doc: "`exact`: count to the end. Otherwise it is counted up to 10000, of phrases and of keywords of three and more Japanese characters as far as 1000 texts are read for it; `totalIsLowerBound` says when there are more. Pages by cursor repeat the total of the first."},
		{Name: "cursor", Doc: "The `nextCursor` of the page before; without skip."},
	}, pages...)
	search = append([]openapi.Param{{Name: "terminalNo", Doc: "Numbers and ranges, such as `1-5,9`."}}, searchOfTerminal...)

	selecting = []openapi.Param{
		{Name: "size", Required: true, Doc: "The size of the checkpoint that says what the journal has: of later entries there are none.", Schema: size},
		{Name: "from", Doc: "The index of the event to begin at.", Schema: size},
		{Name: "limit", Schema: openapi.Schema{"type": "integer", "minimum": 1, "maximum": exportMost, "default": exportPage}},
		{Name: "storeCode"}, {Name: "terminalNo", Doc: "Numbers and ranges, such as `1-5,9`."},
		{Name: "transactionType", Doc: "Codes and categories with commas, such as `sales,401`."},
		{Name: "businessDateFrom", Doc: "YYYYMMDD.", Schema: date}, {Name: "businessDateTo", Doc: "YYYYMMDD, included.", Schema: date},
	}

	quarantined = append([]openapi.Param{
		{Name: "state", Schema: choice(journal.QuarantineOpen, quarantineStates)},
		{Name: "reason", Schema: choice("", journal.Reasons)},
	}, pages...)
	discrepancies = append([]openapi.Param{
		{Name: "state", Schema: choice(journal.DiscrepancyOpen, append([]journal.DiscrepancyState{anyState}, journal.DiscrepancyStates...))},
		{Name: "kind", Schema: choice("", journal.KindNames)},
		{Name: "businessDate", Schema: date},
	}, pages...)
)

// choice is one of a few words.
func choice[T ~string](fallback T, allowed []T) openapi.Schema {
	s := openapi.Schema{"type": "string", "enum": allowed}
	if fallback != "" {
		s["default"] = fallback
	}
	return s
}

// inTenant are the problems of whatever reads a tenant's journal.
func inTenant(more ...*problem.Kind) []*problem.Kind {
	return append(more, app.TenantUnknown, app.EntryDamaged, app.DatabaseAway, app.AccessNotRecorded)
}

var (
	searching = openapi.Operation{
		Tag: "journal", Summary: "Search the journal", Params: search, Answer: JournalListResponse{}, Problems: inTenant(app.BadSearch, app.SearchTooWide),
	}
	searchingTerminal = openapi.Operation{
		Tag: "journal", Summary: "Search a terminal's journal", Params: searchOfTerminal, Answer: JournalListResponse{}, Problems: inTenant(app.BadSearch, app.SearchTooWide),
	}
	showing          = openapi.Operation{Tag: "journal", Summary: "Show an entry", Answer: JournalResponse{}, Problems: inTenant(app.EntryNotFound)}
	listingDoubts    = openapi.Operation{Tag: "discrepancies", Summary: "List what is wrong with what is stored", Params: discrepancies, Answer: ListResponse[DiscrepancyResponse]{}, Problems: inTenant(app.BadSearch)}
	listingRefused   = openapi.Operation{Tag: "quarantine", Summary: "List quarantined events", Params: quarantined, Answer: ListResponse[QuarantineResponse]{}, Problems: inTenant(app.BadSearch)}
	showingRefused   = openapi.Operation{Tag: "quarantine", Summary: "Show a quarantined event as it came", Answer: QuarantineResponse{}, Problems: inTenant(app.QuarantineNotFound)}
	replayingRefused = openapi.Operation{
		Tag: "quarantine", Summary: "Try to store a quarantined event again", Answer: QuarantineResponse{},
		Problems: inTenant(app.QuarantineNotFound, app.QuarantineClosed, app.ReplayRefused),
	}
	discardingRefused = openapi.Operation{
		Tag: "quarantine", Summary: "Give a quarantined event up, with a reason", Body: DiscardRequest{}, Answer: QuarantineResponse{},
		Problems: inTenant(app.QuarantineNotFound, app.QuarantineClosed),
	}
)

// What the routes that make entries have in common.
const making = "The same request with the same `Idempotency-Key` gives the same entry; the key with another request is refused. " +
	"`amount` is what the operation does to the till: sales positive, returns and voids of sales negative, what moves no money 0. " +
	"The types 501 and 502 stand for 701 and 702."

var (
	keyed = []openapi.Param{{Name: idempotency.Header, Required: true, Doc: "A fresh random key for every new request, the same one to repeat it."}}

	makingProblems = inTenant(app.DirectInvalid, app.DirectDateInvalid, app.DirectNumbersInvalid, app.DirectTypeInvalid,
		app.TerminalUnknown, app.StoreUnknown, app.EntryNotStored, problem.IdempotencyReuse)

	instant  = openapi.Schema{"type": "string", "format": "date-time"}
	eventsOf = []openapi.Param{
		{Name: "eventType", Doc: "Such as `Sales.OrderCompleted`."}, {Name: "orderId", Doc: "The order that the event is about."},
		{Name: "userId", Doc: "Who did it."},
		{Name: "timestampFrom", Schema: instant}, {Name: "timestampTo", Doc: "Excluded.", Schema: instant},
		{Name: "sort", Doc: "By time.", Schema: choice("desc", []string{"asc", "desc"})},
		{Name: "cursor", Doc: "The `nextCursor` of the page before."}, pages[1],
	}
	eventsOfStore = append([]openapi.Param{{Name: "terminalNo", Schema: number}}, eventsOf...)
)

func listingEvents(params []openapi.Param) openapi.Operation {
	return openapi.Operation{Tag: "journal", Summary: "List business events", Params: params, Answer: EventListResponse{}, Problems: inTenant(app.BadSearch, app.SearchTooWide)}
}

// Operations says of each route what its row in the table of routes does not.
var Operations = map[string]openapi.Operation{
	"POST /api/v1/tenants": {Tag: "tenants", Summary: "Make a tenant's journal", Details: "Repeatable: `created` is false when it was there.", Body: CreateTenantRequest{}, Answer: TenantResponse{}},

	"GET /api/v1/tenants/:tenant/journals":                                      searching,
	"GET /api/v1/tenants/:tenant/stores/:store/journals":                        searching,
	"GET /api/v1/tenants/:tenant/stores/:store/terminals/:no/journals":          searchingTerminal,
	"GET /api/v1/tenants/:tenant/journals/:journal":                             showing,
	"GET /api/v1/tenants/:tenant/stores/:store/journals/:journal":               showing,
	"GET /api/v1/tenants/:tenant/stores/:store/terminals/:no/journals/:journal": showing,
	"GET /api/v1/tenants/:tenant/orders/:order/timeline":                        {Tag: "journal", Summary: "Everything about one order, from its first event on", Answer: TimelineResponse{}, Problems: inTenant(app.OrderNotFound)},

	"GET /api/v1/tenants/:tenant/events":                             listingEvents(eventsOf),
	"GET /api/v1/tenants/:tenant/stores/:store/events":               listingEvents(eventsOfStore),
	"GET /api/v1/tenants/:tenant/stores/:store/terminals/:no/events": listingEvents(eventsOf),

	"POST /api/v1/tenants/:tenant/stores/:store/terminals/:no/journals": {
		Tag: "journal", Summary: "Make a journal entry", Details: "For what comes from no service of ours. " + making,
		Headers: keyed, Body: CreateJournalRequest{}, Answer: JournalResponse{}, Problems: makingProblems,
	},
	"POST /api/v1/tenants/:tenant/stores/:store/terminals/:no/transactions": {
		Tag: "journal", Summary: "Make the entry of a transaction", Details: "Its numbers and counters must be given. " + making,
		Headers: keyed, Body: DirectTransactionRequest{}, Answer: JournalResponse{}, Problems: makingProblems,
	},

	"GET /api/v1/tenants/:tenant/stores/:store/terminals/:no/reconciliation": {
		Tag: "journal", Summary: "Hold a session's logs against its close",
		Params: []openapi.Param{{Name: "businessDate", Required: true, Schema: date}, {Name: "openCounter", Required: true, Schema: number}},
		Answer: ReconciliationResponse{}, Problems: inTenant(app.BadSearch, app.SessionNotFound),
	},

	"GET /api/v1/tenants/:tenant/accesses": {
		Tag: "proof", Summary: "List what auditors have read", Details: "Every read and export of an auditor is put on record before its answer goes out.",
		Params: append([]openapi.Param{
			{Name: "subject", Doc: "Whose reads."}, {Name: "timestampFrom", Schema: instant}, {Name: "timestampTo", Doc: "Excluded.", Schema: instant},
		}, pages...),
		Answer: ListResponse[AccessResponse]{}, Problems: inTenant(app.BadSearch),
	},

	"GET /api/v1/tenants/:tenant/discrepancies":                             listingDoubts,
	"GET /api/v1/tenants/:tenant/stores/:store/discrepancies":               listingDoubts,
	"GET /api/v1/tenants/:tenant/stores/:store/terminals/:no/discrepancies": listingDoubts,
	"GET /api/v1/tenants/:tenant/discrepancies/:discrepancy":                {Tag: "discrepancies", Summary: "Show a discrepancy", Answer: DiscrepancyResponse{}, Problems: inTenant(app.DiscrepancyNotFound)},
	"POST /api/v1/tenants/:tenant/discrepancies/:discrepancy/accept": {
		Tag: "discrepancies", Summary: "Leave a discrepancy as it is, with a reason", Body: AcceptRequest{}, Answer: DiscrepancyResponse{},
		Problems: inTenant(app.DiscrepancyNotFound, app.DiscrepancyResolved),
	},

	"GET /api/v1/tenants/:tenant/streams":      {Tag: "proof", Summary: "How far each terminal's chain and sequences have come", Answer: ListResponse[StreamResponse]{}, Problems: inTenant()},
	"GET /api/v1/tenants/:tenant/verification": {Tag: "proof", Summary: "Check that nothing was changed", Answer: VerificationResponse{}, Problems: inTenant()},

	"GET /api/v1/tenants/:tenant/journals/:journal/proof": {
		Tag: "proof", Summary: "Prove that an entry is in the journal", Details: "`tillctl` checks the answer without asking the service anything.",
		Answer: ProofResponse{}, Problems: inTenant(app.EntryNotFound, app.CheckpointNotFound, app.LogRewritten),
	},
	"GET /api/v1/tenants/:tenant/checkpoints": {
		Tag: "proof", Summary: "List checkpoints, the largest first",
		Params: []openapi.Param{
			{Name: "from", Doc: "The smallest size.", Schema: size}, {Name: "to", Doc: "The largest size; 0 is any.", Schema: size},
			{Name: "limit", Schema: openapi.Schema{"type": "integer", "minimum": 1, "maximum": mostCheckpoints, "default": maxLimit}},
		},
		Answer: CheckpointsResponse{}, Problems: inTenant(app.BadSearch),
	},
	"GET /api/v1/tenants/:tenant/checkpoints/latest": {Tag: "proof", Summary: "The newest checkpoint", Answer: CheckpointResponse{}, Problems: inTenant(app.CheckpointNotFound, app.LogRewritten)},
	"GET /api/v1/tenants/:tenant/consistency": {
		Tag: "proof", Summary: "Prove that the log of one checkpoint is the beginning of another's",
		Params: []openapi.Param{{Name: "from", Doc: "The size of the earlier checkpoint.", Schema: size}, {Name: "to", Doc: "The size of the later one.", Schema: size}},
		Answer: ConsistencyResponse{}, Problems: inTenant(app.BadSearch, app.CheckpointNotFound, app.LogRewritten),
	},
	"GET /api/v1/tenants/:tenant/export": {
		Tag: "proof", Summary: "Take the journal away, with its proof", Details: "One JSON document a line, from the event with the index `from` on.",
		Params: []openapi.Param{
			{Name: "size", Required: true, Doc: "The size of the checkpoint that the lines are proven by.", Schema: size},
			{Name: "from", Doc: "The index of the first event.", Schema: size},
			{Name: "limit", Schema: openapi.Schema{"type": "integer", "minimum": 1, "maximum": exportMost, "default": exportPage}},
		},
		Media: "application/jsonl", Answer: "", Problems: inTenant(app.BadSearch, app.CheckpointNotFound, app.LogRewritten),
	},
	"GET /api/v1/tenants/:tenant/export/entries": {
		Tag: "proof", Summary: "Take entries away, each with its proof",
		Details: "Lines of an export, only those of entries that fulfil the filters, in the order of the log; the last line says where the next page begins, and so does the `Link` header. A page may be empty and have a next one.",
		Params:  selecting, Media: "application/jsonl", Answer: "", Problems: inTenant(app.BadSearch, app.CheckpointNotFound, app.LogRewritten),
	},
	"GET /api/v1/tenants/:tenant/export/sheet": {
		Tag: "proof", Summary: "Take entries away as CSV",
		Details: "As Excel reads it, Japanese too. The headings stand on the page from 0, so pages put together are one file; the `Link` header says where the next page is. " +
			"A text that a spreadsheet would execute or change has an apostrophe before it.",
		Params: append([]openapi.Param{{Name: "headers", Doc: "The language of headings.", Schema: choice(sheet.English, []string{sheet.English, sheet.Japanese})}}, selecting...),
		Media:  "text/csv", Answer: "", Problems: inTenant(app.BadSearch, app.CheckpointNotFound, app.LogRewritten),
	},
	"GET /api/v1/tenants/:tenant/retention": {
		Tag: "archive", Summary: "How long the journal is kept where",
		Details: "`liveDays` after its business date a day moves to the archive (0: never), `keepDays` after it the archive may give it up (0: never). What is in the archive keeps the time with which it was archived, whatever the policy says later.",
		Answer:  RetentionResponse{}, Problems: inTenant(),
	},
	"PUT /api/v1/tenants/:tenant/retention": {
		Tag: "archive", Summary: "Set how long the journal is kept where", Details: "`at` is the time of day (UTC) from which the archiver runs, 03:00 when it is left out. Every policy stays on record.",
		Body: RetentionRequest{}, Answer: RetentionResponse{}, Problems: inTenant(app.RetentionInvalid),
	},
	"GET /api/v1/tenants/:tenant/archive/segments": {
		Tag: "archive", Summary: "List the segments of the archive", Details: "By business date, store and part. `after` is the name of the segment behind which the list goes on.",
		Params: []openapi.Param{
			{Name: "storeCode"}, {Name: "businessDateFrom", Schema: date}, {Name: "businessDateTo", Schema: date},
			{Name: "newest", Doc: "`true`: the newest first."}, {Name: "ended", Doc: "`true`: only those that the next run of the archiver gives up, because their retention has ended; without the other filters."},
			{Name: "after", Doc: "The `nextAfter` of the page before."}, pages[1],
		},
		Answer: SegmentListResponse{}, Problems: inTenant(app.BadSearch, app.SegmentNotFound),
	},
	"POST /api/v1/tenants/:tenant/archive/holds": {
		Tag: "archive", Summary: "Keep a segment for longer, with a reason", Details: "Until a day (YYYYMMDD), or for ever when `until` is left out. What is held is never held for less.",
		Body: HoldRequest{}, Answer: SegmentResponse{}, Problems: inTenant(app.SegmentNotFound, app.HoldRefused, app.RetentionInvalid),
	},
	"GET /api/v1/tenants/:tenant/archive/runs": {
		Tag: "archive", Summary: "What the archiver did, the newest first", Params: []openapi.Param{{Name: "limit", Schema: openapi.Schema{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": 20}}},
		Answer: ListResponse[ArchiveRunResponse]{}, Problems: inTenant(app.BadSearch),
	},
	"POST /api/v1/tenants/:tenant/archive/runs": {
		Tag: "archive", Summary: "Archive now, whatever the time of day", Details: "Days that must stay are named in `held`, with the reason. Where the journal is in MongoDB another program archives.",
		Answer: ArchiveRunResponse{}, Problems: inTenant(app.ArchiverElsewhere, app.ArchiverBusy, app.ArchiveAway),
	},
	"GET /api/v1/checkpoint-key": {Tag: "proof", Summary: "The key that verifies checkpoints", Answer: CheckpointKeyResponse{}},

	"GET /api/v1/tenants/:tenant/quarantine":                listingRefused,
	"GET /api/v1/tenants/:tenant/quarantine/:item":          showingRefused,
	"POST /api/v1/tenants/:tenant/quarantine/:item/replay":  replayingRefused,
	"POST /api/v1/tenants/:tenant/quarantine/:item/discard": discardingRefused,
	"GET /api/v1/health": {
		Tag: "service", Summary: "What the journal needs, with facts for operators", Details: "A component that is down carries the code of its problem.",
		Answer: HealthResponse{}, Problems: []*problem.Kind{app.DatabaseAway, app.SidecarAway, app.StateStoreAway, app.BrokerAway, app.AlertsAway},
	},

	"GET /api/v1/quarantine":                listingRefused,
	"GET /api/v1/quarantine/:item":          showingRefused,
	"POST /api/v1/quarantine/:item/replay":  replayingRefused,
	"POST /api/v1/quarantine/:item/discard": discardingRefused,
}
