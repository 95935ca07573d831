module github.com/tillroll/tillroll/dapr/runner

go 1.25.0

require (
	golang.org/x/term v0.45.0
	gopkg.in/yaml.v3 v3.0.1
)

require golang.org/x/sys v0.47.0 // indirect
