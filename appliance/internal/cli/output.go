package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/mucura/mucura/core/client"
)

// printer writes what a command has to say: lines for people, or one JSON
// object a line. It may be used by several goroutines.
type printer struct {
	app *app
	mu  sync.Mutex
}

func newPrinter(a *app) *printer { return &printer{app: a} }

// put prints a result: record with --json, otherwise the line.
func (p *printer) put(record any, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.app.json {
		p.record(record)
		return
	}
	p.text(fmt.Sprintf(format, args...) + "\n")
}

// did prints what was done, unless --quiet. Lines of results asked for (ls,
// stat) are no such thing.
func (p *printer) did(record any, format string, args ...any) {
	if p.app.quiet && !p.app.json {
		return
	}
	p.put(record, format, args...)
}

func (p *printer) record(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b, _ = json.Marshal(failureRecord{Type: "error", Exit: 1, Message: err.Error()})
	}
	p.text(string(b) + "\n")
}

// text writes to standard output, with progress bars out of the way.
func (p *printer) text(s string) { p.app.aside(func() { fmt.Fprint(p.app.stdout, s) }) }

// note tells a person something on standard error, unless --quiet.
func (p *printer) note(format string, args ...any) {
	if p.app.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.app.aside(func() { fmt.Fprintf(p.app.stderr, "mucura: "+format+"\n", args...) })
}

// failureRecord is an error with --json.
type failureRecord struct {
	Type    string `json:"type"` // "error"
	Exit    int    `json:"exit"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

// failure tells an error: on standard error, and with --json also as a record.
func (p *printer) failure(target string, err error, kind client.Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	message := err.Error()
	if kind == client.Usage {
		message = strings.Join(strings.Fields(message), " ") // cobra's has line breaks
	}
	if kind == client.Interrupted {
		why := "interrupted"
		if target != "" { // of a command that moves files
			why += "; the same command again goes on from here"
		}
		message = strings.ReplaceAll(message, context.Canceled.Error(), why)
	}
	message = clean(message)
	p.app.aside(func() {
		if target != "" && !strings.Contains(message, clean(target)) {
			fmt.Fprintf(p.app.stderr, "mucura: %s: %s\n", clean(target), message)
		} else {
			fmt.Fprintf(p.app.stderr, "mucura: %s\n", message)
		}
	})
	if p.app.json {
		r := failureRecord{Type: "error", Exit: int(kind), Message: err.Error(), Target: target}
		var e *client.Error
		if errors.As(err, &e) {
			r.Code = e.Code
		}
		p.record(r)
	}
}

// clean makes a name fit for a terminal: what is not printable is written as
// Go writes it in strings, so that no key can move the cursor or change colours.
func clean(s string) string {
	if strings.IndexFunc(s, unfit) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\n':
			b.WriteString(`\n`)
		case unfit(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// unfit runes do not show as themselves: controls, and marks that change the
// direction of what follows.
func unfit(r rune) bool {
	return !unicode.IsPrint(r) && r != ' ' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
