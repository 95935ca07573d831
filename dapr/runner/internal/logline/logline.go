// Package logline turns a line that a process has logged into one readable line
// for a human: time, process, level, message, key=value.
//
// It reads the JSON of our services (zap), of our broker (slog) and of Dapr, and
// leaves any other line as it is. It knows nothing of files and processes.
package logline

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Record is one line of a log, understood as far as it can be.
type Record struct {
	Time    time.Time // zero when the line has none
	Level   Level
	Message string
	Fields  []Field
}

// Field is a further key of a record, with its value ready to print.
type Field struct{ Key, Value string }

// Level is the weight of a record. Unknown is heavier than any: a line that is
// no record is often a panic, and must not be filtered out.
type Level int

// The levels, lightest first.
const (
	Debug Level = iota
	Info
	Warn
	Error
	Fatal
	Unknown
)

var levelNames = map[string]Level{
	"trace": Debug, "debug": Debug,
	"info": Info, "notice": Info,
	"warn": Warn, "warning": Warn,
	"error": Error,
	"fatal": Fatal, "panic": Fatal, "dpanic": Fatal,
}

// String is the level in five columns.
func (l Level) String() string {
	return [...]string{"DEBUG", "INFO ", "WARN ", "ERROR", "FATAL", "     "}[l]
}

// keysOf says which keys of the JSON carry what. Those of Dapr that repeat the
// name of the process or never change say nothing to a reader.
var keysOf = map[string]func(*Record, string, any){
	"ts": setTime, "time": setTime, "timestamp": setTime,
	"level": setLevel, "severity": setLevel,
	"msg": setMessage, "message": setMessage,
	"app_id": ignore, "instance": ignore, "type": ignore, "ver": ignore, "caller": ignore,
}

// Parse reads one line.
func Parse(line []byte) Record {
	line = bytes.TrimSpace(line)
	record := Record{Level: Unknown, Message: string(line)}
	if len(line) == 0 || line[0] != '{' {
		return record
	}
	pairs, ok := object(line)
	if !ok {
		return record
	}
	parsed := Record{Level: Unknown}
	for _, pair := range pairs {
		set, known := keysOf[pair.key]
		if !known {
			set = addField
		}
		set(&parsed, pair.key, pair.value)
	}
	return parsed
}

type pair struct {
	key   string
	value any // string, or json.RawMessage for everything else
}

// object reads a JSON object in the order in which it was written.
func object(line []byte) ([]pair, bool) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	var pairs []pair
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return nil, false
		}
		pairs = append(pairs, pair{key: key.(string), value: simple(raw)})
	}
	_, err := decoder.Token()
	return pairs, err == nil
}

func simple(raw json.RawMessage) any {
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return text
	}
	return raw
}

func setTime(r *Record, _ string, value any) {
	switch v := value.(type) {
	case string:
		r.Time = parseTime(v)
	case json.RawMessage:
		if seconds, err := strconv.ParseFloat(string(v), 64); err == nil {
			whole, part := math.Modf(seconds)
			r.Time = time.Unix(int64(whole), int64(part*1e9))
		}
	}
}

// parseTime knows RFC 3339 (Dapr) and zap's ISO 8601, which has no colon in the zone.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

func setLevel(r *Record, key string, value any) {
	name, _ := value.(string)
	level, known := levelNames[strings.ToLower(name)]
	if !known {
		addField(r, key, value)
		return
	}
	r.Level = level
}

func setMessage(r *Record, _ string, value any) { r.Message = text(value) }

func ignore(*Record, string, any) {}

func addField(r *Record, key string, value any) {
	shown := text(value)
	if _, isString := value.(string); isString {
		shown = quoted(shown)
	}
	r.Fields = append(r.Fields, Field{Key: key, Value: shown})
}

func text(value any) string {
	if raw, isRaw := value.(json.RawMessage); isRaw {
		return string(raw)
	}
	return value.(string)
}

// quoted puts a value in quotes when it could not be told from its neighbours.
func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " =\"\t\n\r") {
		return strconv.Quote(value)
	}
	return value
}

// printable makes control characters visible: what a log says can come from
// outside, and must not move the cursor or recolour the screen.
func printable(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var safe strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' {
			safe.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		safe.WriteRune(r)
	}
	return safe.String()
}
