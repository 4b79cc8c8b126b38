//go:build race

package cli_test

// withRace: the command under test is built with the race detector, as the test is.
const withRace = true
