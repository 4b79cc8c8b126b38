package checksum

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The check values are of the CRC catalogue (https://reveng.sourceforge.io/crc-catalogue/),
// the SHA and MD5 standards, and XXHash's own test vectors.
func TestKnownValues(t *testing.T) {
	for _, c := range []struct{ algorithm, input, sum string }{
		{"CRC32", "123456789", "cbf43926"},
		{"CRC32C", "123456789", "e3069283"},
		{"CRC64NVME", "123456789", "ae8b14860a799888"},
		{"CRC32", "", "00000000"},
		{"CRC64NVME", "", "0000000000000000"},
		{"SHA1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"SHA256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"MD5", "abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"XXHASH64", "", "ef46db3751d8e999"},
		{"XXHASH64", "abc", "44bc2cf5ad770999"},
		{"XXHASH3", "", "2d06800538d394c2"},
		{"XXHASH128", "", "99aa06d3014798d86001c324468d497f"},
	} {
		h := New(c.algorithm)
		h.Write([]byte(c.input))
		if got := hex.EncodeToString(h.Sum(nil)); got != c.sum {
			t.Errorf("%s(%q) = %s, want %s", c.algorithm, c.input, got, c.sum)
		}
	}
}

// Values that S3 clients send, as their libraries computed them.
func TestBase64Values(t *testing.T) {
	for _, c := range []struct{ algorithm, input, value string }{
		{"CRC32", "abcdefg", "MSpqpg=="},
		{"CRC32C", "abcdefg", "5if0QQ=="},
		{"CRC64NVME", "abcdefg", "SmzZ/LTp1CA="},
		{"CRC64NVME", "hello world", "jSnVw/bqjr4="},
		{"SHA1", "abcdefg", "L7XhNBn8iSRoZeejJPR27GJOh0A="},
		{"SHA256", "abcdefg", "fRpUEnsiJQL1t5tfsIAwYRUqRPkrN+I8ZSe69mXU2po="},
		{"SHA512", "abcdefg", "1xakGIVptoqxtt+sF45XARTN8Oo6HMDjFIbD5BJBvGp2Qk6MN6sm8Jb8he+YhsjLY0GH9P3f9kX7CZ8f9UxrjA=="},
		{"MD5", "abcdefg", "esZsDxSN6VGbi9JkMSxNZA=="},
		{"XXHASH64", "abcdefg", "GGCUDikCgi0="},
		{"XXHASH3", "abcdefg", "WkDcP9RMBS8="},
		{"XXHASH128", "abcdefg", "Kq/YOGmlnDE/55jA7aptxg=="},
		{"XXHASH64", "the object data", "McmxUfNFLUs="},
		{"XXHASH3", "the object data", "tLh+aNltTM4="},
		{"XXHASH128", "the object data", "MXqrLVobrQkTBf82+7i9AQ=="},
		{"XXHASH64", "dummy data", "vYOmFpsGXtY="},
		{"XXHASH3", "dummy data", "9J6xx21X+f8="},
		{"XXHASH128", "dummy data", "menoCZOCZ2Acv4XMxaUR9w=="},
	} {
		h := New(c.algorithm)
		h.Write([]byte(c.input))
		if got := Encode(h.Sum(nil)); got != c.value {
			t.Errorf("%s(%q) = %s, want %s", c.algorithm, c.input, got, c.value)
		}
		if !Valid(c.algorithm, c.value) {
			t.Errorf("Valid(%s, %s) = false", c.algorithm, c.value)
		}
	}
}

func TestTable(t *testing.T) {
	for _, name := range Algorithms() {
		h := New(name)
		if h == nil || h.Size() != Size(name) || len(h.Sum(nil)) != Size(name) {
			t.Errorf("%s: size", name)
		}
		want := "x-amz-checksum-" + strings.ToLower(name)
		if HeaderName(name) != want || FromHeader(want) != name || FromHeader(strings.ToUpper(want)) != name {
			t.Errorf("%s: header %q", name, HeaderName(name))
		}
		composite, full := Types(name)
		if crc := strings.HasPrefix(name, "CRC"); full != crc || composite != (name != "CRC64NVME") {
			t.Errorf("%s: Types = %v, %v", name, composite, full)
		}
	}
	if New("crc32") != nil || Size("") != 0 || HeaderName("SHA3") != "" || FromHeader("x-amz-checksum-") != "" ||
		Known("none") || Composite("none", nil) != nil {
		t.Error("an unknown algorithm is known")
	}
	if c, f := Types("none"); c || f {
		t.Error("an unknown algorithm has types")
	}
}

func TestValidRefuses(t *testing.T) {
	for _, value := range []string{
		"", "MSpqpg=", "MSpqpg", "MSpqph==", "MSpqpg==\n", "M-pqpg==", "SmzZ/LTp1CA=", "invalid", "====", "MSpqpg===",
	} {
		if Valid("CRC32", value) {
			t.Errorf("Valid(CRC32, %q)", value)
		}
	}
	if Valid("NONE", "MSpqpg==") {
		t.Error("an unknown algorithm has valid values")
	}
}

// However the input is cut into writes, and wherever Sum is asked in between,
// the sum is the same.
func TestWritesAnyhow(t *testing.T) {
	for _, name := range Algorithms() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data := pattern(rapid.IntRange(0, 5000).Draw(t, "length"))
				want := sum(New(name), data)
				h := New(name)
				h.Write([]byte("forgotten"))
				h.Reset()
				for rest := data; len(rest) > 0; {
					n := rapid.IntRange(1, min(len(rest), 1500)).Draw(t, "write")
					h.Write(rest[:n])
					h.Sum(nil)
					rest = rest[n:]
				}
				if got := h.Sum(nil); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes: %x, want %x", len(data), got, want)
				}
			})
		})
	}
}

