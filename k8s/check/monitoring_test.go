package check

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	promnotes "github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const monitoring = "../monitoring/"

// metrics that there are: ours from the code, Dapr's from a scrape of a sidecar.
func metrics(t *testing.T) Metrics {
	t.Helper()
	m := Metrics{}
	require.NoError(t, m.Code(repository+"/pkg", repository+"/services"))
	require.NoError(t, m.Scrape("testdata/daprd.prom"))
	return m
}

func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	raw, err := os.ReadFile(monitoring + "rules.yaml")
	require.NoError(t, err)
	groups, errs := rulefmt.Parse(raw, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	return groups.Groups[0].Rules
}

func TestEveryAlertAsksForMetricsThatThereAre(t *testing.T) {
	m := metrics(t)
	for _, a := range alerts(t) {
		assert.NoError(t, m.CheckExpr(a.Expr), a.Alert)
		assert.Contains(t, []string{"warning", "critical"}, a.Labels["severity"], a.Alert)
		assert.NotEmpty(t, a.Annotations["summary"], a.Alert)
	}
}

// Every alert has an entry in the runbook that says what it means, how to look and what to do; and no
// entry is about an alert that is gone.
func TestEveryAlertIsInTheRunbook(t *testing.T) {
	raw, err := os.ReadFile(monitoring + "RUNBOOK.md")
	require.NoError(t, err)
	entries := map[string]string{}
	for _, section := range strings.Split(string(raw), "\n## ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		entries[name] = body
	}
	delete(entries, "After the loss of data")
	for _, a := range alerts(t) {
		assert.Equal(t, "k8s/monitoring/RUNBOOK.md#"+strings.ToLower(a.Alert), a.Annotations["runbook"])
		body := entries[a.Alert]
		for _, part := range []string{`\*\*Means\.\*\* \S`, `\*\*Look\.\*\*\n\n    \S`, `\*\*Do\.\*\* \S`} {
			assert.Regexp(t, part, body, a.Alert)
		}
		delete(entries, a.Alert)
	}
	assert.Empty(t, entries)
}

type dashboard struct {
	UID    string `json:"uid"`
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

func TestEveryPanelAsksForMetricsThatThereAre(t *testing.T) {
	m := metrics(t)
	names, err := filepath.Glob(monitoring + "dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, names, 2)
	asked := ""
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(raw, &d))
		assert.Equal(t, d.UID+".json", filepath.Base(name))
		for _, p := range d.Panels {
			assert.NotEmpty(t, p.Targets, p.Title)
			for _, target := range p.Targets {
				assert.NoError(t, m.CheckExpr(target.Expr), "%s: %s", name, p.Title)
				asked += target.Expr
			}
		}
	}
	// What issue and specification want to see is on a dashboard.
	for _, name := range []string{"ingest_lag_seconds", `result)`, "quarantine_open", "outbox_age_seconds", "log_lag_seconds",
		"search_seconds", `up{job="tillroll-sidecars"}`, "discrepancies_open", "processed_breaker_state", "outbox_resent_total"} {
		assert.Contains(t, asked, name)
	}
}

// What is read from the source is what running services showed, names and labels alike.
func TestTheCodeIsReadRightly(t *testing.T) {
	code, running := Metrics{}, Metrics{}
	require.NoError(t, code.Code(repository+"/pkg", repository+"/services"))
	require.NoError(t, running.Scrape("testdata/services.prom"))
	require.Greater(t, len(running), 30)
	for name, m := range running {
		assert.ElementsMatch(t, m.Labels, code[name].Labels, name)
		assert.Contains(t, code, name)
	}
}

func TestAskingForWhatIsNotThereIsFoundOut(t *testing.T) {
	m := metrics(t)
	assert.Greater(t, len(m), 60, "the metrics of the code are found")
	for expr, says := range map[string]string{
		`tillroll_outbox_age`:                                           "nobody makes the metric tillroll_outbox_age",
		`sum by (till) (tillroll_outbox_unconfirmed)`:                   "no metric in it has the label till",
		`tillroll_outbox_unconfirmed{store="s"}`:                        "has no label store",
		`tillroll_journal_ingested_total{result="lost"}`:                `never made with result="lost"`,
		`tillroll_journal_ingest_lag_seconds`:                           "nobody makes",
		`rate(tillroll_journal_ingest_lag_seconds_bucket[5m]`:           "unclosed",
		`dapr_http_healthprobes_completed_count{code="200"}`:            "has no label code",
		`rate(dapr_component_pubsub_ingress_count[$__rate_interval])`:   "nobody makes the metric dapr_component_pubsub_ingress_count",
		`sum by (kind) (rate(tillroll_journal_search_seconds_sum[5m]))`: "",
	} {
		err := m.CheckExpr(expr)
		if says == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, says)
	}
}

