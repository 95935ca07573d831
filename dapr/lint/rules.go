package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// deadLetters of an app; its subscriber is the journal.
const deadLetters = "deadletter-"

// outboxStores have atomic transactions with ETags. The value is the version that must be asked for.
var outboxStores = map[string]string{"state.sqlite": "v1", "state.postgresql": "v2"}

// stack applies the rules that need more than one document.
func (c *checker) stack(s Stack, code Code) {
	var pubsub *Resource
	for i, r := range s.Resources {
		c.document(r)
		if strings.HasPrefix(r.text("spec", "type"), "pubsub.") {
			pubsub = &s.Resources[i]
		}
	}
	if pubsub == nil {
		c.add(s.Resources[0].File, 1, "rights", "stack "+s.Name+" has no pub/sub component", "Add one, named pubsub.")
		return
	}
	c.names(s)
	c.retry(s, *pubsub)
	rights := readRights(*pubsub)
	c.lists(*pubsub, rights)
	taken := c.subscriptions(s, *pubsub, rights, code)
	c.codeAndTopics(*pubsub, rights, taken, code)
	c.traps(s, *pubsub)
}

// document applies the rules that need no other.
func (c *checker) document(r Resource) {
	if !c.fields(r, r.kind()) {
		return
	}
	c.secrets(r)
	if r.kind() == "Configuration" {
		return
	}
	if len(r.scopes()) == 0 {
		c.add(r.File, r.Node.Line, "unscoped", fmt.Sprintf("%s %s has no scopes, so the sidecar of every app loads it", r.kind(), r.name()), "Add scopes: with the apps that need it.")
	}
	for _, n := range r.list("scopes") {
		if !slices.Contains(apps, n.Value) {
			c.add(r.File, n.Line, "unscoped", fmt.Sprintf("%s %s is scoped to %q, which is no app", r.kind(), r.name(), n.Value), "The apps are "+strings.Join(apps, ", ")+".")
		}
	}
	if r.kind() == "Resiliency" && !r.First {
		c.add(r.File, r.Node.Line, "no-retry", "a sidecar reads a Resiliency only when it is the first document of its file; this one would be ignored without a word", "Give it a file of its own.")
	}
	if strings.HasPrefix(r.text("spec", "type"), "state.") && (slices.Contains(r.scopes(), "cart") || slices.Contains(r.scopes(), "terminal")) {
		c.outbox(r)
	}
}

func (c *checker) outbox(r Resource) {
	version, ok := outboxStores[r.text("spec", "type")]
	switch {
	case !ok:
		c.add(r.File, r.line("spec", "type"), "outbox-store", fmt.Sprintf("%s keeps the outbox of %s, and %s has no atomic transactions with ETags: a sale could be written without its event", r.name(), strings.Join(r.scopes(), " and "), r.text("spec", "type")),
			"Use state.postgresql with version v2, or state.sqlite; state.redis is good enough for processed ids alone.")
	case version != r.text("spec", "version"):
		c.add(r.File, r.line("spec", "version"), "outbox-store", fmt.Sprintf("%s asks for %s of version %q", r.name(), r.text("spec", "type"), r.text("spec", "version")),
			"Ask for version "+version+"; the tables of two versions must not be shared.")
	}
}

// names must be unique in a stack: the sidecar takes one of two.
func (c *checker) names(s Stack) {
	seen := map[string]Resource{}
	for _, r := range s.Resources {
		key := r.kind() + " " + r.name()
		if before, twice := seen[key]; twice {
			c.add(r.File, r.line("metadata", "name"), "twice", fmt.Sprintf("%s is also in %s:%d", key, before.File, before.Node.Line), "A sidecar takes one of the two: rename or remove it.")
		}
		seen[key] = r
	}
}

