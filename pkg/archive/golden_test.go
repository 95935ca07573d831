package archive_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

var update = flag.Bool("update", false, "write the golden files of the present version")

// The golden segment is of version 1. Whatever comes later must read it as it is, for ever; so the files
// are never made anew, but those of a new version stand beside them.
const golden = "testdata/v1.seg"

func golds(t *testing.T) (file []byte, m archive.Manifest, keys proof.Keys) {
	t.Helper()
	if *update {
		writeGolden(t)
	}
	file, err := os.ReadFile(golden)
	require.NoError(t, err)
	manifest, err := os.ReadFile("testdata/v1.manifest.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(manifest, &m))
	public, err := os.ReadFile("testdata/v1.key")
	require.NoError(t, err)
	keys, err = proof.ParseKeys(string(public))
	require.NoError(t, err)
	return file, m, keys
}

func writeGolden(t *testing.T) {
	t.Helper()
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	store, date := log.Events[0].Store, log.Events[0].Date
	events := log.Of(store, date)
	var file bytes.Buffer
	w, err := archive.NewForger(&file, log.Header(store, date)) // in small groups, so that there are several
	require.NoError(t, err)
	for _, e := range events[:min(len(events), 12)] {
		require.NoError(t, w.Add(e.Topic, &e.Line))
	}
	m, err := w.Close()
	require.NoError(t, err)
	manifest, err := json.MarshalIndent(m, "", "  ")
	require.NoError(t, err)
	lines, err := unpacked(file.Bytes())
	require.NoError(t, err)
	for name, content := range map[string][]byte{"v1.seg": file.Bytes(), "v1.jsonl": lines, "v1.manifest.json": append(manifest, '\n'), "v1.key": []byte(log.PublicKey + "\n")} {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), content, 0o644))
	}
}

// unpacked is what any decoder of zstd makes of a segment.
func unpacked(file []byte) ([]byte, error) {
	d, err := zstd.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

func TestASegmentOfVersion1IsRead(t *testing.T) {
	file, want, keys := golds(t)
	lines, err := os.ReadFile("testdata/v1.jsonl")
	require.NoError(t, err)
	s, err := archive.Open(t.Context(), archive.Bytes(file))
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context(), keys, &want))
	got := s.Manifest()
	got.SHA256 = want.SHA256
	assert.Equal(t, want, got)

	each := bytes.SplitAfter(lines, []byte("\n"))
	require.Len(t, each, s.Len()+2, "the header, the events, and what stands behind the last end of line")
	var h archive.Header
	require.NoError(t, json.Unmarshal(each[0], &h))
	assert.Equal(t, want.Header, h)
	seen := 0
	require.NoError(t, s.Each(t.Context(), 0, func(i int, m *archive.Member, l *proof.Line) bool {
		assert.Equal(t, string(each[i+1]), string(proof.AppendLine(nil, l))+"\n")
		again, err := archive.MemberOf(m.Topic, l)
		require.NoError(t, err)
		assert.Equal(t, again, *m)
		seen++
		return true
	}))
	assert.Equal(t, want.Events, seen)
}

// What is under the compression is pinned to the byte. The compression itself may get better.
func TestASegmentOfVersion1IsWritten(t *testing.T) {
	file, want, _ := golds(t)
	s, err := archive.Open(t.Context(), archive.Bytes(file))
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := archive.NewForger(&out, want.Header)
	require.NoError(t, err)
	require.NoError(t, s.Each(t.Context(), 0, func(_ int, m *archive.Member, l *proof.Line) bool {
		require.NoError(t, w.Add(m.Topic, l))
		return true
	}))
	_, err = w.Close()
	require.NoError(t, err)
	wantLines, err := unpacked(file)
	require.NoError(t, err)
	gotLines, err := unpacked(out.Bytes())
	require.NoError(t, err)
	assert.Equal(t, string(wantLines), string(gotLines))
	again, err := archive.Open(t.Context(), archive.Bytes(out.Bytes()))
	require.NoError(t, err)
	wantRows, _, err := archive.Rows(s)
	require.NoError(t, err)
	gotRows, _, err := archive.Rows(again)
	require.NoError(t, err)
	require.Greater(t, len(wantRows), 1)
	assert.Equal(t, wantRows, gotRows)
}

// An auditor has no program of ours.
func TestAnybodysToolReadsASegment(t *testing.T) {
	file, _, _ := golds(t)
	want, err := os.ReadFile("testdata/v1.jsonl")
	require.NoError(t, err)
	got, err := unpacked(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))

	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("MISSING: zstd is not installed; that it reads a segment was not tried")
	}
	for _, args := range [][]string{{"-dc", golden}, {"-t", golden}} {
		out, err := exec.CommandContext(t.Context(), program, args...).Output()
		require.NoError(t, err)
		if args[0] == "-dc" {
			assert.Equal(t, string(want), string(out))
		}
	}
}

func TestAVersionOfTheFutureIsRefused(t *testing.T) {
	file, _, _ := golds(t)
	s, err := archive.Open(t.Context(), archive.Bytes(file))
	require.NoError(t, err)
	newer := archive.Redirect(s, file, func(m *archive.Manifest) { m.Version = archive.Version + 1 })
	_, err = archive.Open(t.Context(), archive.Bytes(newer))
	assert.ErrorContains(t, err, "use a newer one")
}
