// Package archivetest is the contract of the port to where segments are kept, which every implementation
// runs, and logs to make segments of.
package archivetest
