// Package setup is the set-up page of a fresh appliance. Only who holds the
// one-time code, which the console shows, gets past its first form.
package setup

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/appliance/internal/host"
)

// codeLen is the number of letters of a code, each of 5 random bits.
const codeLen = 12

// alphabet is Crockford's: nothing that people confuse.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Code gives the code of this boot, made when there is none, as XXXX-XXXX-XXXX.
// It lies in memory only, readable by root.
func Code(h *host.Host) (string, error) {
	code, err := readCode(h)
	if !errors.Is(err, fs.ErrNotExist) {
		return code, err
	}
	b := make([]byte, codeLen)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	code = string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:])
	err = h.CreateFile(host.CodeFile, []byte(code+"\n"), 0o600)
	if errors.Is(err, fs.ErrExist) { // the console was first
		return readCode(h)
	}
	return code, err
}

func readCode(h *host.Host) (string, error) {
	b, err := h.ReadFile(host.CodeFile)
	code := strings.TrimSpace(string(b))
	if err == nil && len(normal(code)) != codeLen {
		err = errors.New("the file with the set-up code is damaged")
	}
	return code, err
}

// normal is a code as it is compared: people leave hyphens out, and read 0 as O.
func normal(code string) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
}

// same compares in constant time.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// limiter bounds guesses: a few at once from one address and then ever fewer,
// and perSecond from all addresses together, so that many addresses gain little
// and nobody locks others out. A code of 60 bits stands that for ever.
type limiter struct {
	Now func() time.Time

	mu      sync.Mutex
	seen    map[netip.Prefix]*guesses
	tokens  float64
	counted time.Time
}

type guesses struct {
	wrong int
	until time.Time // no further guess before
}

const (
	freeGuesses = 5
	longestWait = 5 * time.Minute
	perSecond   = 5.0
	burst       = 50.0
	maxSeen     = 4096
)

// network is what counts as one address: a household has a /64 of IPv6.
func network(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	a := ap.Addr().Unmap()
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// wait gives how long remote has to wait before its next guess; 0 takes one.
func (l *limiter) wait(remote string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	if g := l.seen[network(remote)]; g != nil && now.Before(g.until) {
		return g.until.Sub(now)
	}
	if l.counted.IsZero() {
		l.tokens = burst
	} else {
		l.tokens = min(burst, l.tokens+now.Sub(l.counted).Seconds()*perSecond)
	}
	l.counted = now
	if l.tokens < 1 {
		return time.Second
	}
	l.tokens--
	return 0
}

// failed notes a wrong guess.
func (l *limiter) failed(remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := network(remote)
	g := l.seen[n]
	if g == nil {
		if l.seen == nil || len(l.seen) >= maxSeen {
			l.seen = map[netip.Prefix]*guesses{} // the bound on all together holds
		}
		g = new(guesses)
		l.seen[n] = g
	}
	g.wrong++
	if over := g.wrong - freeGuesses; over >= 0 {
		g.until = l.Now().Add(min(longestWait, time.Second<<min(over, 20)))
	}
}
