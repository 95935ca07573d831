// Package service is what every service's main has in common: configuration, logs, traces, metrics,
// the sidecar's client, health routes, background parts and the ordered stop.
//
// Main wires and runs. The order of a start is: configuration, sidecar, wiring, background parts,
// listening. The order of a stop, on SIGTERM or SIGINT: not ready any more, no new connections,
// requests under way finish (at most StopGrace), background parts end, closers run last first. A
// second signal kills.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

// Service is one running service. Wiring adds routes to Engine and parts with Go.
type Service struct {
	Name     string
	Settings Settings
	Log      *zap.Logger
	Metrics  *prometheus.Registry
	Engine   *gin.Engine
	Dapr     dapr.Client

	checks   []check
	parts    []part
	closers  []func() error
	stopping atomic.Bool
}

type check struct {
	name string
	fn   func(context.Context) error
}

type part struct {
	name string
	run  func(context.Context) error
}

// Main runs the service named name until a signal and exits the process. cfg embeds Settings, which
// settings returns; wire builds the service on s.
func Main(name string, cfg Checker, settings *Settings, wire func(ctx context.Context, s *Service) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // from here on a second signal kills
	if err := run(ctx, name, cfg, settings, wire); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, cfg Checker, settings *Settings, wire func(context.Context, *Service) error) error {
	if err := Load(cfg); err != nil {
		return err
	}
	log, err := newLogger(name, settings.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	stopTracing, err := startTracing(ctx, name, settings.TraceEndpoint)
	if err != nil {
		return err
	}
	s := &Service{Name: name, Settings: *settings, Log: log, Metrics: prometheus.NewRegistry()}
	s.OnStop(stopTracing)
	s.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.Engine = web.New(name, log, s.Metrics)
	if len(settings.CORSOrigins) > 0 {
		s.Engine.Use(web.CORS(settings.CORSOrigins))
	}
	s.healthRoutes()
	if err := s.connect(ctx); err != nil {
		return errors.Join(err, s.close())
	}
	if err := wire(ctx, s); err != nil {
		return errors.Join(err, s.close())
	}
	return errors.Join(s.serve(ctx), s.close())
}

// Go adds a background part. It runs from before the service listens until its ctx ends, which is
// after the last request; an error of it stops the service.
func (s *Service) Go(name string, run func(ctx context.Context) error) {
	s.parts = append(s.parts, part{name, run})
}

// Ready adds a condition of /readyz.
func (s *Service) Ready(name string, fn func(ctx context.Context) error) {
	s.checks = append(s.checks, check{name, fn})
}

// OnStop adds what is closed at the very end, last added first.
func (s *Service) OnStop(fn func() error) { s.closers = append(s.closers, fn) }

// connect waits for the sidecar, whose components the wiring needs.
func (s *Service) connect(ctx context.Context) error {
	s.Ready("sidecar", s.SidecarAnswers)
	if err := s.awaitSidecar(ctx); err != nil {
		return err
	}
	dapr.SetLogger(nil) // it prints plain text between our JSON lines
	client, err := dapr.NewClientWithAddressContext(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Settings.DaprGRPCPort)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second, Backoff: backoff.Config{
			BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: time.Second}}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxSidecarMessage), grpc.MaxCallSendMsgSize(maxSidecarMessage)))
	if err != nil {
		return fmt.Errorf("no client for the sidecar: %w", err)
	}
	s.Dapr = client
	s.OnStop(func() error { client.Close(); return nil })
	return nil
}

func (s *Service) awaitSidecar(ctx context.Context) error {
	for waiting := false; ; waiting = true {
		err := s.SidecarAnswers(ctx)
		if err == nil {
			return nil
		}
		if !waiting {
			s.Log.Info("waiting for the sidecar", zap.Int("dapr_http_port", s.Settings.DaprHTTPPort))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped while waiting for the sidecar: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// maxSidecarMessage holds a full relay batch of large events.
const maxSidecarMessage = 256 << 20

var probeClient = &http.Client{Timeout: 2 * time.Second}

// SidecarAnswers asks for outbound health: the sidecar's components work, whatever it thinks of us.
func (s *Service) SidecarAnswers(ctx context.Context) error {
	url := fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz/outbound", s.Settings.DaprHTTPPort)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := probeClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the sidecar says %s", res.Status)
	}
	return nil
}

func (s *Service) healthRoutes() {
	s.Engine.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, Health{"alive", s.Name}) })
	s.Engine.GET("/readyz", s.readyz)
	s.Engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{})))
}

// readyTimeout is shorter than the two seconds that a sidecar waits for the answer.
const readyTimeout = 1500 * time.Millisecond

// readyz is 200 when everything that the service needs answers. It is Dapr's app health check too:
// while it is not 200 the sidecar delivers nothing.
func (s *Service) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	// All at once: what hangs must not use up the time of the others and make them look away, too.
	errs := make([]error, len(s.checks))
	var asked sync.WaitGroup
	for i, ch := range s.checks {
		asked.Go(func() { errs[i] = ch.fn(ctx) })
	}
	asked.Wait()
	status, checks := http.StatusOK, map[string]string{}
	if s.stopping.Load() {
		status, checks["stopping"] = http.StatusServiceUnavailable, "the service is stopping"
	}
	for i, ch := range s.checks {
		checks[ch.name] = "ok"
		if errs[i] != nil {
			status, checks[ch.name] = http.StatusServiceUnavailable, problem.Unavailable.Title
			s.Log.Debug("not ready", zap.String("check", ch.name), zap.Error(errs[i]))
		}
	}
	c.JSON(status, Readiness{status == http.StatusOK, checks})
}

func (s *Service) serve(ctx context.Context) error {
	address := net.JoinHostPort(s.Settings.Listen, strconv.Itoa(s.Settings.AppPort))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s (APP_PORT): %w", address, err)
	}
	server := &http.Server{Handler: s.Engine, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	partCtx, stopParts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopParts()
	failed := make(chan error, len(s.parts)+1)
	var parts sync.WaitGroup
	for _, p := range s.parts {
		parts.Go(func() {
			if err := p.run(partCtx); err != nil {
				failed <- fmt.Errorf("%s: %w", p.name, err)
			}
		})
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	s.Log.Info("ready", zap.String("address", address))
	select {
	case <-ctx.Done():
		s.Log.Info("stopping")
	case err = <-failed:
		s.Log.Error("stopping because of a failure", zap.Error(err))
	}
	s.stopping.Store(true)
	graceCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Settings.StopGrace)
	defer cancel()
	if shutdownErr := server.Shutdown(graceCtx); shutdownErr != nil {
		err = errors.Join(err, fmt.Errorf("requests were still under way after %s: %w", s.Settings.StopGrace, shutdownErr))
	}
	stopParts()
	parts.Wait()
	return err
}

func (s *Service) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}
