// Command lint checks the Dapr files of this repository: components, subscriptions, resiliency,
// configurations and run files. Dapr ignores what it does not know and opens what is not scoped, mostly
// without a word; what that would cost, this program says with file, line and what to do.
//
//	lint [-root DIR]
//
// It exits with 1 when it found something. README.md lists the rules.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	findings, err := Check(*root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}
