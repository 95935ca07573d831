package logline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/logline"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestOneReadableLinePerRecord(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()

	for name, test := range map[string]struct{ line, want string }{
		"zap, ISO 8601": {
			`{"level":"info","ts":"2026-01-02T12:01:02.123+0000","logger":"outbox","msg":"published","event_id":"0190","count":3}`,
			`12:01:02.123 cart     INFO  published logger=outbox event_id=0190 count=3`,
		},
		"zap, seconds since 1970": {
			`{"level":"warn","ts":1767355262.5,"msg":"slow"}`,
			`12:01:02.500 cart     WARN  slow`,
		},
		"Dapr": {
			`{"app_id":"cart","instance":"host","level":"warning","msg":"app is unhealthy","scope":"dapr.runtime","time":"2026-01-02T12:01:02.123456Z","type":"log","ver":"1.18.3"}`,
			`12:01:02.123 cart     WARN  app is unhealthy scope=dapr.runtime`,
		},
		"the broker": {
			`{"ts":"2026-01-02T12:01:02.123Z","level":"error","msg":"broker stopped","logger":"broker","error":"port 4222 is in use"}`,
			`12:01:02.123 cart     ERROR broker stopped logger=broker error="port 4222 is in use"`,
		},
		"nested values stay JSON": {
			`{"level":"debug","msg":"m","a":{"b":[1,2]},"c":null,"d":""}`,
			`12:00:00.000 cart     DEBUG m a={"b":[1,2]} c=null d=""`,
		},
		"an unknown level is kept": {`{"level":"loud","msg":"m"}`, `12:00:00.000 cart           m level=loud`},
		"not JSON":                 {`panic: boom`, `12:00:00.000 cart           panic: boom`},
		"half JSON":                {`{"level":"info","msg":`, `12:00:00.000 cart           {"level":"info","msg":`},
		"control characters do not reach the screen": {
			`{"level":"info","msg":"a\u001b[2Jb","x":"\u0007"}`,
			`12:00:00.000 cart     INFO  a\x1b[2Jb x=\a`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := logline.Format{NameWidth: 8}.Line("cart", logline.Parse([]byte(test.line)), noon)
			if got != test.want {
				t.Errorf("got\n  %s\nwant\n  %s", got, test.want)
			}
		})
	}
}

func TestColoursOnlyWhenAsked(t *testing.T) {
	record := logline.Parse([]byte(`{"level":"error","msg":"m"}`))
	if plain := (logline.Format{}).Line("cart", record, noon); strings.Contains(plain, "\x1b") {
		t.Errorf("%q has colours", plain)
	}
	if coloured := (logline.Format{Colour: true}).Line("cart", record, noon); !strings.Contains(coloured, "\x1b[31mERROR\x1b[0m") {
		t.Errorf("%q has no colours", coloured)
	}
}

func TestWhatIsNotUnderstoodIsHeavierThanAnyLevel(t *testing.T) {
	if logline.Parse([]byte("goroutine 1 [running]:")).Level <= logline.Fatal {
		t.Error("a panic would be filtered out")
	}
}
