package journal

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
)

// golden are events as they are on the wire, by topic.
func golden(t *testing.T) map[string][][]byte {
	t.Helper()
	out := map[string][][]byte{}
	for topic, names := range map[string]string{
		event.TopicTranLog: "tranlog*", event.TopicCashLog: "cashlog*", event.TopicOpenCloseLog: "opencloselog*",
		event.TopicEvents: "*.*-*", event.TopicTerminal: "snapshot-[st]*[tel]",
	} {
		files, err := filepath.Glob("../../../../pkg/event/testdata/" + names + ".json")
		require.NoError(t, err)
		for _, name := range files {
			raw, err := os.ReadFile(name)
			require.NoError(t, err)
			form, err := canonical.JSON(raw)
			require.NoError(t, err)
			out[topic] = append(out[topic], form)
		}
		require.NotEmpty(t, out[topic], "golden events of %s", topic)
	}
	return out
}

// sameAsWhole holds what a glance gives against the whole event.
func sameAsWhole(t assert.TestingT, topic string, form []byte) (glanced bool) {
	var room glanceRoom
	quick, plain := room.glance(topic, form), subjects[topic].make()
	if quick == nil {
		return false
	}
	if err := json.Unmarshal(form, plain); err != nil {
		t.Errorf("%s was read, and cannot be: %v", form, err)
		return true
	}
	if *quick.Head() != *plain.Head() {
		t.Errorf("%s: the envelope is %+v and not %+v", form, quick.Head(), plain.Head())
	}
	a, b := EntryOf(quick), EntryOf(plain)
	if (a == nil) != (b == nil) || a != nil && !a.same(b) {
		t.Errorf("%s: the entry is %+v and not %+v", form, a, b)
	}
	return true
}

func TestAnOrdinaryEventTakesNoMoreThanAGlance(t *testing.T) {
	for topic, forms := range golden(t) {
		for _, form := range forms {
			assert.True(t, sameAsWhole(t, topic, form), "%s", form)
		}
	}
}

// Whatever is changed in an event: a glance sees what reading all of it sees, or does not try.
func TestAGlanceSeesWhatReadingSees(t *testing.T) {
	all := golden(t)
	topics := slices.Sorted(maps.Keys(all))
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"", "x", "a\"b\\\n\x01é/", "open", "20260101", "101", "</>\u2028"}), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]string{"0", "-0", "-1", "1", "102", "201", "1e3", "1.5", "007", "999999999999999999", "9999999999999999999", "1e-9"}), func(s string) any { return json.Number(s) }),
		rapid.Just[any]([]any{}), rapid.Just[any](map[string]any{}), rapid.Just[any](map[string]any{"id": "p", "Id": "q", "is_cancelled": true}),
	)
	glanced := 0
	rapid.Check(t, func(t *rapid.T) {
		topic := rapid.SampledFrom(topics).Draw(t, "topic")
		var e map[string]any
		require.NoError(t, json.Unmarshal(rapid.SampledFrom(all[topic]).Draw(t, "event"), &e))
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			change(t, e, value)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return // 007 is no number
		}
		form, err := canonical.JSON(raw)
		require.NoError(t, err)
		if sameAsWhole(t, topic, form) {
			glanced++
		}
	})
	assert.NotZero(t, glanced, "nothing was compared")
}

// change replaces, removes or adds a member of an object, or of one in it.
func change(t *rapid.T, object map[string]any, value *rapid.Generator[any]) {
	names := slices.Sorted(maps.Keys(object))
	name := rapid.SampledFrom(append(names, "unknown", "é", "_")).Draw(t, "member")
	kind := rapid.IntRange(0, 3).Draw(t, "kind of change")
	if isDetail([]byte(name)) && kind > 0 {
		t.Skip("what a detail is, a glance does not tell")
	}
	if inner, ok := object[name].(map[string]any); ok && len(inner) > 0 && !isDetail([]byte(name)) && rapid.Bool().Draw(t, "inside") {
		change(t, inner, value)
		return
	}
	switch kind {
	case 0:
		delete(object, name)
	case 1:
		object[strings.ToUpper(name[:1])+name[1:]] = value.Draw(t, "value") // which encoding/json takes for the same
	default:
		object[name] = value.Draw(t, "value")
	}
}

func TestWhatIsNoCanonicalObjectIsNotGlancedAt(t *testing.T) {
	form := golden(t)[event.TopicCashLog][0]
	for name, text := range map[string]string{
		"nothing": "", "an array": "[]", "white space": " " + string(form), "an end": string(form[:len(form)-1]), "more": string(form) + "}",
		"a member twice":  `{"amount":1,` + string(form[1:]),
		"another order":   `{"z":1,` + string(form[1:]),
		"a name escaped":  `{"\u0061":1,` + string(form[1:]),
		"a broken member": strings.Replace(string(form), `":`, `"`, 1),
	} {
		assert.Nil(t, new(glanceRoom).glance(event.TopicCashLog, []byte(text)), name)
	}
	for cut := range form {
		assert.Nil(t, new(glanceRoom).glance(event.TopicCashLog, form[:cut]), "cut after %d bytes", cut)
	}
}
