package logfile_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/dapr/runner/internal/logfile"
)

func create(t *testing.T, dir, name string, show func([]byte)) *logfile.Writer {
	t.Helper()
	w, err := logfile.Create(dir, name, show)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func print(w *logfile.Writer, text string) { _, _ = w.Write([]byte(text)) }

func TestLinesAreShownWholeAndTheFileIsRaw(t *testing.T) {
	dir := t.TempDir()
	var shown []string
	w := create(t, dir, "cart", func(line []byte) { shown = append(shown, string(line)) })
	print(w, "one\ntw")
	print(w, "o\r\nthr")
	if want := []string{"one", "two"}; !slices.Equal(shown, want) {
		t.Errorf("shown %q, want %q", shown, want)
	}
	raw, _ := os.ReadFile(logfile.Path(dir, "cart"))
	if string(raw) != "one\ntwo\r\nthr" {
		t.Errorf("file is %q", raw)
	}
	if last := w.Last(); len(last) != 3 || string(last[2]) != "thr" {
		t.Errorf("the unfinished last words are missing: %q", last)
	}
}

func TestOnlyTheLastLinesAreKeptInMemory(t *testing.T) {
	w := create(t, t.TempDir(), "cart", nil)
	for i := range 1000 {
		print(w, fmt.Sprintln(i))
	}
	last := w.Last()
	if len(last) > 20 || string(last[len(last)-1]) != "999" {
		t.Errorf("%d lines, the last is %q", len(last), last[len(last)-1])
	}
}

func TestTheLogOfTheRunBeforeIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"first", "second", "third"} {
		print(create(t, dir, "cart", nil), text)
	}
	now, _ := os.ReadFile(logfile.Path(dir, "cart"))
	before, _ := os.ReadFile(logfile.Path(dir, "cart") + ".1")
	if string(now) != "third" || string(before) != "second" {
		t.Errorf("now %q, before %q", now, before)
	}
	if names := logfile.Names(dir); !slices.Equal(names, []string{"cart"}) {
		t.Errorf("names: %v", names)
	}
}

func TestLogsAreMergedByTime(t *testing.T) {
	dir := t.TempDir()
	record := func(second int, message string) string {
		return fmt.Sprintf(`{"ts":"2026-01-02T12:00:%02dZ","level":"info","msg":%q}`+"\n", second, message)
	}
	cart, broker := create(t, dir, "cart", nil), create(t, dir, "broker", nil)
	print(cart, "hello of a library\n"+record(1, "cart 1")+"panic: of cart\n"+record(4, "cart 4"))
	print(broker, record(0, "broker 0")+record(2, "broker 2")+record(3, "broker 3")+`{"half`)

	tail := logfile.NewTail(dir, []string{"broker", "cart", "never-started"})
	expect(t, tail, "broker 0", "hello of a library", "cart 1", "panic: of cart", "broker 2", "broker 3", "cart 4")
	expect(t, tail)

	print(broker, `":1,"msg":"broker 5"}`+"\n")
	expect(t, tail, "broker 5")

	print(create(t, dir, "cart", nil), record(6, "cart of the next run"))
	expect(t, tail, "cart of the next run")
}

func expect(t *testing.T, tail *logfile.Tail, want ...string) {
	t.Helper()
	entries, err := tail.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Record.Message)
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("read %q, want %q", got, want)
	}
}
