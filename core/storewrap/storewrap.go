// Package storewrap holds decorators of both ports: Retry and RetryContent,
// which ride out short outages; Guard, which limits, measures, spares a store
// that is down, and refuses writes in maintenance; and Fault, with which tests
// make a store fail.
package storewrap

// Op names a method of a store.
type Op string

// The methods of a metadata store.
const (
	Get    Op = "get"
	Put    Op = "put"
	Delete Op = "delete"
	Scan   Op = "scan"
	Batch  Op = "batch"
	Ping   Op = "ping"
	// Those of a content store that have no namesake.
	Create Op = "create" // until Commit
	Open   Op = "open"
	Walk   Op = "walk"
)
