package archive_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	private, public, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, _, err := proof.NewSigner(private)
	require.NoError(t, err)
	keys, err := proof.ParseKeys(public)
	require.NoError(t, err)
	content := []byte(`{"eventType":"Sales.OrderCreated","event_id":"x","occurred_at":"2026-01-31T10:00:00Z","terminal_no":1}`)
	link := proof.Link{Version: 1, Seq: 1, Stream: "acme-s1-1", EventID: "01890a5d-ac96-774b-bcce-b302099a8057", ContentHash: proof.HashOf(content)}
	line := &proof.Line{Link: link, Hash: link.Hash(), Content: content}
	var edge proof.Edge
	edge.Append(proof.LeafHash(line.Hash), nil)
	signed, err := signer.Sign(proof.Checkpoint{Tenant: "acme", Size: 1, Root: edge.Root(), Time: time.Unix(1, 0)})
	require.NoError(t, err)
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.Header{TenantID: "acme", StoreCode: "s1", BusinessDate: "20260131", Part: 1, Checkpoint: signed.Note})
	require.NoError(t, err)
	require.NoError(t, w.Add("topic-events", line))
	m, err := w.Close()
	require.NoError(t, err)
	require.Equal(t, "t/acme/s1/2026-01-31.1.seg", m.Name())
	s, err := archive.Open(t.Context(), archive.Bytes(file.Bytes()))
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context(), keys, &m))
	i, member, err := s.Locate(t.Context(), "acme-s1-1", 1)
	require.NoError(t, err)
	require.Equal(t, line.EventID, member.EventID)
	got, err := s.Line(t.Context(), i)
	require.NoError(t, err)
	require.Equal(t, line.Hash, got.Hash)
}
