package lawtest

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Result is what became of one law.
type Result struct {
	Port    string  `json:"port"`
	Law     string  `json:"law"`
	Result  string  `json:"result"` // ok, FAIL or skipped
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds"`
}

// What a Result may be.
const (
	OK      = "ok"
	Failed  = "FAIL"
	Skipped = "skipped"
)

// maxReason is how much of a failure's output a Result keeps, in bytes.
const maxReason = 16 << 10

var (
	verdict = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$`)
	running = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S*)$`)
	place   = regexp.MustCompile(`^\s*[a-z_]+\.go:\d+: `)
)

// readResults turns the output of package testing (-test.v=test2json) into
// results, one a law, in their order; each is handed to report as it comes. What
// ran when the output ends failed, with all that was printed.
func readResults(r io.Reader, port string, report func(Result)) {
	said := map[string]*strings.Builder{}
	now, open := "", []string(nil)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// The mark 0x16 tells testing's own lines from what a test prints.
		line, own := strings.CutPrefix(lines.Text(), "\x16")
		if m := running.FindStringSubmatch(line); own && m != nil {
			now = m[1]
			if law, ok := lawOf(port, now); ok && said[law] == nil {
				said[law] = new(strings.Builder)
				open = append(open, law)
			}
			continue
		}
		if m := verdict.FindStringSubmatch(line); own && m != nil {
			if law, ok := lawOf(port, m[2]); ok && m[2] == port+"/"+law {
				report(result(port, law, m[1], m[3], said[law].String()))
				open = without(open, law)
			}
			continue
		}
		law, ok := lawOf(port, now)
		if !ok && len(open) > 0 {
			law, ok = open[len(open)-1], true
		}
		if ok && said[law] != nil && said[law].Len() < maxReason {
			said[law].WriteString(line + "\n")
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line too long must not stop the child
	for _, law := range open {
		report(result(port, law, "FAIL", "0", said[law].String()+"the test process ended"))
	}
}

// lawOf is the law a test belongs to: "meta/Bodies/large" is of Bodies.
func lawOf(port, test string) (string, bool) {
	rest, ok := strings.CutPrefix(test, port+"/")
	law, _, _ := strings.Cut(rest, "/")
	return law, ok && law != ""
}

func without(all []string, one string) (rest []string) {
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

func result(port, law, verdict, seconds, said string) Result {
	r := Result{Port: port, Law: law, Result: map[string]string{"PASS": OK, "FAIL": Failed, "SKIP": Skipped}[verdict]}
	r.Seconds, _ = strconv.ParseFloat(seconds, 64)
	if r.Result == OK {
		return r
	}
	var reason []string
	for _, line := range strings.Split(said, "\n") {
		if r.Result == Skipped {
			line = place.ReplaceAllString(line, "")
		}
		if line = strings.TrimSpace(line); line != "" {
			reason = append(reason, line)
		}
	}
	r.Reason = strings.Join(reason, "\n")
	return r
}
