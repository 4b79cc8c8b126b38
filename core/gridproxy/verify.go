package gridproxy

import "time"

// Verify judges a chain, leaf first, DER. The error is a *[Refusal].
func Verify(chain [][]byte, at time.Time, trust *Trust, o Options) (*Result, error) {
	return nil, &Refusal{Code: CodeNoTrust, Detail: "not there yet"}
}