func TestCombine(t *testing.T) {
	for _, name := range []string{"CRC32", "CRC32C", "CRC64NVME"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var all []byte
				var parts []PartSum
				for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3000), 0, 12).Draw(t, "lengths") {
					part := pattern(n + len(all))[len(all):]
					all = append(all, part...)
					parts = append(parts, PartSum{sum(New(name), part), int64(n)})
				}
				got, ok := CombineCRC(name, parts)
				if want := sum(New(name), all); !ok || !bytes.Equal(got, want) {
					t.Fatalf("%x, %v, want %x", got, ok, want)
				}
			})
		})
	}
}

// A part as long as S3 allows: its CRC combined in halves is the same however
// it is halved.
func TestCombineLong(t *testing.T) {
	const length = 5 << 40
	for _, name := range []string{"CRC32", "CRC32C", "CRC64NVME"} {
		a, b, c := sum(New(name), []byte("a")), sum(New(name), []byte("b")), sum(New(name), []byte("c"))
		left, _ := CombineCRC(name, []PartSum{{a, length}, {b, length - 1}})
		left, _ = CombineCRC(name, []PartSum{{left, 2*length - 1}, {c, length + 7}})
		right, _ := CombineCRC(name, []PartSum{{b, length - 1}, {c, length + 7}})
		right, _ = CombineCRC(name, []PartSum{{a, length}, {right, 2*length + 6}})
		if !bytes.Equal(left, right) {
			t.Errorf("%s: %x and %x", name, left, right)
		}
	}
}

func TestCombineRefuses(t *testing.T) {
	for _, c := range []struct {
		algorithm string
		part      PartSum
	}{
		{"SHA256", PartSum{make([]byte, 32), 1}},
		{"NONE", PartSum{make([]byte, 4), 1}},
		{"CRC32", PartSum{make([]byte, 8), 1}},
		{"CRC64NVME", PartSum{make([]byte, 4), 1}},
		{"CRC32C", PartSum{make([]byte, 4), -1}},
	} {
		if sum, ok := CombineCRC(c.algorithm, []PartSum{c.part}); ok || sum != nil {
			t.Errorf("%s: %x, %v", c.algorithm, sum, ok)
		}
	}
}

func TestComposite(t *testing.T) {
	a, b := sum(New("SHA256"), []byte("one")), sum(New("SHA256"), []byte("two"))
	want := sum(New("SHA256"), append(bytes.Clone(a), b...))
	if got := Composite("SHA256", [][]byte{a, b}); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func BenchmarkHash(b *testing.B) {
	data := pattern(1 << 20)
	for _, name := range Algorithms() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			h := New(name)
			for b.Loop() {
				h.Write(data)
			}
		})
	}
}

func BenchmarkCombine10000(b *testing.B) {
	for _, name := range []string{"CRC32", "CRC64NVME"} {
		b.Run(name, func(b *testing.B) {
			parts := make([]PartSum, 10000)
			for i := range parts {
				parts[i] = PartSum{make([]byte, Size(name)), 8 << 20}
			}
			for b.Loop() {
				CombineCRC(name, parts)
			}
		})
	}
}

func sum(h hash.Hash, data []byte) []byte {
	h.Write(data)
	return h.Sum(nil)
}

func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(2654435761)
	for i := range p {
		p[i] = byte(x >> 24)
		x = x*1664525 + 1013904223
	}
	return p
}

func Example() {
	h := New("CRC32C")
	h.Write([]byte("123456789"))
	fmt.Println(HeaderName("CRC32C"), Encode(h.Sum(nil)))
	// Output: x-amz-checksum-crc32c 4waSgw==
}
