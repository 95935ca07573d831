// Package cli holds no code: its module pins the version of the Dapr CLI (a tool in go.mod), which
// ./build builds. It is a module of its own because the CLI needs an older Dapr than the sidecar is.
package cli
