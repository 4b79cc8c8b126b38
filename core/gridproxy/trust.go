package gridproxy

import "time"

// Trust is an immutable snapshot of trust anchors, revocation lists, signing
// policies, namespaces and the vomsdir. Any number of goroutines may use it.
type Trust struct {
	loaded   time.Time
	problems []Problem
}

// Problem is a file that could not be used; the rest of the directory is.
type Problem struct {
	File string
	Err  error
}
