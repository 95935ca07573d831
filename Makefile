# Tillroll: everything a developer types. `make` alone explains.
#
# The runner (dapr/runner) does the work; the Makefile gives it short names.

.DEFAULT_GOAL := help
SHELL := bash

# Where the stack keeps its data, and what is added to every port.
DATA ?=
PORT_OFFSET ?=
# Apps that are not started, to run them under a debugger.
EXCEPT ?=
# Whose log is shown.
SERVICE ?=

DATA_FLAG := $(if $(DATA),-data '$(DATA)')
STACK_FLAGS := $(DATA_FLAG) $(if $(PORT_OFFSET),-port-offset $(PORT_OFFSET)) $(foreach app,$(EXCEPT),-except $(app))

.PHONY: help
help:
	@awk 'BEGIN { print "make TARGET [VARIABLE=VALUE]" } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^#\?/ { name = $$2; sub(/^#\? *[^ ]+ +/, ""); printf "  %-18s %s\n", name, $$0 } \
	  /^[a-z-]+:.*## / { target = $$0; sub(/:.*/, "", target); sub(/^.*## /, ""); printf "  %-18s %s\n", target, $$0 }' Makefile

##@ The local stack

.PHONY: run up down status logs demo
run: runner ## build what changed, start everything, show its log; Ctrl-C stops it in order
	@bin/runner run $(STACK_FLAGS)

up: runner ## the same in the background: returns when everything is ready
	@bin/runner up $(STACK_FLAGS)

down: runner ## stop it, from whichever terminal
	@bin/runner down $(DATA_FLAG)

status: runner ## what runs, on which ports, since when; fails unless everything is ready
	@bin/runner status $(DATA_FLAG)

logs: runner ## follow the log of everything, or of one: SERVICE=cart, SERVICE=cart.daprd
	@bin/runner logs -f $(DATA_FLAG) $(SERVICE)

.PHONY: doctor
doctor: runner ## say what is missing on this machine, and how to get it
	@if [ ! -x bin/tillctl ]; then echo "What the local stack needs (make doctor looks at more after a first make build):"; bin/runner doctor $(STACK_FLAGS); \
	  else $(if $(PORT_OFFSET),TILLROLL_PORT_OFFSET=$(PORT_OFFSET)) $(if $(DATA),TILLROLL_DATA='$(abspath $(DATA))') TILLROLL_PROFILE=local bin/tillctl doctor; fi

demo: ## play a small shop day on the running stack and audit it; starts nothing
	@test -x bin/tillctl || { echo "Start the stack first: make run, or make up"; exit 1; }
	@$(if $(DATA),TILLROLL_DATA='$(abspath $(DATA))') TILLROLL_PROFILE=local bin/tillctl demo

##@ Development

.PHONY: measure-search measure-export build test test-unit test-stack test-mongo load-mongo tamper load soak fuzz lint clean
build: runner ## only build, into bin/
	@bin/runner build

test: test-unit test-stack ## all tests: every module's own, then those of the whole stack

test-unit: ## vet and test every module by itself, with the race detector
	@.ci/test-modules

test-stack: build ## black-box tests of the whole stack (test/)
	@.ci/test-stack

test-mongo: build ## the stack tests with the journal in MongoDB: MONGODB_URI, mongod, Docker or the stand-in
	@TILLROLL_TEST_MONGODB=$${TILLROLL_TEST_MONGODB:-find} .ci/test-stack

tamper: ## change database files of the journal in 26 ways, a thousand times each, and find every change: a quarter of an hour
	@cd services/journal && GOWORK=off CGO_ENABLED=0 TAMPER=1000 go test -count=1 -timeout 2h -v -run TestWhateverIsDoneToTheFileIsFound ./internal/sqlitestore | grep -v '^=== '

load: build ## measure sales on a stack of its own: TILLS=4 SALES=50 RATE=0 VIA=sidecar
	@cd test && GOWORK=off TILLS=$(TILLS) SALES=$(SALES) RATE=$(RATE) VIA=$(VIA) go test -tags load -count=1 -v -skip TestExportMemory ./load

measure-export: build ## measure speed and memory of exports in every form: ENTRIES=100000 (1000000 takes half an hour)
	@cd test && GOWORK=off ENTRIES=$(ENTRIES) go test -tags load -count=1 -timeout 3h -v -run TestExportMemory ./load

soak: build ## deliver everything many times over crashes for MINUTES=10; MONGODB_URI for MongoDB
	@cd test && GOWORK=off MINUTES=$(MINUTES) go test -tags soak -count=1 -timeout 10h -v -run TestSoak ./integration
	@cd services/journal && GOWORK=off SOAK=1 CGO_ENABLED=0 go test -count=1 -timeout 1h -run EveryCallOfTheIngestPath ./internal/app

# Every fuzz target of every module, one after the other.
fuzz: ## look for input that breaks a decoder: FUZZTIME=10s for each of them
	@.ci/fuzz $(FUZZTIME)

load-mongo: ## measure the MongoDB store: 200 tenants on one server; commits against the bare driver
	@cd services/journal && GOWORK=off go test -tags load -count=1 -v -run TestTwoHundredTenants -bench BenchmarkCommit -benchtime 200x ./internal/mongostore

measure-search: ## measure searches in journals of 100 000 and 1 000 000 entries (SQLite): MEASURE=/tmp/tillroll-measure
	@.ci/measure-search "$(or $(MEASURE),/tmp/tillroll-measure)"

lint: ## gofmt, go vet, golangci-lint in every module, and our checker of the Dapr files
	@.ci/lint

.PHONY: dapr-cli
dapr-cli: ## build the Dapr CLI and a sidecar for it, to try `dapr run -f dapr` without `dapr init`
	@dapr/cli/build

clean: runner ## delete the data folder: every sale, key and log; asks first
	@bin/runner clean $(DATA_FLAG)

##@ Variables
#? DATA=DIR           the data folder (default .tillroll)
#? PORT_OFFSET=N      add N to every port: a second stack beside the first, with a DATA of its own
#? EXCEPT=cart        do not start this app, only its sidecar; its variables are in DATA/env/cart.env
#? TILLS=N           how many tills make load has (default 4)
#? SALES=N           how many sales each of them makes (default 50)
#? RATE=N            requests a second of all of them together (default 0: as fast as they are answered)
#? ENTRIES=N         how many entries make measure-export takes away (default 100000)
#? VIA=sidecar       they call through the sidecar of a till, not directly
#? MINUTES=N         how long make soak takes (default 10)
#? FUZZTIME=T        how long make fuzz gives every target (default 10s)
#? SERVICE=cart       whose log is shown

# The runner builds in seconds and is asked each time whether it is up to date. Its paths are trimmed as the
# runner trims those of all other programs: so they share what go compiles for the first of them.
.PHONY: runner
runner:
	@command -v go >/dev/null || { echo "go is not on PATH: install Go from https://go.dev/dl and try again"; exit 1; }
	@cd dapr/runner && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -trimpath -o ../../bin/runner .