// retry wants an inbound policy without end for the pub/sub component, for every app.
func (c *checker) retry(s Stack, pubsub Resource) {
	covered := map[string]bool{}
	for _, r := range s.Resources {
		if r.kind() != "Resiliency" || !r.First {
			continue
		}
		name := r.text("spec", "targets", "components", pubsub.name(), "inbound", "retry")
		if name == "" {
			continue
		}
		c.endless(r, name)
		timeout := r.text("spec", "targets", "components", pubsub.name(), "inbound", "timeout")
		if timeout == "" || at(r.Node, "spec", "policies", "timeouts", timeout) == nil {
			c.add(r.File, r.line("spec", "targets", "components", pubsub.name(), "inbound"), "no-retry", fmt.Sprintf("the timeout %q of deliveries is no policy of this file", timeout), "Define it under policies.timeouts: an app that hangs would hold its events for ever.")
		}
		for _, app := range r.scopes() {
			covered[app] = true
		}
	}
	for _, app := range pubsub.scopes() {
		if !covered[app] && slices.Contains(apps, app) {
			c.add(pubsub.File, pubsub.Node.Line, "no-retry", fmt.Sprintf("no Resiliency gives %s a retry policy for what %s delivers: an event goes to the dead letters at the first failure", app, pubsub.name()),
				"Add targets.components."+pubsub.name()+".inbound.retry, scoped to "+app+".")
		}
	}
}

func (c *checker) endless(r Resource, name string) {
	policy := []string{"spec", "policies", "retries", name}
	switch {
	case at(r.Node, policy...) == nil:
		c.add(r.File, r.line("spec", "targets"), "no-retry", fmt.Sprintf("the retry policy %q is not defined", name), "Define it under policies.retries.")
	case r.text(append(policy, "policy")...) != "constant":
		c.add(r.File, r.line(append(policy, "policy")...), "no-retry", "an exponential policy ends after 15 minutes, whatever maxRetries says, and a day's outage becomes a day of dead letters", "Use policy: constant.")
	case r.text(append(policy, "maxRetries")...) != "-1":
		c.add(r.File, r.line(append(policy, "maxRetries")...), "no-retry", "deliveries are given up after maxRetries, and a day's outage becomes a day of dead letters", "Use maxRetries: -1.")
	}
}

// rights are the lists of the pub/sub component.
type rights struct {
	allowed, protected   []string
	publish, subscribe   map[string][]string
	publishers, audience map[string][]string // by topic
}

func readRights(pubsub Resource) rights {
	r := rights{
		allowed: topics(pubsub.settingText("allowedTopics")), protected: topics(pubsub.settingText("protectedTopics")),
		publish: byApp(pubsub.settingText("publishingScopes")), subscribe: byApp(pubsub.settingText("subscriptionScopes")),
		publishers: map[string][]string{}, audience: map[string][]string{},
	}
	for list, byTopic := range map[*map[string][]string]map[string][]string{&r.publish: r.publishers, &r.subscribe: r.audience} {
		for _, app := range sorted(*list) {
			for _, topic := range (*list)[app] {
				byTopic[topic] = append(byTopic[topic], app)
			}
		}
	}
	return r
}

// lists holds the four lists of topics together.
func (c *checker) lists(pubsub Resource, r rights) {
	for setting, list := range map[string][]string{"allowedTopics": r.allowed, "protectedTopics": r.protected} {
		for _, topic := range sorted(merge(r.publishers, r.audience)) {
			if !slices.Contains(list, topic) {
				c.add(pubsub.File, pubsub.settingLine(setting), "rights", fmt.Sprintf("%s is in a scope and not in %s", topic, setting), "Add it: without allowedTopics and protectedTopics an app that no scope names may use every topic.")
			}
		}
		for _, topic := range list {
			if len(r.publishers[topic]) == 0 || len(r.audience[topic]) == 0 {
				c.add(pubsub.File, pubsub.settingLine(setting), "rights", fmt.Sprintf("%s is in %s, and no scope lets anybody publish or subscribe to it", topic, setting), "Give the right to the apps that need it, or remove the topic.")
			}
		}
	}
	for setting, scopes := range map[string]map[string][]string{"publishingScopes": r.publish, "subscriptionScopes": r.subscribe} {
		for _, app := range sorted(scopes) {
			if !slices.Contains(pubsub.scopes(), app) {
				c.add(pubsub.File, pubsub.settingLine(setting), "rights", fmt.Sprintf("%s gives rights to %q, which has no part in %s", setting, app, pubsub.name()), "Add it to scopes, or remove the rights.")
			}
		}
	}
}

