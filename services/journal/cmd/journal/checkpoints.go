package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/service"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/binding"
)

// checkpointKey reads the key that signs checkpoints, and gives what they are checked with: the public key
// that belongs to it, and below it those of earlier times.
func checkpointKey(ctx context.Context, s *service.Service, earlier []string) (*proof.Signer, string, error) {
	private, err := s.Secret(ctx, service.SecretCheckpoint)
	if err != nil {
		return nil, "", err
	}
	signer, public, err := proof.NewSigner(private)
	if err != nil {
		return nil, "", fmt.Errorf("secret %q: %w", service.SecretCheckpoint, err)
	}
	public = strings.Join(append([]string{public}, earlier...), "\n")
	if _, err := proof.ParseKeys(public); err != nil {
		return nil, "", fmt.Errorf("TILLROLL_CHECKPOINT_EARLIER_KEYS: %w", err)
	}
	return signer, public, nil
}

// checkpointBinding takes checkpoints out of the house through a Dapr output binding.
func checkpointBinding(s *service.Service, name string) app.CheckpointSink {
	if name == "" {
		return nil
	}
	return checkpointSink{s.Dapr, name}
}

// checkpointSink implements app.CheckpointSink.
type checkpointSink struct {
	dapr dapr.Client
	name string
}

// Send implements app.CheckpointSink. The metadata give a file, an object or a mail its name.
func (a checkpointSink) Send(ctx context.Context, c proof.Checkpoint) error {
	name := c.Tenant + "-" + strconv.FormatUint(c.Size, 10) + ".checkpoint"
	return binding.Conceal(a.dapr.InvokeOutputBinding(ctx, &dapr.InvokeBindingRequest{
		Name: a.name, Operation: "create", Data: []byte(c.Note),
		Metadata: map[string]string{"tenantId": c.Tenant, "fileName": name, "key": name, "blobName": name},
	}))
}
