// Command standin is a test server that speaks MongoDB's wire protocol. It
// keeps everything in memory (with -data also in a file), prints its URI as its first line when it is
// ready, and ends on SIGTERM, on an interrupt, or when its standard input
// closes, so that it never outlives the test that started it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/tillroll/tillroll/test/standin/internal/server"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	auth := flag.Bool("auth", false, "demand authentication (SCRAM-SHA-256); the first user can be made without")
	data := flag.String("data", "", "keep everything in this file, and begin with what is there; it survives kill -9, not the machine")
	guise := flag.String("guise", "", "say in hello to be something that clients refuse: secondary, standalone, old (MongoDB 4.4)")
	flag.Parse()
	log.SetPrefix("standin: ")
	log.SetFlags(0)
	if err := run(*port, *auth, server.Guise(*guise), *data); err != nil {
		log.Fatal(err)
	}
}

func run(port int, auth bool, guise server.Guise, data string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	address := listener.Addr().String()
	served, err := server.New(address, auth, guise, data)
	if err != nil {
		return err
	}
	if _, err := fmt.Printf("mongodb://%s/?replicaSet=%s\n", address, server.ReplicaSet); err != nil {
		return err
	}
	return served.Serve(ctx, listener)
}
