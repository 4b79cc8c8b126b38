package argon2

import (
	"strings"
	"testing"
)

func TestHashAndVerify(t *testing.T) {
	h := New()
	one, err := h.Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.Hash("correct horse")
	if one == two || strings.Contains(one, "horse") || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %q, %q", one, two)
	}
	if ok, stale, err := h.Verify(one, "correct horse"); !ok || stale || err != nil {
		t.Errorf("verify: %v %v %v", ok, stale, err)
	}
	for _, wrong := range []string{"", "correct hors", "correct horse "} {
		if ok, _, err := h.Verify(one, wrong); ok || err != nil {
			t.Errorf("%q: %v %v", wrong, ok, err)
		}
	}
	weak := &Hasher{Memory: 64, Passes: 1, at: h.at}
	old, _ := weak.Hash("correct horse")
	if ok, stale, err := h.Verify(old, "correct horse"); !ok || !stale || err != nil {
		t.Errorf("weaker hash: %v %v %v", ok, stale, err)
	}
}

// TestKnown compares with what the reference program makes:
// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
func TestKnown(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, _, err := New().Verify(hash, "password"); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestMalformed(t *testing.T) {
	good, _ := New().Hash("x")
	for _, hash := range []string{
		"", "x", good + "$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1), strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1),
		good[:len(good)-40], strings.Replace(good, "m=", "n=", 1),
	} {
		if ok, _, err := New().Verify(hash, "x"); ok || err == nil {
			t.Errorf("%q: %v %v", hash, ok, err)
		}
	}
}
