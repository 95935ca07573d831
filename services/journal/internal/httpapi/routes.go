// Package httpapi is the journal's HTTP side: routes, who may use them, how requests are read and
// what answers look like. It decides nothing about the journal itself.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// Prefix of every route.
const Prefix = "/api/v1"

// API serves the journal over HTTP.
type API struct {
	App      *app.App
	Gate     *auth.Gate
	AppToken string // proves deliveries of the service's own sidecar
	Log      *zap.Logger
}

// Route is one row of the table of routes.
type Route struct {
	Method string
	Path   string // behind Prefix
	Roles  []auth.Role
	status int
	handle func(*gin.Context) (any, error)
}

var (
	readers   = []auth.Role{auth.Administrator, auth.Auditor}
	tills     = []auth.Role{auth.Administrator, auth.Auditor, auth.TerminalRole}
	overseers = []auth.Role{auth.Administrator, auth.Auditor, auth.Platform}
	keepers   = []auth.Role{auth.Administrator, auth.Platform}
	operators = []auth.Role{auth.Platform}
	everybody = []auth.Role{auth.Administrator, auth.Auditor, auth.Platform, auth.TerminalRole}

	administrators = []auth.Role{auth.Administrator}
	makers         = []auth.Role{auth.Administrator, auth.TerminalRole}
)

// Routes is the table of all routes that take a credential. A terminal sees itself only.
func (a *API) Routes() []Route {
	const (
		tenant   = "/tenants/:tenant"
		store    = tenant + "/stores/:store"
		terminal = store + "/terminals/:no"
	)
	return []Route{
		{http.MethodPost, "/tenants", operators, http.StatusCreated, a.createTenant},
		{http.MethodGet, tenant + "/journals", readers, http.StatusOK, a.searchJournals},
		{http.MethodGet, tenant + "/journals/:journal", readers, http.StatusOK, a.showJournal},
		{http.MethodGet, store + "/journals", tills, http.StatusOK, a.searchJournals},
		{http.MethodGet, store + "/journals/:journal", tills, http.StatusOK, a.showJournal},
		{http.MethodGet, terminal + "/journals", tills, http.StatusOK, a.searchJournals},
		{http.MethodGet, terminal + "/journals/:journal", tills, http.StatusOK, a.showJournal},
		{http.MethodPost, terminal + "/journals", makers, http.StatusCreated, a.createJournal},
		{http.MethodPost, terminal + "/transactions", makers, http.StatusCreated, a.createTransaction},
		{http.MethodGet, terminal + "/reconciliation", tills, http.StatusOK, a.reconcile},
		{http.MethodGet, tenant + "/discrepancies", readers, http.StatusOK, a.listDiscrepancies},
		{http.MethodGet, tenant + "/discrepancies/:discrepancy", readers, http.StatusOK, a.showDiscrepancy},
		{http.MethodPost, tenant + "/discrepancies/:discrepancy/accept", administrators, http.StatusOK, a.acceptDiscrepancy},
		{http.MethodGet, store + "/discrepancies", readers, http.StatusOK, a.listDiscrepancies},
		{http.MethodGet, terminal + "/discrepancies", tills, http.StatusOK, a.listDiscrepancies},
		{http.MethodGet, tenant + "/events", readers, http.StatusOK, a.listEvents},
		{http.MethodGet, store + "/events", readers, http.StatusOK, a.listEvents},
		{http.MethodGet, terminal + "/events", tills, http.StatusOK, a.listEvents},
		{http.MethodGet, tenant + "/accesses", administrators, http.StatusOK, a.listAccesses},
		{http.MethodGet, tenant + "/orders/:order/timeline", readers, http.StatusOK, a.timeline},
		{http.MethodGet, tenant + "/streams", overseers, http.StatusOK, a.streams},
		{http.MethodGet, tenant + "/verification", overseers, http.StatusOK, a.verify},
		{http.MethodGet, tenant + "/journals/:journal/proof", readers, http.StatusOK, a.proveEntry},
		{http.MethodGet, tenant + "/checkpoints", overseers, http.StatusOK, a.listCheckpoints},
		{http.MethodGet, tenant + "/checkpoints/latest", overseers, http.StatusOK, a.latestCheckpoint},
		{http.MethodGet, tenant + "/consistency", overseers, http.StatusOK, a.proveConsistency},
		{http.MethodGet, tenant + "/export", readers, http.StatusOK, a.export},
		{http.MethodGet, tenant + "/export/entries", readers, http.StatusOK, a.exportEntries},
		{http.MethodGet, tenant + "/export/sheet", readers, http.StatusOK, a.exportSheet},
		{http.MethodGet, tenant + "/retention", overseers, http.StatusOK, a.showRetention},
		{http.MethodPut, tenant + "/retention", administrators, http.StatusOK, a.setRetention},
		{http.MethodGet, tenant + "/archive/segments", overseers, http.StatusOK, a.listSegments},
		{http.MethodPost, tenant + "/archive/holds", administrators, http.StatusOK, a.holdSegment},
		{http.MethodGet, tenant + "/archive/runs", overseers, http.StatusOK, a.listArchiveRuns},
		{http.MethodPost, tenant + "/archive/runs", administrators, http.StatusOK, a.runArchive},
		{http.MethodGet, "/checkpoint-key", everybody, http.StatusOK, a.checkpointKey},
		{http.MethodGet, tenant + "/quarantine", keepers, http.StatusOK, a.listQuarantine},
		{http.MethodGet, tenant + "/quarantine/:item", keepers, http.StatusOK, a.showQuarantined},
		{http.MethodPost, tenant + "/quarantine/:item/replay", keepers, http.StatusOK, a.replayQuarantined},
		{http.MethodPost, tenant + "/quarantine/:item/discard", keepers, http.StatusOK, a.discardQuarantined},
		{http.MethodGet, "/health", operators, http.StatusOK, a.showHealth},
		{http.MethodGet, "/quarantine", operators, http.StatusOK, a.listQuarantine},
		{http.MethodGet, "/quarantine/:item", operators, http.StatusOK, a.showQuarantined},
		{http.MethodPost, "/quarantine/:item/replay", operators, http.StatusOK, a.replayQuarantined},
		{http.MethodPost, "/quarantine/:item/discard", operators, http.StatusOK, a.discardQuarantined},
	}
}

