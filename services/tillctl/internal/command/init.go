package command

import (
	"fmt"

	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// initVerb completes a data folder. It runs at every start of the local stack, so it says nothing
// when there was nothing to do.
type initVerb struct{}

func (initVerb) Help() string {
	return `Makes the key that signs users' tokens, the key of the terminal service, and the tokens and passwords with which the
programs of a local stack trust each other. It only adds what is missing: nothing is ever replaced. It refuses to go
on when other users of the machine can read the files.

To change a secret, stop the stack, move the file away and run it again.

    tillctl init
    tillctl init --data /srv/shop/.tillroll

Exit code 3 says that keys or secrets are unsafe, damaged, or contradict each other.`
}

// Run the verb.
func (initVerb) Run(w World, data dataFolder) error {
	made, err := strongbox.Complete(data.path(), w.Random)
	for _, m := range made {
		fmt.Fprintln(w.Out, "made", m)
	}
	return err
}
