package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

// checkpointEvery is how often a tenant's newest checkpoint is written down. In between it is
// remembered; after a crash an older one is printed, which proves as much about what it covers.
const checkpointEvery = time.Minute

// checkpoints are the newest that are known of the tenants' journals. This service lies beside the
// journal and not in it: what it has kept, nobody changes who changes the journal.
type checkpoints struct {
	mu     sync.Mutex
	newest map[string]keptCheckpoint // by tenant
}

type keptCheckpoint struct {
	proof.Checkpoint
	written time.Time
}

func newCheckpoints() *checkpoints { return &checkpoints{newest: map[string]keptCheckpoint{}} }

// storedCheckpoint is how one lies in the state store.
type storedCheckpoint struct {
	Note string `json:"note"`
}

// KeepCheckpoint keeps what the journal signed last of a tenant. The signature is not looked at here:
// whoever holds a receipt against the journal has the public key. What cannot be kept is no reason to
// have the message again: the next one brings a newer one.
func (a *App) KeepCheckpoint(ctx context.Context, s *event.JournalStatus) {
	if s.Checkpoint == "" {
		return
	}
	c, err := proof.ReadUnverified(s.Checkpoint)
	if err != nil || c.Tenant != s.TenantID {
		a.Log.Warn("a checkpoint of the journal cannot be read", zap.String("tenant_id", s.TenantID), zap.Error(err))
		return
	}
	a.recallCheckpoint(ctx, c.Tenant)
	if due := a.proofs.take(c, a.Clock.Now()); due {
		if err := a.writeCheckpoint(ctx, c); err != nil {
			a.Log.Warn("the journal's checkpoint could not be written down; the next one will be", zap.String("tenant_id", c.Tenant), zap.Error(err))
		}
	}
	a.compareCheckpoint(c)
}

// take remembers c when it is newer, and tells whether it is time to write it down.
func (k *checkpoints) take(c proof.Checkpoint, now time.Time) (due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.newest[c.Tenant]
	if known.Note != "" && c.Size <= known.Size {
		return false
	}
	if due = now.Sub(known.written) >= checkpointEvery; due {
		known.written = now
	}
	known.Checkpoint = c
	k.newest[c.Tenant] = known
	return due
}

// recallCheckpoint remembers what was written down of a tenant before this process began: what is told
// now must continue, or be, that. One that cannot be read is looked for again with the next message.
func (a *App) recallCheckpoint(ctx context.Context, tenantID string) {
	a.proofs.mu.Lock()
	_, known := a.proofs.newest[tenantID]
	a.proofs.mu.Unlock()
	if known {
		return
	}
	d, err := documents.Get[storedCheckpoint](ctx, a.reader(), documents.CheckpointKey(tenantID))
	if err != nil {
		a.Log.Warn("the journal's checkpoint of before cannot be read", zap.String("tenant_id", tenantID), zap.Error(err))
		return
	}
	var kept keptCheckpoint
	if d.Body.Note != "" {
		if kept.Checkpoint, err = proof.ReadUnverified(d.Body.Note); err != nil {
			a.Log.Warn("the journal's checkpoint of before is damaged", zap.String("tenant_id", tenantID), zap.Error(err))
			kept = keptCheckpoint{}
		}
	}
	a.proofs.mu.Lock()
	defer a.proofs.mu.Unlock()
	if _, known := a.proofs.newest[tenantID]; !known {
		a.proofs.newest[tenantID] = kept
	}
}

// compareCheckpoint finds out when the journal signs two histories, also over a restart of this service,
// but for what was told in the last minute before it.
func (a *App) compareCheckpoint(c proof.Checkpoint) {
	a.proofs.mu.Lock()
	known := a.proofs.newest[c.Tenant]
	a.proofs.mu.Unlock()
	if known.Size == c.Size && known.Root != c.Root {
		a.Log.Error("ALERT: the journal has signed two different histories of the same length: somebody wrote it anew",
			zap.String("tenant_id", c.Tenant), zap.Uint64("size", c.Size), zap.String("known", known.Short()), zap.String("told", c.Short()))
	}
}

// writeCheckpoint writes c down unless there is a newer one.
func (a *App) writeCheckpoint(ctx context.Context, c proof.Checkpoint) error {
	d, err := documents.Get[storedCheckpoint](ctx, a.reader(), documents.CheckpointKey(c.Tenant))
	if err != nil {
		return err
	}
	if old, err := proof.ReadUnverified(d.Body.Note); err == nil && old.Size >= c.Size {
		return nil
	}
	d.Body.Note = c.Note
	op, err := d.Op()
	if err != nil {
		return err
	}
	if err := a.Store.Write(ctx, op); !errors.Is(err, state.ErrConflict) { // another replica wrote one as new
		return err
	}
	return nil
}

// newestCheckpoint is what a close receipt shows; nil when none is known, or none can be read: a till
// is closed all the same.
func (a *App) newestCheckpoint(ctx context.Context, tenantID string) *slip.Checkpoint {
	a.proofs.mu.Lock()
	newest := a.proofs.newest[tenantID].Checkpoint
	a.proofs.mu.Unlock()
	d, err := documents.Get[storedCheckpoint](ctx, a.reader(), documents.CheckpointKey(tenantID))
	if err != nil {
		a.Log.Warn("the journal's checkpoint cannot be read; the receipt shows what is remembered", zap.String("tenant_id", tenantID), zap.Error(err))
	} else if c, err := proof.ReadUnverified(d.Body.Note); err == nil && (newest.Note == "" || c.Size > newest.Size) {
		newest = c
	}
	if newest.Note == "" {
		return nil
	}
	return &slip.Checkpoint{Size: newest.Size, Root: proof.ShortRoot(newest.Root)}
}
