# make run    starts a repository on SQLite and the local disk
# make test   runs every test; those that want a server (Redis, Swift, sshd, grid
#             tools) install it where MUCURA_TEST_INSTALL=1 and root allow, else say SKIP
GO      ?= go
DATA    ?= $(CURDIR)/data
LDFLAGS ?= -s -w -X main.release=$(shell git describe --tags --always --dirty 2>/dev/null)

# SQLite syncs by fsync unless told that fdatasync works; it does on Linux. fsync also
# writes the time of change, a commit of the file system's journal for each of ours.
export CGO_CFLAGS ?= -O2 -g -DHAVE_FDATASYNC=1

# Without this tag gRPC brings its debugging pages, 2.4 MB of binary.
TAGS    ?= grpcnotrace

.PHONY: build run test lint bench interop torture soak proto man clean

build: bin/mucurad bin/mucura

bin/mucurad: FORCE
	@mkdir -p bin
	CGO_ENABLED=1 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $@ ./appliance/cmd/mucurad

# One static file, for machines that have nothing else.
bin/mucura: FORCE
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./appliance/cmd/mucura

# What looks after the machine that the appliance's image runs on; static, too.
bin/mucurad-appliance: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./appliance/cmd/mucurad-appliance

FORCE:

# The data stay in ./data; MUCURA_… variables are passed on. STACK=swift+redis (or
# riak+swift, with a stand-in for Riak) starts those stores on loopback and serves
# on them; then nothing stays.
run: build
ifdef STACK
	@$(GO) run ./appliance/internal/stack with $(STACK) bin/mucurad serve --show-root-key
else
	@MUCURA_DATA="$${MUCURA_DATA:-$(DATA)}" bin/mucurad serve --show-root-key
endif

test: build
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout 20m ./...

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt would change the files above"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# Real clients (aws, boto3, s3cmd, rclone, restic, s3fs, davix, gfal2, duplicity,
# Go and JavaScript SDKs) over HTTP and HTTPS. CLIENTS="rclone restic" picks some.
interop: build
	appliance/interop/run.sh $(CLIENTS)

# 200 kills while clients write; longer histories for the linearizability check.
torture: build
	MUCURA_TEST_BINARY=$(CURDIR)/bin/mucurad MUCURA_TEST_CYCLES=200 MUCURA_TEST_OPS=600 MUCURA_TEST_RUBBISH=20000 $(GO) test -timeout 60m -v ./appliance/torture

# Half an hour of every operation from 64 clients, then a look for leaks.
soak: build
	MUCURA_TEST_BINARY=$(CURDIR)/bin/mucurad MUCURA_TEST_SOAK=30m $(GO) test -timeout 60m -v -run Soak ./appliance/torture

# Server CPU per operation, beside other servers where their binaries are found.
bench: build
	$(GO) run ./appliance/internal/bench -mucurad bin/mucurad $(BENCHFLAGS)
	$(GO) run ./functions/internal/bench

# Writes the Go code of the plug-in protocol anew; a test notices when it is old.
proto:
	adapters/plugin/storepb/generate.sh

# The functions of large sites: a zip each for AWS Lambda, and an OCI image layout
# for platforms that run containers (out/functions/image).
functions:
	$(GO) run ./functions/internal/build -out out/functions -release "$(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)"

# Gateway, credentials, registration and sweep over a Redis and a Swift on this
# machine, behind a stand-in for Lambda; real clients use them (-once: then it ends).
functions-demo:
	$(GO) run ./functions/internal/demo $(DEMOFLAGS)

# Ten minutes each of functions killed and frozen under load, every client through
# every door, and the S3 front's whole suite against the gateway as a container.
functions-torture:
	MUCURA_TEST_FUNCTIONS_TIME=10m MUCURA_TEST_FUNCTIONS_CLIENTS=all MUCURA_TEST_FUNCTIONS_S3=all $(GO) test -timeout 120m -v ./functions/torture

.PHONY: functions functions-demo functions-torture

# Man pages of mucura, in out/man.
man: bin/mucura
	rm -rf out/man
	bin/mucura manual man out/man

clean:
	rm -rf bin out

# A Redis (STACKFLAGS=-sentinel or -cluster) on loopback; prints the settings to use.
.PHONY: stack-redis
stack-redis:
	@$(GO) run ./appliance/internal/stack redis $(STACKFLAGS)

# A one-node Swift (STACKFLAGS=-keystone) on loopback; prints the settings to use.
.PHONY: stack-swift
stack-swift:
	@$(GO) run ./appliance/internal/stack swift $(STACKFLAGS)

# Terraform over every module and example: fmt, init, validate, test; with the real
# providers where their registry can be reached, else with recorded schemas.
# MUCURA_TEST_MUTATIONS=1 also breaks every rule to see that a test notices.
.PHONY: terraform-test
terraform-test:
	MUCURA_TEST_TERRAFORM=1 MUCURA_TEST_PROVIDERS=$${MUCURA_TEST_PROVIDERS:-auto} $(GO) test -count=1 -timeout 30m -v ./terraform/...

# The appliance's images, in out/appliance: ISO, qcow2 (RAW=1: raw), update bundle, SBOM.
# Needs root on Debian; installs its own tools through apt.
.PHONY: appliance appliance-test packer-validate packer-build
appliance: build bin/mucurad-appliance
	RAW=$(RAW) appliance/image/build.sh

# Boots what "make appliance" made (RUN=Container: only what needs no emulator).
appliance-test:
	MUCURA_TEST_INSTALL=1 MUCURA_TEST_IMAGE=$(CURDIR)/out/appliance $(GO) test -v -count 1 -timeout 300m -run '$(or $(RUN),.)' ./appliance/boottest

packer-validate:
	packer/packer.sh validate

# A qcow2 made by installing the ISO in a virtual machine, in out/packer.
packer-build:
	packer/packer.sh build
