package sqlitestore

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// noTest stands in for a test in a process that is not one.
type noTest struct{}

func (noTest) Helper()                  {}
func (noTest) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }
func (noTest) Context() context.Context { return context.Background() }

var nop = zap.NewNop()

func newRegistry() prometheus.Registerer { return prometheus.NewRegistry() }
