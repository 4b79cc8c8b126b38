package serve

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// header makes a PROXY protocol header of version 2.
func header(versionCommand, family byte, rest string) string {
	b := append([]byte(proxySignature), versionCommand, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(rest)))) + rest
}

// addresses is what a header says of a connection.
func addresses(from, to string) string {
	f, t := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	b := append(f.Addr().AsSlice(), t.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, f.Port())
	return string(binary.BigEndian.AppendUint16(b, t.Port()))
}

var (
	four = addresses("203.0.113.7:40001", "192.0.2.1:443")
	six  = addresses("[2001:db8::7]:40002", "[2001:db8::1]:443")
)

func TestReadProxyHeader(t *testing.T) {
	for name, c := range map[string]struct {
		in, want string
		err      error
	}{
		"TCP over IPv4":      {in: header(0x21, 0x11, four), want: "203.0.113.7:40001"},
		"TCP over IPv6":      {in: header(0x21, 0x21, six), want: "[2001:db8::7]:40002"},
		"mapped IPv4":        {in: header(0x21, 0x21, addresses("[::ffff:203.0.113.7]:1", "[::ffff:192.0.2.1]:2")), want: "203.0.113.7:1"},
		"with extensions":    {in: header(0x21, 0x11, four+"\x04\x00\x03abc"), want: "203.0.113.7:40001"},
		"local":              {in: header(0x20, 0x00, "")},
		"local with address": {in: header(0x20, 0x11, four)},
		"longest":            {in: header(0x21, 0x11, four+strings.Repeat("\x04", maxProxyHeader-len(four))), want: "203.0.113.7:40001"},
		"too long":           {in: header(0x21, 0x11, four+strings.Repeat("\x04", maxProxyHeader)), err: errProxyHeader},
		"version 1":          {in: "PROXY TCP4 203.0.113.7 192.0.2.1 40001 443\r\n", err: errNoProxyHeader},
		"version 3":          {in: header(0x31, 0x11, four), err: errProxyHeader},
		"unknown command":    {in: header(0x22, 0x11, four), err: errProxyHeader},
		"short addresses":    {in: header(0x21, 0x11, four[:11]), err: errProxyHeader},
		"short IPv6":         {in: header(0x21, 0x21, four), err: errProxyHeader},
		"UDP":                {in: header(0x21, 0x12, four), err: errProxyHeader},
		"UNIX socket":        {in: header(0x21, 0x31, strings.Repeat("/", 216)), err: errProxyHeader},
		"unspecified":        {in: header(0x21, 0x00, ""), err: errProxyHeader},
		"TLS":                {in: "\x16\x03\x01\x02\x00\x01", err: errNoProxyHeader},
		"HTTP":               {in: "GET / HTTP/1.1\r\n\r\n", err: errNoProxyHeader},
		"like one":           {in: "\r\n\r\nGET / HTTP/1.1\r\n", err: errNoProxyHeader},
		"nothing":            {in: "", err: io.EOF},
		"cut in signature":   {in: proxySignature[:5], err: io.EOF},
		"cut in addresses":   {in: header(0x21, 0x11, four)[:20], err: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytewise": iotest.OneByteReader} {
				after := ""
				if c.err == nil {
					after = "\x16\x03\x01"
				}
				under := strings.NewReader(c.in + after)
				got, err := readProxyHeader(wrap(under))
				if !errors.Is(err, c.err) || c.err == nil && err != nil {
					t.Fatalf("%s: %v, want %v", kind, err, c.err)
				}
				want := netip.AddrPort{}
				if c.want != "" {
					want = netip.MustParseAddrPort(c.want)
				}
				if got != want {
					t.Errorf("%s: %v, want %v", kind, got, want)
				}
				if rest, _ := io.ReadAll(under); c.err == nil && string(rest) != after {
					t.Errorf("%s: left %q, want %q", kind, rest, after)
				}
			}
		})
	}
}

func FuzzReadProxyHeader(f *testing.F) {
	for _, s := range []string{header(0x21, 0x11, four), header(0x21, 0x21, six), header(0x20, 0, ""), "PROXY TCP4 ", "GET / "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		under := bytes.NewReader(in)
		got, err := readProxyHeader(under)
		if err != nil {
			if got.IsValid() {
				t.Errorf("%v and %v", got, err)
			}
			return
		}
		if !bytes.HasPrefix(in, []byte(proxySignature)) || in[12]>>4 != 2 {
			t.Errorf("accepted %q", in)
		}
		if read, want := len(in)-under.Len(), 16+int(binary.BigEndian.Uint16(in[14:])); read != want {
			t.Errorf("read %d bytes, want %d", read, want)
		}
		if got.IsValid() != (in[12]&0xf == 1) {
			t.Errorf("command %d gives %v", in[12]&0xf, got)
		}
	})
}
