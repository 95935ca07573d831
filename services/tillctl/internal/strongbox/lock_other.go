//go:build !unix

package strongbox

// lock does nothing here: who starts two stacks on one new data folder at the same moment may have
// to run `tillctl init` again.
func lock(string) (unlock func(), err error) { return func() {}, nil }
