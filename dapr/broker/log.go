package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// logTime is the ISO 8601 form that the services write too.
const logTime = "2006-01-02T15:04:05.000Z0700"

// newLogger writes one JSON object a line with the keys of the services' logs:
// ts, level, logger, msg.
func newLogger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey:
			return slog.String("ts", a.Value.Time().UTC().Format(logTime))
		case slog.LevelKey:
			return slog.String("level", strings.ToLower(a.Value.String()))
		}
		return a
	}}
	return slog.New(slog.NewJSONHandler(w, options)).With(slog.String("logger", "broker"))
}

// serverLog gives the server's own lines to our log. The server reports what it
// cannot run without through Fatalf and expects it to end the process; here it
// is handed to run, which stops in order and says why.
type serverLog struct {
	log   *slog.Logger
	fatal chan error
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan error, 1)}
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Info(line(format, v)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warn(line(format, v)) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Error(line(format, v)) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log.Debug(line(format, v)) }
func (l *serverLog) Tracef(format string, v ...any)  { l.log.Debug(line(format, v)) }

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default: // the first one is the cause
	}
}

// line drops the indentation with which the server lays out its start banner.
func line(format string, v []any) string { return strings.TrimSpace(fmt.Sprintf(format, v...)) }