// Jobs that alerts and dashboards name are those that Prometheus is told to scrape.
func TestJobsAreThoseThatAreScraped(t *testing.T) {
	raw, err := os.ReadFile(monitoring + "prometheus.yaml")
	require.NoError(t, err)
	var config struct {
		RuleFiles []string         `json:"rule_files"`
		Scrape    []map[string]any `json:"scrape_configs"`
	}
	require.NoError(t, yaml.UnmarshalStrict(raw, &config))
	scraped := map[string]bool{}
	for _, c := range config.Scrape {
		scraped[text(c, "job_name")] = true
		made := map[string]bool{}
		for _, r := range list(c, "relabel_configs") {
			made[text(r, "target_label")] = true
		}
		for _, label := range []string{"namespace", "pod", "app"} {
			assert.True(t, made[label], "%s has no label %s", text(c, "job_name"), label)
		}
	}
	everything := ""
	for _, pattern := range []string{"rules.yaml", "dashboards/*.json"} {
		names, err := filepath.Glob(monitoring + pattern)
		require.NoError(t, err)
		for _, name := range names {
			raw, err := os.ReadFile(name)
			require.NoError(t, err)
			everything += strings.ReplaceAll(string(raw), `\"`, `"`)
		}
	}
	for _, job := range regexp.MustCompile(`job="([^"]+)"`).FindAllStringSubmatch(everything, -1) {
		assert.True(t, scraped[job[1]], job[1])
	}
}

func TestTheConfigMapsHoldRulesAndDashboards(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	all, err := Render("../monitoring")
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, r := range all {
		assert.NoError(t, schemas.Check(r))
	}
	assert.Contains(t, text(find(t, all, "ConfigMap", "tillroll-prometheus"), "data", "rules.yaml"), "TillrollOutboxOld")
	assert.Equal(t, "1", text(find(t, all, "ConfigMap", "tillroll-dashboards"), "metadata", "labels", "grafana_dashboard"))
}

// A situation is what Prometheus has scraped for three hours: series as `name{labels} start+step`, where
// step is what is added each minute.
type situation []string

var healthy = situation{
	`up{job="tillroll-services",app="cart"} 1+0`,
	`up{job="tillroll-sidecars",app="cart"} 1+0`,
	`dapr_http_healthprobes_completed_count{app_id="cart",status="200"} 0+30`,
	`dapr_http_healthprobes_completed_count{app_id="cart",status="503"} 3+0`,
	`tillroll_http_request_seconds_count{app="cart",status="200"} 0+600`,
	`tillroll_http_request_seconds_count{app="cart",status="503"} 0+1`,
	`tillroll_outbox_age_seconds{app="cart"} 2+0`,
	`tillroll_outbox_publish_failures_total{app="cart"} 4+0`,
	`tillroll_outbox_resent_total{app="cart"} 0+1`,
	`tillroll_outbox_published_total{app="cart"} 0+600`,
	`tillroll_journal_quarantine_open{app="journal"} 0+0`,
	`tillroll_journal_ingest_lag_seconds_bucket{le="1"} 0+600`,
	`tillroll_journal_ingest_lag_seconds_bucket{le="600"} 0+610`,
	`tillroll_journal_ingest_lag_seconds_bucket{le="+Inf"} 0+610`,
	`tillroll_journal_ingested_total{result="stored"} 0+600`,
	`tillroll_journal_ingested_total{result="repeat"} 0+10`,
	`tillroll_journal_ingested_total{result="retry"} 0+1`,
	`tillroll_journal_commit_seconds_bucket{le="0.01"} 0+60`,
	`tillroll_journal_commit_seconds_bucket{le="+Inf"} 0+61`,
	`tillroll_journal_status_messages_total{result="sent"} 0+60`,
	`tillroll_journal_status_messages_total{result="failed"} 1+0`,
	`tillroll_journal_processed_breaker_state{app="journal"} 0+0`,
	`tillroll_journal_log_lag_seconds{app="journal"} 0+0`,
	`tillroll_journal_log_broken_total{app="journal"} 1+0`,
	`tillroll_journal_checkpoints_sent_total{result="sent"} 0+1`,
	`tillroll_journal_checkpoints_sent_total{result="failed"} 0+1`,
	`tillroll_journal_discrepancies_open{kind="sequence-gap"} 0+0`,
	`tillroll_journal_alerts_failing{app="journal"} 0+0`,
	`tillroll_journal_archive_late_seconds{app="journal"} 80000+0`,
	`tillroll_journal_archive_held_days{app="journal"} 0+0`,
	`tillroll_journal_search_seconds_bucket{kind="keyword",le="0.05"} 0+60`,
	`tillroll_journal_search_seconds_bucket{kind="keyword",le="0.5"} 0+61`,
	`tillroll_journal_search_seconds_bucket{kind="keyword",le="+Inf"} 0+61`,
}