func merge(a, b map[string][]string) map[string][]string {
	all := map[string][]string{}
	for _, m := range []map[string][]string{a, b} {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}

// subscriptions checks each of them and gives the topics that each app takes.
func (c *checker) subscriptions(s Stack, pubsub Resource, r rights, code Code) (taken map[string][]string) {
	taken = map[string][]string{}
	for _, sub := range s.Resources {
		if sub.kind() != "Subscription" {
			continue
		}
		topic, dead := sub.text("spec", "topic"), sub.text("spec", "deadLetterTopic")
		if len(sub.scopes()) != 1 {
			c.add(sub.File, sub.line("scopes"), "unscoped", fmt.Sprintf("subscription %s has the routes of one app and %d scopes", sub.name(), len(sub.scopes())), "Scope it to the app that has the route.")
			for _, app := range sub.scopes() {
				if slices.Contains(r.subscribe[app], topic) {
					taken[app] = append(taken[app], topic)
				}
			}
			continue
		}
		app := sub.scopes()[0]
		taken[app] = append(taken[app], topic)
		if sub.text("spec", "pubsubname") != pubsub.name() {
			c.add(sub.File, sub.line("spec", "pubsubname"), "rights", fmt.Sprintf("there is no pub/sub component %q in stack %s", sub.text("spec", "pubsubname"), s.Name), "Name "+pubsub.name()+".")
		}
		if !slices.Contains(r.subscribe[app], topic) {
			c.add(sub.File, sub.line("spec", "topic"), "rights", fmt.Sprintf("%s subscribes to %s and has no right to (%s)", app, topic, pubsub.File), "Add it to subscriptionScopes there, or remove the subscription.")
		}
		switch {
		case strings.HasPrefix(topic, deadLetters) && sub.text("spec", "metadata", "rawPayload") != "true":
			c.add(sub.File, sub.line("spec", "topic"), "no-dead-letter", "dead letters that are no JSON could not be delivered, and would be tried without end", `Add metadata: {rawPayload: "true"}.`)
		case strings.HasPrefix(topic, deadLetters) && dead != "":
			c.add(sub.File, sub.line("spec", "deadLetterTopic"), "no-dead-letter", "dead letters of dead letters are a loop", "Remove deadLetterTopic: these are tried without end.")
		case !strings.HasPrefix(topic, deadLetters) && dead == "":
			c.add(sub.File, sub.line("spec", "topic"), "no-dead-letter", fmt.Sprintf("%s has no dead-letter topic: on some brokers what a sidecar gives up is gone", topic), "Add deadLetterTopic: "+deadLetters+app+".")
		case dead != "" && !slices.Contains(r.publish[app], dead):
			c.add(sub.File, sub.line("spec", "deadLetterTopic"), "rights", fmt.Sprintf("the sidecar of %s has no right to publish to %s (%s)", app, dead, pubsub.File), "Add it to publishingScopes there.")
		case dead != "" && len(r.audience[dead]) == 0:
			c.add(sub.File, sub.line("spec", "deadLetterTopic"), "rights", fmt.Sprintf("nobody takes %s", dead), "Let the journal subscribe to it.")
		}
		c.route(sub, app, topic, code)
	}
	return taken
}

// route of a subscription must be the code's.
func (c *checker) route(sub Resource, app, topic string, code Code) {
	path := sub.text("spec", "routes", "default")
	if from, isDead := strings.CutPrefix(topic, deadLetters); isDead {
		if want := "/api/v1/deadletters/" + from; path != want {
			c.add(sub.File, sub.line("spec", "routes", "default"), "topic-without-code", fmt.Sprintf("%s is delivered to %s", topic, path), "The journal takes it at "+want+".")
		}
		return
	}
	if route, known := code.Delivers[app][topic]; known && route.Path != path {
		c.add(sub.File, sub.line("spec", "routes", "default"), "topic-without-code", fmt.Sprintf("%s is delivered to %s, where %s has no such route", topic, path, app), fmt.Sprintf("It takes it at %s (%s:%d).", route.Path, route.File, route.Line))
	}
}

// codeAndTopics holds what the code does against what the files allow, both ways.
func (c *checker) codeAndTopics(pubsub Resource, r rights, taken map[string][]string, code Code) {
	for _, topic := range r.allowed {
		app, isDead := strings.CutPrefix(topic, deadLetters)
		if _, known := code.Topics[topic]; !known && (!isDead || !slices.Contains(apps, app)) {
			c.add(pubsub.File, pubsub.settingLine("allowedTopics"), "topic-without-code", fmt.Sprintf("no code uses %s", topic), "Correct its name (pkg/event), or remove it.")
		}
	}
	for _, topic := range sorted(code.Topics) {
		if place := code.Topics[topic]; !slices.Contains(r.allowed, topic) {
			c.add(place.File, place.Line, "code-without-topic", fmt.Sprintf("%s does not serve %s", pubsub.File, topic), "Add it to allowedTopics, protectedTopics and the scopes there.")
		}
	}
	for _, app := range apps {
		for _, topic := range sorted(code.Publishes[app]) {
			if place := code.Publishes[app][topic]; !slices.Contains(r.publish[app], topic) {
				c.add(place.File, place.Line, "rights", fmt.Sprintf("%s publishes to %s and has no right to (%s)", app, topic, pubsub.File), "Add it to publishingScopes there.")
			}
		}
		for _, topic := range sorted(code.Delivers[app]) {
			if place := code.Delivers[app][topic]; !slices.Contains(taken[app], topic) {
				c.add(place.File, place.Line, "code-without-topic", fmt.Sprintf("%s takes %s at %s, and no subscription delivers it there", app, topic, place.Path), "Add one to components/subscriptions.")
			}
		}
		for _, topic := range taken[app] {
			if _, known := code.Delivers[app][topic]; !known && !strings.HasPrefix(topic, deadLetters) {
				c.add(pubsub.File, pubsub.settingLine("subscriptionScopes"), "topic-without-code", fmt.Sprintf("%s is delivered to %s, whose code takes no such topic", topic, app), "Remove the subscription and the right, or write the route.")
			}
		}
		for _, topic := range r.subscribe[app] {
			if !slices.Contains(taken[app], topic) {
				c.add(pubsub.File, pubsub.settingLine("subscriptionScopes"), "rights", fmt.Sprintf("%s may subscribe to %s and does not", app, topic), "Remove the right, or add the subscription.")
			}
		}
	}
}

// wanted are settings whose default loses events, by component type.
var wanted = map[string]map[string][2]string{
	"pubsub.rabbitmq": {
		"deletedWhenUnused": {"false", "by default a queue, and what is in it, goes with its last reader"},
		"durable":           {"true", "a queue that is not durable does not survive the broker"},
		"deliveryMode":      {"2", "by default events are kept in memory alone"},
		"publisherConfirm":  {"true", "by default a publish is answered before the broker has the event"},
		"requeueInFailure":  {"true", "by default what a sidecar gives back is gone"},
	},
	"pubsub.kafka": {
		"initialOffset":       {"oldest", "by default an app that is new gets nothing of what was published before it first came"},
		"consumeRetryEnabled": {"true", "otherwise what a sidecar gives back is passed over with the next event that succeeds"},
	},
	"pubsub.jetstream": {
		"concurrency": {"single", "in parallel the component acknowledges an event before the app has answered"},
		"durableName": {"{appID}", "without a durable consumer every start delivers everything again"},
	},
}

// traps are settings that are taken in another way than they read.
func (c *checker) traps(s Stack, pubsub Resource) {
	kind := pubsub.text("spec", "type")
	for _, name := range sorted(wanted[kind]) {
		want := wanted[kind][name]
		if got := pubsub.settingText(name); got != want[0] {
			c.add(pubsub.File, pubsub.settingLine(name), "loses-events", fmt.Sprintf("%s is %q: %s", name, got, want[1]), fmt.Sprintf("Set it to %q.", want[0]))
		}
	}
	if kind != "pubsub.redis" {
		return
	}
	if _, err := strconv.ParseUint(pubsub.settingText("redeliverInterval"), 10, 64); err != nil {
		c.add(pubsub.File, pubsub.settingLine("redeliverInterval"), "loses-events", fmt.Sprintf("redeliverInterval is %q, which the component ignores without a word", pubsub.settingText("redeliverInterval")), `Write plain milliseconds, such as "5000".`)
	}
	c.pool(s, pubsub)
	for _, r := range s.Resources {
		answer, err := time.ParseDuration(r.text("spec", "policies", "timeouts", r.text("spec", "targets", "components", pubsub.name(), "inbound", "timeout")))
		processing, err2 := time.ParseDuration(pubsub.settingText("processingTimeout"))
		if r.kind() == "Resiliency" && err == nil && (err2 != nil || processing <= answer) {
			c.add(pubsub.File, pubsub.settingLine("processingTimeout"), "loses-events", fmt.Sprintf("processingTimeout is %q, and one answer may take %s (%s): an event would be delivered twice at once", pubsub.settingText("processingTimeout"), answer, r.File), "Make it longer than that.")
		}
		most, _ := strconv.Atoi(r.text("spec", "bulkSubscribe", "maxMessagesCount"))
		if handlers, _ := strconv.Atoi(pubsub.settingText("concurrency")); most > handlers {
			c.add(pubsub.File, pubsub.settingLine("concurrency"), "loses-events", fmt.Sprintf("concurrency is %d, and %s wants batches of %d: they never get larger than concurrency", handlers, r.name(), most), "Set it to at least that.")
		}
	}
}

// pool of connections to Redis: every subscription keeps one, and as many again do the rest.
func (c *checker) pool(s Stack, pubsub Resource) {
	most := 0
	count := map[string]int{}
	for _, r := range s.Resources {
		for _, app := range r.scopes() {
			if r.kind() == "Subscription" {
				count[app]++
				most = max(most, count[app])
			}
		}
	}
	if size, _ := strconv.Atoi(pubsub.settingText("poolSize")); size < 2*most {
		c.add(pubsub.File, pubsub.settingLine("poolSize"), "loses-events", fmt.Sprintf("poolSize is %q, and the %d subscriptions of an app keep a connection each: on a machine of few cores nothing is left to publish with", pubsub.settingText("poolSize"), most), "Set it to 50.")
	}
}

var (
	secretName = regexp.MustCompile(`(?i)(password|passwd|secret$|token$|seedkey|apikey|accesskey|clientkey|jwt$|pwd)`)
	inURL      = regexp.MustCompile(`://[^/\s:@]+:[^/\s@]+@`)
	inDSN      = regexp.MustCompile(`(?i)\b(password|pwd)\s*=\s*[^\s;]`)
)

// secrets finds values that belong into a secret store, in settings and in the environment of run files.
func (c *checker) secrets(r Resource) {
	for _, entry := range r.list("spec", "metadata") {
		name, value := at(entry, "name"), at(entry, "value")
		if name != nil && value != nil && value.Value != "" {
			c.secret(r, name.Value, value)
		}
	}
}

func (c *checker) secret(r Resource, name string, value *yaml.Node) {
	if !secretName.MatchString(name) && !inURL.MatchString(value.Value) && !inDSN.MatchString(value.Value) {
		return
	}
	c.add(r.File, value.Line, "plain-secret", fmt.Sprintf("%s is a secret in plain text", name), "Refer to it: secretKeyRef with the name in the secret store, or envRef.")
}

// runFile checks a run file of the Dapr CLI.
func (c *checker) runFile(r Resource) {
	c.fields(r, "run file")
	for _, part := range append(r.list("apps"), at(r.Node, "common")) {
		env := at(part, "env")
		if env == nil {
			continue
		}
		for i := 0; i+1 < len(env.Content); i += 2 {
			if name, value := env.Content[i].Value, env.Content[i+1]; value.Value != "" && (secretName.MatchString(name) || inURL.MatchString(value.Value)) {
				c.add(r.File, value.Line, "plain-secret", fmt.Sprintf("%s is a secret in plain text", name), "Leave it to the environment in which the file is run.")
			}
		}
	}
}
