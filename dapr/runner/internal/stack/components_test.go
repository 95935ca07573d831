package stack_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// Dapr ignores what it does not know and opens what is not scoped. So these tests
// hold the local stack's own files together: dapr/embedded.yaml, components/local and
// components/subscriptions.
const repositoryRoot = "../../../.."

// resource is as much of a Dapr resource as is checked here.
type resource struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Pubsubname      string
		Topic           string
		DeadLetterTopic string `yaml:"deadLetterTopic"`
		Routes          struct{ Default string }
		BulkSubscribe   struct{ Enabled bool } `yaml:"bulkSubscribe"`
		Metadata        []struct{ Name, Value string }
	}
	Scopes []string
}

func localResources(t *testing.T) []resource {
	t.Helper()
	var files []string
	for _, folder := range []string{"local", "subscriptions"} {
		found, err := filepath.Glob(filepath.Join(repositoryRoot, "components", folder, "*.yaml"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no components in %s: %v", folder, err)
		}
		files = append(files, found...)
	}
	var all []resource
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var r resource
			err := decoder.Decode(&r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, r)
		}
	}
	return all
}

func embedded(t *testing.T) *runfile.File {
	t.Helper()
	file, err := runfile.Read(filepath.Join(repositoryRoot, "dapr", "embedded.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEveryResourceIsScopedToAppsThatExist(t *testing.T) {
	var apps []string
	for _, app := range embedded(t).Apps {
		if app.HasApp() {
			apps = append(apps, app.ID)
		}
	}
	for _, r := range localResources(t) {
		if len(r.Scopes) == 0 {
			t.Errorf("%s %s has no scopes: every sidecar would load it", r.Kind, r.Metadata.Name)
		}
		for _, app := range r.Scopes {
			if !slices.Contains(apps, app) {
				t.Errorf("%s %s is scoped to %s, which is no app", r.Kind, r.Metadata.Name, app)
			}
		}
	}
}

// rights are the pub/sub component's lists of topics.
type rights struct {
	allowed, protected  []string
	publish, subscribes map[string][]string
}

func rightsOf(t *testing.T, resources []resource) rights {
	t.Helper()
	for _, r := range resources {
		if r.Kind != "Component" || r.Metadata.Name != "pubsub" {
			continue
		}
		values := map[string]string{}
		for _, entry := range r.Spec.Metadata {
			values[entry.Name] = strings.Join(strings.Fields(entry.Value), "")
		}
		return rights{
			allowed: strings.Split(values["allowedTopics"], ","), protected: strings.Split(values["protectedTopics"], ","),
			publish: byApp(values["publishingScopes"]), subscribes: byApp(values["subscriptionScopes"]),
		}
	}
	t.Fatal("there is no component pubsub")
	return rights{}
}

// byApp reads `cart=topic-a,topic-b;journal=topic-c`.
func byApp(text string) map[string][]string {
	topics := map[string][]string{}
	for _, entry := range strings.Split(text, ";") {
		app, list, _ := strings.Cut(entry, "=")
		topics[app] = strings.Split(list, ",")
	}
	return topics
}

func TestEveryTopicIsAllowedAndProtected(t *testing.T) {
	given := rightsOf(t, localResources(t))
	var named []string
	for _, topics := range []map[string][]string{given.publish, given.subscribes} {
		for _, list := range topics {
			named = append(named, list...)
		}
	}
	slices.Sort(named)
	named = slices.Compact(named)
	for name, list := range map[string][]string{"allowedTopics": given.allowed, "protectedTopics": given.protected} {
		list = slices.Sorted(slices.Values(list))
		if !slices.Equal(list, named) {
			t.Errorf("%s is\n%v, the scopes name\n%v", name, list, named)
		}
	}
}

func TestEverySubscriptionIsPermittedAndHasDeadLetters(t *testing.T) {
	resources := localResources(t)
	given := rightsOf(t, resources)
	subscribed := map[string][]string{}
	for _, r := range resources {
		if r.Kind != "Subscription" {
			continue
		}
		if len(r.Scopes) != 1 {
			t.Fatalf("%s: a subscription has the routes of one app, so it is scoped to one", r.Metadata.Name)
		}
		app, topic := r.Scopes[0], r.Spec.Topic
		subscribed[app] = append(subscribed[app], topic)
		if !slices.Contains(given.subscribes[app], topic) {
			t.Errorf("%s: %s may not subscribe to %s", r.Metadata.Name, app, topic)
		}
		if r.Spec.Pubsubname != "pubsub" || !strings.HasPrefix(r.Spec.Routes.Default, "/api/v1/") || !r.Spec.BulkSubscribe.Enabled {
			t.Errorf("%s: %+v", r.Metadata.Name, r.Spec)
		}
		checkDeadLetters(t, r, app, given)
	}
	for app, topics := range given.subscribes {
		if !slices.Equal(slices.Sorted(slices.Values(topics)), slices.Sorted(slices.Values(subscribed[app]))) {
			t.Errorf("%s may subscribe to %v, and does to %v", app, topics, subscribed[app])
		}
	}
}

func checkDeadLetters(t *testing.T, r resource, app string, given rights) {
	t.Helper()
	dead := r.Spec.DeadLetterTopic
	if strings.HasPrefix(r.Spec.Topic, "deadletter-") {
		if dead != "" {
			t.Errorf("%s: dead letters of dead letters are a loop", r.Metadata.Name)
		}
		return
	}
	if dead != "deadletter-"+app {
		t.Errorf("%s: its dead letters go to %q", r.Metadata.Name, dead)
	}
	if !slices.Contains(given.publish[app], dead) {
		t.Errorf("%s: the sidecar of %s may not publish to %s", r.Metadata.Name, app, dead)
	}
	if !slices.Contains(given.subscribes["journal"], dead) {
		t.Errorf("%s: nobody takes %s", r.Metadata.Name, dead)
	}
}

func TestEveryTopicHasAPublisherAndASubscriber(t *testing.T) {
	given := rightsOf(t, localResources(t))
	for _, topic := range given.allowed {
		for what, apps := range map[string]map[string][]string{"publishes": given.publish, "subscribes to": given.subscribes} {
			found := false
			for _, topics := range apps {
				found = found || slices.Contains(topics, topic)
			}
			if !found {
				t.Errorf("nobody %s %s", what, topic)
			}
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range localResources(t) {
		if key := r.Kind + " " + r.Metadata.Name; seen[key] {
			t.Errorf("two of %s", key)
		} else {
			seen[key] = true
		}
	}
}
