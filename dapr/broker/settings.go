package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// defaultSyncInterval bounds what a power cut can take: messages that the
// operating system had not yet written. Tillroll publishes an event again until
// the journal has reported it, so this costs time and no sale; -sync-always
// closes the gap for about half the throughput.
const defaultSyncInterval = time.Second

// settings is what the command line says.
type settings struct {
	addr         string
	port         int
	dir          string
	usersFile    string
	insecure     bool
	syncInterval time.Duration
	syncAlways   bool
}

func parseFlags(args []string, usage io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.StringVar(&s.addr, "addr", "127.0.0.1", "address to listen on")
	flags.IntVar(&s.port, "port", 4222, "port to listen on; 0 takes a free one and logs it")
	flags.StringVar(&s.dir, "dir", "", "folder of the message store, made when missing (required)")
	flags.StringVar(&s.usersFile, "users", "", `JSON file {"users":[{"user":"cart","password":"…","publish":["topic-tranlog"],"subscribe":[]}]}; without a list a user may use every topic`)
	flags.BoolVar(&s.insecure, "insecure", false, "run without -users: whoever reaches the port may do everything")
	flags.DurationVar(&s.syncInterval, "sync-interval", defaultSyncInterval, "how often the store is synced to disk")
	flags.BoolVar(&s.syncAlways, "sync-always", false, "sync every message before it is acknowledged")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q: the broker takes flags only, see -help", flags.Arg(0))
	}
	return s, s.validate()
}

// validate refuses what would otherwise be guessed, above all who may come in.
func (s settings) validate() error {
	switch {
	case s.dir == "":
		return errors.New("-dir is missing: give the folder in which the broker keeps its messages")
	case s.port < 0 || s.port > 65535:
		return fmt.Errorf("-port %d is no port: use 0 to 65535", s.port)
	case s.syncInterval <= 0:
		return fmt.Errorf("-sync-interval %s is too short: use 1s, or -sync-always to sync every message", s.syncInterval)
	case s.usersFile == "" && !s.insecure:
		return errors.New("-users is missing: give the file of users and passwords, or -insecure to let everybody in")
	case s.usersFile != "" && s.insecure:
		return errors.New("-users and -insecure contradict each other: drop one")
	}
	return nil
}
