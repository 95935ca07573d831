package main

import (
	"context"
	"fmt"

	nr "github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/kit/logger"
)

// runtimeDefaultResolver is what the runtime asks for when the configuration
// names no resolver. This sidecar has no mDNS: on loopback it left an app that
// had moved to other ports unreachable for half a minute.
const runtimeDefaultResolver = "mdns"

// noResolver stands where mDNS would be. A sidecar that invokes nobody works
// without a configuration; the first invocation says what is missing.
type noResolver struct{ log logger.Logger }

func newNoResolver(log logger.Logger) nr.Resolver { return noResolver{log} }

func (r noResolver) Init(context.Context, nr.Metadata) error {
	r.log.Warn("This Dapr configuration names no name resolution, so service invocation will be refused. " + howToResolve)
	return nil
}

func (noResolver) ResolveID(_ context.Context, req nr.ResolveRequest) (string, error) {
	return "", fmt.Errorf("app %q cannot be found because no name resolution is configured: %s", req.ID, howToResolve)
}

func (noResolver) Close() error { return nil }

const howToResolve = "Start daprd with --config and a Configuration that has spec.nameResolution.component: sqlite (this build has no mDNS)."
