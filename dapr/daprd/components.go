package main

import (
	bindhttp "github.com/dapr/components-contrib/bindings/http"
	bindfiles "github.com/dapr/components-contrib/bindings/localstorage"
	nrsqlite "github.com/dapr/components-contrib/nameresolution/sqlite"
	psmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	secretenv "github.com/dapr/components-contrib/secretstores/local/env"
	stmemory "github.com/dapr/components-contrib/state/in-memory"
	stsqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/conversation"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/runtime/registry"

	"github.com/tillroll/tillroll/dapr/daprd/jetstreampull"
	"github.com/tillroll/tillroll/dapr/daprd/secretfile"
)

// components is everything this sidecar can be told to use. A YAML that names
// another type fails at start with "couldn't find … component".
func components() *registry.Options {
	nameLoggers()

	pubsub.DefaultRegistry.RegisterComponent(jetstreampull.New, "jetstream-pull")
	pubsub.DefaultRegistry.RegisterComponent(psmemory.New, "in-memory")

	state.DefaultRegistry.RegisterComponent(stsqlite.NewSQLiteStateStore, "sqlite", "sqlite3")
	state.DefaultRegistry.RegisterComponent(stmemory.NewInMemoryStateStore, "in-memory")

	secretstores.DefaultRegistry.RegisterComponent(secretfile.New, "local.file")
	secretstores.DefaultRegistry.RegisterComponent(secretenv.NewEnvSecretStore, "local.env")

	// Alerts of the journal go to a webhook through it.
	bindings.DefaultRegistry.RegisterOutputBinding(bindhttp.NewHTTP, "http")
	// The journal's archive can be kept behind any binding of objects; this is the one for a folder.
	bindings.DefaultRegistry.RegisterOutputBinding(bindfiles.NewLocalStorage, "localstorage")

	nameresolution.DefaultRegistry.RegisterComponent(nrsqlite.NewResolver, "sqlite")
	nameresolution.DefaultRegistry.RegisterComponent(newNoResolver, runtimeDefaultResolver)

	if addContrib != nil {
		addContrib()
	}

	// The default registries, because the runtime also adds pluggable components to them.
	return registry.NewOptions()
}

// addContrib registers the components of other stacks; nil without the build tag contrib.
var addContrib func()

// nameLoggers gives every registry a logger, also those that stay empty: a
// pluggable component that lands in one would log through a nil pointer.
func nameLoggers() {
	secretstores.DefaultRegistry.Logger = contribLog
	state.DefaultRegistry.Logger = contribLog
	crypto.DefaultRegistry.Logger = contribLog
	configuration.DefaultRegistry.Logger = contribLog
	lock.DefaultRegistry.Logger = contribLog
	pubsub.DefaultRegistry.Logger = contribLog
	nameresolution.DefaultRegistry.Logger = contribLog
	bindings.DefaultRegistry.Logger = contribLog
	conversation.DefaultRegistry.Logger = contribLog
	http.DefaultRegistry.Logger = log
}
