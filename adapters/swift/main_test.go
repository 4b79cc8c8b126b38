package swift

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/swift/swifttest"
)

// stack is the Swift all tests of this package share; its listings have pages
// of seven lines.
var stack = swifttest.Shared{Options: swifttest.Options{ListingLimit: 7}}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stack.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

var prefixNumber atomic.Int64

// newPrefix begins the names of containers nobody else uses.
func newPrefix() string { return fmt.Sprintf("t%d", prefixNumber.Add(1)) }

// small makes every path of the adapter cheap to reach: contents of more than
// 64 KiB have segments, and every walk has many pages.
func small(prefix string) Options {
	return Options{
		Prefix: prefix, Containers: 5, SegmentBytes: 64 << 10, BufferBytes: 8 << 20,
		Timeout: 30 * time.Second, RetryFor: time.Minute,
		Getenv: func(string) string { return "" },
	}
}

// open opens a store at url for the time of the test.
func open(t testing.TB, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// noSecret fails when the text holds the key.
func noSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, swifttest.Key) {
		t.Errorf("the key is shown: %s", text)
	}
}
