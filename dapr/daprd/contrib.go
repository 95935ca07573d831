//go:build contrib

package main

import (
	nrmdns "github.com/dapr/components-contrib/nameresolution/mdns"
	psjetstream "github.com/dapr/components-contrib/pubsub/jetstream"
	pskafka "github.com/dapr/components-contrib/pubsub/kafka"
	psrabbitmq "github.com/dapr/components-contrib/pubsub/rabbitmq"
	psredis "github.com/dapr/components-contrib/pubsub/redis"
	stpostgresql "github.com/dapr/components-contrib/state/postgresql/v2"
	stredis "github.com/dapr/components-contrib/state/redis"
	versions "github.com/dapr/dapr/pkg/components"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/state"
)

// With the build tag contrib this sidecar has, beside its own, the components of
// components/redis and components/production that run outside a cluster: the code is
// that of stock daprd, of the same version. `make dapr-cli` builds it for tests and
// for machines on which `dapr init` is not possible.
func init() {
	addContrib = func() {
		pubsub.DefaultRegistry.RegisterComponent(psredis.NewRedisStreams, "redis")
		pubsub.DefaultRegistry.RegisterComponent(psrabbitmq.NewRabbitMQ, "rabbitmq")
		pubsub.DefaultRegistry.RegisterComponent(pskafka.NewKafka, "kafka")
		pubsub.DefaultRegistry.RegisterComponent(psjetstream.NewJetStream, "jetstream")

		state.DefaultRegistry.RegisterComponent(stredis.NewRedisStateStore, "redis")
		// Only v2: v1 is what stock daprd takes when a YAML names no version, and it
		// must not be let at a table of v2.
		state.DefaultRegistry.RegisterComponentWithVersions("postgresql", versions.Versioning{
			Preferred: versions.VersionConstructor{Version: "v2", Constructor: stpostgresql.NewPostgreSQLStateStore},
			Default:   "v1",
		})

		nameresolution.DefaultRegistry.RegisterComponent(nrmdns.NewResolver, "mdns")
	}
}