// Every alert is silent while all is well, and fires in its own situation, with what else it brings.
func TestEveryAlertFiresWhenItShould(t *testing.T) {
	assert.Empty(t, firing(t, healthy))
	seen := map[string]bool{}
	for name, c := range map[string]struct {
		changed situation // series that differ from the healthy ones
		fires   []string
	}{
		"a service is gone":        {situation{`up{job="tillroll-services",app="cart"} 0+0`}, []string{"TillrollServiceDown"}},
		"a sidecar is gone":        {situation{`up{job="tillroll-sidecars",app="cart"} 0+0`}, []string{"TillrollSidecarDown"}},
		"an app is not ready":      {situation{`dapr_http_healthprobes_completed_count{app_id="cart",status="503"} 0+30`}, []string{"TillrollSidecarUnhealthy"}},
		"requests fail":            {situation{`tillroll_http_request_seconds_count{app="cart",status="503"} 0+20`}, []string{"TillrollRequestsFail"}},
		"the journal is away":      {situation{`tillroll_outbox_age_seconds{app="cart"} 600+0`}, []string{"TillrollOutboxOld"}},
		"for hours":                {situation{`tillroll_outbox_age_seconds{app="cart"} 30000+0`}, []string{"TillrollOutboxOld", "TillrollOutboxVeryOld"}},
		"the broker is away":       {situation{`tillroll_outbox_publish_failures_total{app="cart"} 0+6`}, []string{"TillrollPublishFails"}},
		"nothing is confirmed":     {situation{`tillroll_outbox_resent_total{app="cart"} 0+200`}, []string{"TillrollResends"}},
		"an event is parked":       {situation{`tillroll_outbox_parked{app="cart",tenant="acme",stream="acme-main-1"} 1+0`}, []string{"TillrollParked"}},
		"quarantine":               {situation{`tillroll_journal_quarantine_open{app="journal"} 1+0`}, []string{"TillrollQuarantine"}},
		"the journal lags":         {situation{`tillroll_journal_ingest_lag_seconds_bucket{le="1"} 0+300`}, []string{"TillrollIngestSlow"}},
		"the journal puts off":     {situation{`tillroll_journal_ingested_total{result="retry"} 0+100`}, []string{"TillrollIngestRetries"}},
		"everything comes twice":   {situation{`tillroll_journal_ingested_total{result="repeat"} 0+600`}, []string{"TillrollDuplicates"}},
		"the database is slow":     {situation{`tillroll_journal_commit_seconds_bucket{le="0.01"} 0+1`, `tillroll_journal_commit_seconds_bucket{le="1"} 0+60`}, []string{"TillrollCommitsSlow"}},
		"nobody hears the journal": {situation{`tillroll_journal_status_messages_total{result="failed"} 0+2`}, []string{"TillrollStatusNotSent"}},
		"the hints are away":       {situation{`tillroll_journal_processed_breaker_state{app="journal"} 2+0`}, []string{"TillrollProcessedStoreAway"}},
		"the log lags":             {situation{`tillroll_journal_log_lag_seconds{app="journal"} 300+0`}, []string{"TillrollLogBehind"}},
		"the log was changed":      {situation{`tillroll_journal_log_broken_total{app="journal"} 1+1`}, []string{"TillrollLogBroken"}},
		"checkpoints stay":         {situation{`tillroll_journal_checkpoints_sent_total{result="sent"} 5+0`}, []string{"TillrollCheckpointsStay"}},
		"the chat refuses alerts":  {situation{`tillroll_journal_alerts_failing{app="journal"} 1+0`}, []string{"TillrollAlertsFail"}},
		"a gap":                    {situation{`tillroll_journal_discrepancies_open{kind="sequence-gap"} 2+0`}, []string{"TillrollDiscrepancies"}},
		"the archiver is away":     {situation{`tillroll_journal_archive_late_seconds{app="journal"} 180000+0`}, []string{"TillrollArchiveLate"}},
		"a day is held":            {situation{`tillroll_journal_archive_held_days{app="journal"} 1+0`}, []string{"TillrollArchiveHeld"}},
		"searches are slow":        {situation{`tillroll_journal_search_seconds_bucket{kind="keyword",le="0.05"} 0+10`}, []string{"TillrollSearchSlow"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.fires, firing(t, healthy.with(c.changed)))
			for _, a := range c.fires {
				seen[a] = true
			}
		})
	}
	for _, a := range alerts(t) {
		assert.True(t, seen[a.Alert], "no situation fires %s", a.Alert)
	}
}

