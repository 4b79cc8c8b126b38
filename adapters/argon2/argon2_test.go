package argon2

import (
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/accounts"
)

var _ accounts.Hasher = (*Hasher)(nil)

var quick = Params{Memory: 64, Time: 1, Threads: 1}

func TestHash(t *testing.T) {
	h := NewWith(quick, 2)
	one, err := h.Hash("correct horse")
	if err != nil || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s, %v", one, err)
	}
	two, err := h.Hash("correct horse")
	if err != nil || one == two {
		t.Fatal("two hashes are the same")
	}
	for password, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false, "Correct horse": false} {
		if ok, stale, err := h.Verify(one, password); ok != want || stale || err != nil {
			t.Errorf("%q: %v, %v, %v", password, ok, stale, err)
		}
	}
	stronger := NewWith(Params{Memory: 128, Time: 1, Threads: 1}, 2)
	if ok, stale, err := stronger.Verify(one, "correct horse"); !ok || !stale || err != nil {
		t.Errorf("by a stronger hasher: %v, %v, %v", ok, stale, err)
	}
}

// A hash of another implementation: the reference's test vector for argon2id,
// v=19, of "password" with "somesalt"
// (https://github.com/P-H-C/phc-winner-argon2, src/test.c).
func TestReference(t *testing.T) {
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, _, err := NewWith(quick, 1).Verify(hash, "password"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestMalformed(t *testing.T) {
	h := NewWith(quick, 1)
	good, err := h.Hash("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "x", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR", strings.Replace(good, "m=64", "m=99999999", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "v=19", "v=16", 1), good[:len(good)-30], good + "$", strings.Replace(good, "p=1", "p=0", 1),
	} {
		if ok, _, err := h.Verify(bad, "x"); ok || err == nil {
			t.Errorf("took %q", bad)
		}
	}
}

func TestAtOnce(t *testing.T) {
	h := NewWith(quick, 2)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := h.Hash("x"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(h.turns) != 0 {
		t.Error("a turn is not given back")
	}
}

func BenchmarkHash(b *testing.B) {
	h := New()
	for b.Loop() {
		if _, err := h.Hash("correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}
