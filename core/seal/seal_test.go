package seal

import (
	"bytes"
	"errors"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func box(t *testing.T, keys ...[]byte) *Box {
	t.Helper()
	b, err := New(keys[0], keys[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealOpens(t *testing.T) {
	b := box(t, key(1))
	for _, secret := range []string{"", "s", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"} {
		sealed := b.Seal([]byte(secret), []byte("AKID"))
		if len(secret) > 8 && bytes.Contains(sealed, []byte(secret)) { // a byte may be there by chance
			t.Fatalf("%q is visible in the sealed bytes", secret)
		}
		got, err := b.Open(sealed, []byte("AKID"))
		if err != nil || string(got) != secret {
			t.Fatalf("Open = %q, %v; want %q", got, err, secret)
		}
		if bytes.Equal(sealed, b.Seal([]byte(secret), []byte("AKID"))) {
			t.Fatal("sealing twice gave the same bytes")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	b := box(t, key(1))
	sealed := b.Seal([]byte("secret"), []byte("AKID"))
	if _, err := b.Open(sealed, []byte("OTHER")); !errors.Is(err, ErrDamaged) {
		t.Errorf("other additional data: %v", err)
	}
	for n := range sealed {
		if _, err := b.Open(sealed[:n], []byte("AKID")); err == nil {
			t.Errorf("opened when cut to %d bytes", n)
		}
		bad := bytes.Clone(sealed)
		bad[n] ^= 1
		if _, err := b.Open(bad, []byte("AKID")); err == nil {
			t.Errorf("opened with byte %d changed", n)
		}
	}
	if _, err := box(t, key(2)).Open(sealed, []byte("AKID")); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("other site key: %v", err)
	}
}

func TestTwoSiteKeys(t *testing.T) {
	old := box(t, key(1)).Seal([]byte("secret"), nil)
	b := box(t, key(2), key(1))
	if got, err := b.Open(old, nil); err != nil || string(got) != "secret" {
		t.Fatalf("Open under the older key = %q, %v", got, err)
	}
	if b.Current(old) {
		t.Error("sealed under the older key, yet Current")
	}
	anew := b.Seal([]byte("secret"), nil)
	if !b.Current(anew) {
		t.Error("sealed just now, yet not Current")
	}
	if _, err := box(t, key(1)).Open(anew, nil); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the older key alone: %v", err)
	}
}

func TestNewRefusesKeys(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := New(make([]byte, n)); err == nil {
			t.Errorf("took a key of %d bytes", n)
		}
		if _, err := New(key(1), make([]byte, n)); err == nil {
			t.Errorf("took an older key of %d bytes", n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b, err := New(key(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Seal([]byte("secret"), nil))
	f.Add([]byte{format})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		// Only bytes that Seal made may open; nothing may panic.
		if secret, err := b.Open(sealed, []byte("nobody seals with this")); err == nil {
			t.Fatalf("opened %x: %q", sealed, secret)
		}
	})
}

func TestSet(t *testing.T) {
	b := box(t, key(1))
	old := b.Seal([]byte("secret"), nil)
	if err := b.Set(key(2), key(1)); err != nil {
		t.Fatal(err)
	}
	if secret, err := b.Open(old, nil); err != nil || string(secret) != "secret" || b.Current(old) {
		t.Errorf("%q, %v, current %v", secret, err, b.Current(old))
	}
	fresh := b.Seal([]byte("secret"), nil)
	if err := b.Set(key(3)[:7]); err == nil {
		t.Error("a short key was taken")
	}
	if _, err := b.Open(fresh, nil); err != nil || !b.Current(fresh) {
		t.Errorf("after a refused key: %v", err)
	}
	if err := b.Set(key(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(old, nil); err == nil {
		t.Error("a key that was taken away opens")
	}
}
