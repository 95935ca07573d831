//go:build !unix

package main

import "os"

// lock does nothing where there is no flock: there the port is the only guard
// against a second broker on the same store.
func lock(*os.File) error { return nil }
