// Package storewrap holds decorators of the metadata port: Retry, which rides
// out short outages, and Fault, with which tests make a store fail.
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
)
