package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout bounds the start. Recovering a large store takes seconds; a
// broker that needs minutes is better seen as broken.
const startTimeout = 2 * time.Minute

// run serves until the context ends. It returns nil after an orderly stop.
func run(ctx context.Context, settings settings, log *slog.Logger) error {
	options, err := serverOptions(settings)
	if err != nil {
		return err
	}
	store, err := openStore(settings.dir)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := portIsFree(settings); err != nil {
		return err
	}
	return serve(ctx, options, log)
}

func serverOptions(settings settings) (*server.Options, error) {
	options := &server.Options{
		ServerName:             "tillroll",
		Host:                   settings.addr,
		Port:                   settings.port,
		JetStream:              true,
		StoreDir:               settings.dir,
		SyncInterval:           settings.syncInterval,
		SyncAlways:             settings.syncAlways,
		DisableJetStreamBanner: true,
		NoSigs:                 true,
	}
	if settings.port == 0 {
		options.Port = server.RANDOM_PORT
	}
	if settings.insecure {
		return options, nil
	}
	users, err := readUsers(settings.usersFile)
	options.Users = users
	return options, err
}

// portIsFree asks before the store is opened, because the answer "address in
// use" is worth a sentence that says what to do.
func portIsFree(settings settings) error {
	address := net.JoinHostPort(settings.addr, strconv.Itoa(settings.port))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: stop the program that listens there, or choose another port with -port", address)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w: check -addr and -port", address, err)
	}
	return listener.Close()
}

func serve(ctx context.Context, options *server.Options, log *slog.Logger) error {
	broker, err := server.NewServer(options)
	if err != nil {
		return err
	}
	lines := newServerLog(log)
	broker.SetLogger(lines, false, false)
	broker.Start()
	defer stop(broker, log)

	if err := awaitReady(ctx, broker, lines.fatal); err != nil || ctx.Err() != nil {
		return err
	}
	log.Info("broker ready", slog.String("url", broker.ClientURL()), slog.String("dir", options.StoreDir), slog.Bool("sync_always", options.SyncAlways), slog.Int("users", len(options.Users)))
	if len(options.Users) == 0 {
		log.Warn("running without users: whoever reaches the port may do everything")
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-lines.fatal:
		return err
	}
}

// awaitReady polls, because the server can only be asked with a timeout and a
// fatal line or a signal may come in between.
func awaitReady(ctx context.Context, broker *server.Server, fatal <-chan error) error {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		select {
		case err := <-fatal:
			return err
		case <-ctx.Done():
			return nil
		default:
		}
		if broker.ReadyForConnections(50 * time.Millisecond) {
			return nil
		}
	}
	return fmt.Errorf("the broker was not ready after %s: see the lines above", startTimeout)
}

// stop closes the connections and writes the store out.
func stop(broker *server.Server, log *slog.Logger) {
	log.Info("broker stopping")
	broker.Shutdown()
	broker.WaitForShutdown()
}