// with replaces series of the same name and labels, and adds the others.
func (s situation) with(changed situation) situation {
	fresh := append(situation{}, changed...)
	for _, line := range s {
		series, _, _ := strings.Cut(line, "} ")
		keep := true
		for _, other := range changed {
			keep = keep && !strings.HasPrefix(other, series+"} ")
		}
		if keep {
			fresh = append(fresh, line)
		}
	}
	return fresh
}

// firing are the alerts whose condition holds after three hours.
func firing(t *testing.T, s situation) (names []string) {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{Logger: slog.New(slog.DiscardHandler), MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	for _, a := range alerts(t) {
		query, err := engine.NewInstantQuery(t.Context(), s.scraped(t), nil, a.Expr, time.Unix(3*3600, 0))
		require.NoError(t, err)
		result := query.Exec(t.Context())
		require.NoError(t, result.Err)
		vector, err := result.Vector()
		require.NoError(t, err)
		if len(vector) > 0 {
			names = append(names, a.Alert)
		}
	}
	return names
}

func (s situation) scraped(t *testing.T) storage.Queryable {
	t.Helper()
	var all []storage.Series
	for _, line := range s {
		series, course, found := strings.Cut(line, "} ")
		require.True(t, found, line)
		parsed, err := parser.NewParser(parser.Options{}).ParseMetric(series + "}")
		require.NoError(t, err)
		var start, step float64
		_, err = fmt.Sscanf(course, "%f+%f", &start, &step)
		require.NoError(t, err, line)
		points := promql.Series{Metric: parsed}
		for minute := range int64(181) {
			points.Floats = append(points.Floats, promql.FPoint{T: minute * 60_000, F: start + float64(minute)*step})
		}
		all = append(all, promql.NewStorageSeries(points))
	}
	return storage.QueryableFunc(func(int64, int64) (storage.Querier, error) {
		return fixedQuerier{storage.NoopQuerier(), all}, nil
	})
}

// fixedQuerier selects among series that a test wrote down.
type fixedQuerier struct {
	storage.Querier
	all []storage.Series
}

func (q fixedQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &fixedSet{at: -1}
	for _, s := range q.all {
		fits := true
		for _, m := range matchers {
			fits = fits && m.Matches(s.Labels().Get(m.Name))
		}
		if fits {
			set.series = append(set.series, s)
		}
	}
	return set
}

type fixedSet struct {
	series []storage.Series
	at     int
}

func (s *fixedSet) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *fixedSet) At() storage.Series              { return s.series[s.at] }
func (s *fixedSet) Err() error                      { return nil }
func (s *fixedSet) Warnings() promnotes.Annotations { return nil }