// Subscription is one row of the table of routes that take deliveries.
type Subscription struct{ Path, Topic string }

// Subscriptions is where the sidecar delivers each topic. What it gave up comes to
// /deadletters/{application}, whatever application that is: a 404 would make it forget the event.
var Subscriptions = []Subscription{
	{"/tranlog", event.TopicTranLog},
	{"/cashlog", event.TopicCashLog},
	{"/opencloselog", event.TopicOpenCloseLog},
	{"/events", event.TopicEvents},
	{"/snapshots", event.TopicTerminal},
}

// DeadLetters is the path of what a sidecar gave up.
const DeadLetters = "/deadletters/:app"

// Mount registers everything on the engine.
func (a *API) Mount(e *gin.Engine) {
	e.GET(HealthPath, a.openHealth)
	api := e.Group(Prefix)
	for _, r := range a.Routes() {
		api.Handle(r.Method, r.Path, a.Gate.Allow(r.Roles...), a.serve(r))
	}
	deliveries := api.Group("", delivery.OnlySidecar(a.AppToken))
	for _, s := range Subscriptions {
		deliveries.POST(s.Path, a.receive(delivery.Route, func(ctx context.Context, messages []app.Message) []delivery.Answer {
			return answers(a.App.Ingest.Handle(ctx, s.Topic, messages), delivery.Dropped)
		}))
	}
	deliveries.POST(DeadLetters, func(c *gin.Context) {
		from := c.Param("app")
		a.receive(delivery.RawRoute, func(ctx context.Context, messages []app.Message) []delivery.Answer {
			// A dead letter that lies in quarantine is done: dropping it would make it one again.
			return answers(a.App.Ingest.HandleDeadLetters(ctx, from, messages), delivery.Succeeded)
		})(c)
	})
}

func (a *API) receive(route func(*zap.Logger, delivery.Handler) gin.HandlerFunc, handle func(context.Context, []app.Message) []delivery.Answer) gin.HandlerFunc {
	return route(a.Log, func(ctx context.Context, delivered []delivery.Message) []delivery.Answer {
		messages := make([]app.Message, len(delivered))
		for i, m := range delivered {
			messages[i] = app.Message(m)
		}
		return handle(ctx, messages)
	})
}

// answers says what the sidecar shall do with each event.
func answers(verdicts []app.Verdict, quarantined func(eventID, reason string) delivery.Answer) []delivery.Answer {
	out := make([]delivery.Answer, len(verdicts))
	for i, v := range verdicts {
		switch v.Result {
		case app.ResultStored, app.ResultRepeat:
			out[i] = delivery.Succeeded(v.EventID, string(v.Result))
		case app.ResultQuarantined:
			out[i] = quarantined(v.EventID, "quarantined: "+v.Reason)
		default:
			out[i] = delivery.Retried(v.EventID, v.Err)
		}
	}
	return out
}
