package riak

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/meta"
)

// head describes a value of a record's object; it is the header
// X-Riak-Meta-Mucura, of dotted fields. The value's bytes are summary, value
// and inlined body, one after the other.
type head struct {
	kind    byte   // recordKind or tombstoneKind
	stamp   int64  // nanoseconds since 1970, greater than that of what it replaced
	version string // random, versionBytes long
	summary int    // bytes
	value   int    // bytes
	sum     uint32 // CRC-32C of summary and value
	bodySum uint32 // CRC-32C of the body
}

const (
	recordKind    = 'r'
	tombstoneKind = 't'
	versionBytes  = 16
	headFormat    = "1" // the first field
	headFields    = 8
)

func newVersion() string {
	var b [versionBytes]byte
	rand.Read(b[:])
	return string(b[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeRecord makes the head and bytes of a record.
func encodeRecord(r *meta.Record, stamp int64) (head, []byte) {
	b := make([]byte, 0, len(r.Summary)+len(r.Value)+len(r.Body))
	b = append(append(b, r.Summary...), r.Value...)
	h := head{kind: recordKind, stamp: stamp, version: newVersion(), summary: len(r.Summary), value: len(r.Value)}
	h.sum, h.bodySum = crc32.Checksum(b, castagnoli), crc32.Checksum(r.Body, castagnoli)
	return h, append(b, r.Body...)
}

func (h head) String() string {
	return fmt.Sprintf("%s.%c.%016x.%x.%d.%d.%08x.%08x", headFormat, h.kind, uint64(h.stamp), h.version, h.summary, h.value, h.sum, h.bodySum)
}

var errNoRecord = errors.New("no record of Mucura")

func parseHead(s string) (head, error) {
	f := strings.Split(s, ".")
	if len(f) != headFields || f[0] != headFormat || f[1] != string(recordKind) && f[1] != string(tombstoneKind) {
		return head{}, errNoRecord
	}
	h := head{kind: f[1][0]}
	stamp, err1 := strconv.ParseUint(f[2], 16, 64)
	version, err2 := hex.DecodeString(f[3])
	var err3, err4 error
	h.summary, err3 = strconv.Atoi(f[4])
	h.value, err4 = strconv.Atoi(f[5])
	sum, err5 := strconv.ParseUint(f[6], 16, 32)
	bodySum, err6 := strconv.ParseUint(f[7], 16, 32)
	err := errors.Join(err1, err2, err3, err4, err5, err6)
	if err != nil || len(version) != versionBytes || h.summary < 0 || h.value < 0 || h.summary > meta.MaxSummary || h.value > maxValue {
		return head{}, errNoRecord
	}
	h.stamp, h.version, h.sum, h.bodySum = int64(stamp), string(version), uint32(sum), uint32(bodySum)
	return h, nil
}

// errDamaged: the bytes are not those that were written.
var errDamaged = errors.New("record damaged")

// errMore: the bytes at hand end within the value.
var errMore = errors.New("more bytes needed")

// record makes the record of the bytes of an object: all of them, or its
// beginning when no body is asked for.
func (h *head) record(b []byte, withBody bool) (meta.Record, error) {
	n := h.summary + h.value
	if len(b) < n {
		return meta.Record{}, errMore
	}
	if crc32.Checksum(b[:n], castagnoli) != h.sum {
		return meta.Record{}, errDamaged
	}
	r := meta.Record{Summary: b[:h.summary:h.summary], Value: b[h.summary:n:n], Version: meta.Version(h.version)}
	if withBody {
		r.Body = b[n:]
		if crc32.Checksum(r.Body, castagnoli) != h.bodySum {
			return meta.Record{}, errDamaged
		}
		if len(r.Body) == 0 {
			r.Body = nil
		}
	}
	return r, nil
}

// resolve finds the sibling that counts: the one with the latest stamp, and of
// those with one stamp the one with the greater version. Everybody who sees
// the same siblings chooses the same.
func resolve(siblings []sibling) (int, head, error) {
	best, found := head{}, -1
	for i := range siblings {
		h, err := parseHead(siblings[i].header.Get(metaHeader))
		if err != nil {
			continue
		}
		if c := cmp.Compare(h.stamp, best.stamp); found < 0 || c > 0 || c == 0 && h.version > best.version {
			best, found = h, i
		}
	}
	if found < 0 {
		return 0, head{}, errNoRecord
	}
	return found, best, nil
}

// base32hex keeps the order of what it encodes, and needs no escaping in a
// header or a path.
var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)
