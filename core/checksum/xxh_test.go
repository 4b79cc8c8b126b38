package checksum

import (
	"encoding/hex"
	"testing"
)

// Sums that the reference implementation gives for pattern(length).
func TestXXHashReference(t *testing.T) {
	for _, c := range []struct {
		length              int
		xxh64, xxh3, xxh128 string
	}{
		{1, "4fce394cc88952d8", "dd02fbe6d2c66464", "80a904279c75ba2add02fbe6d2c66464"},
		{3, "8d69f04e870e5ee1", "9ca83814f1492a1e", "9b2a3dc73707765d9ca83814f1492a1e"},
		{4, "24c055fd1d1dfb4d", "60d3d884e26757dc", "34ab6f2605f7a2152f388b4ca214d33a"},
		{8, "53e3bb3bf8ce7322", "dff82c39df3fbe0d", "5b8b306e3d4f5af816365d8c53d1bcee"},
		{9, "93c97ff67c988661", "28e9ae86a24b26d2", "f530fd8861a1d9988e193a4f37e9f02a"},
		{16, "d4302404f87f7de5", "ac1d739d55e21e2b", "078295b5c60793c386986d16e9c3a5ef"},
		{17, "a566680dbed2bce8", "2f3499fe7849da47", "35cde4e0809c998d2b261b15a7744336"},
		{128, "6e8831fced41efe6", "cd6950f3c9455880", "1d5ac8653465a774f7bf5815c1f3c0d9"},
		{129, "848de7b15fb212e6", "8e09268f8ecd8d51", "88c54d8968bf1b8dd43378c1c477bf11"},
		{240, "3ed067248c3ac3d9", "b7b2cf0586e3437b", "99219dd44546f54c29d62abeb41381be"},
		{241, "7cf7e0843e1be73e", "d1d41359603e6e53", "a033f3c5edf6860ad1d41359603e6e53"},
		{1024, "9cc836547207b5b3", "c91658d706449db0", "e1c85e5ac822d7b6c91658d706449db0"},
		{1025, "ac0a74726300200c", "1d1628fc4e6cba7e", "b61605a24bf5b7cc1d1628fc4e6cba7e"},
		{2049, "562db8080f55f750", "6b84e4a56a80a369", "4b19e8b6669b3e5a6b84e4a56a80a369"},
	} {
		data := pattern(c.length)
		for name, want := range map[string]string{"XXHASH64": c.xxh64, "XXHASH3": c.xxh3, "XXHASH128": c.xxh128} {
			if got := hex.EncodeToString(sum(New(name), data)); got != want {
				t.Errorf("%s of %d bytes: %s, want %s", name, c.length, got, want)
			}
		}
	}
}

// XXH64 over the sums of every length from 0 to 4200, again against the
// reference implementation: no length class, block or stripe edge is left out.
func TestXXHashEveryLength(t *testing.T) {
	data := pattern(4200)
	for name, want := range map[string]string{
		"XXHASH64": "e88de645a8817190", "XXHASH3": "21b0fd74fcb0f81c", "XXHASH128": "6956788abc46a35f",
	} {
		all := newXXH64()
		for n := range len(data) + 1 {
			all.Write(sum(New(name), data[:n]))
		}
		if got := hex.EncodeToString(all.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
