#!/bin/sh
# Writes the Go code of store.proto into the directory $1 (default: this one).
# Needs protoc (Debian: protobuf-compiler); the plug-ins of protoc are tools in go.mod.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
go build -o "$tools" google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
PATH="$tools:$PATH" protoc --go_out="$out" --go_opt=paths=source_relative \
  --go-grpc_out="$out" --go-grpc_opt=paths=source_relative store.proto
