package app

import (
	"strings"
	"testing"
)

func TestParseSiteKeys(t *testing.T) {
	a, b := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	for text, want := range map[string]int{a: 1, a + "\n": 1, a + "\r\n" + b + "\n": 2, a + "," + b: 2, a + ", " + b + "\n\n": 2} {
		key, older, err := ParseSiteKeys(text)
		if err != nil || key[0] != 0x0a || len(older) != want-1 || want == 2 && older[0][0] != 0x0b {
			t.Errorf("%q: %x, %x, %v", text, key, older, err)
		}
	}
	for _, text := range []string{"", "\n", a[:62], a + "00", "zz" + a[2:], a + "," + b[:10]} {
		if _, _, err := ParseSiteKeys(text); err == nil || strings.Contains(err.Error(), "0a") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
