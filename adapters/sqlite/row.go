package sqlite

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"github.com/mucura/mucura/core/meta"
)

// A head is, big-endian: the version (8 bytes), the length of the key (2),
// the length of the summary (2), the summary. Heads and keys of a page come
// one behind the other without anything between.
const (
	versionLen = 8
	headLen    = versionLen + 2 + 2
)

// maxRow is the most bytes of key, head and value in a row of record: with
// them a row stays on its page (1002 bytes of 4096).
const maxRow = 940

var errHead = errors.New("malformed head of a record")

func appendHead(b []byte, version uint64, key string, summary []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, version)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(summary)))
	return append(b, summary...)
}

// newVersion draws one of 2⁶³-1 versions at random, so processes need not
// agree on a counter, and none is met twice.
func newVersion() uint64 {
	for {
		if v := rand.Uint64() >> 1; v != 0 {
			return v
		}
	}
}

func versionString(v uint64) meta.Version {
	var b [versionLen]byte
	binary.BigEndian.PutUint64(b[:], v)
	return meta.Version(b[:])
}

// parseHead reads a head; the summary lies within it.
func parseHead(head []byte) (version meta.Version, summary []byte, err error) {
	if len(head) < headLen || int(binary.BigEndian.Uint16(head[versionLen+2:])) != len(head)-headLen {
		return "", nil, errHead
	}
	return meta.Version(head[:versionLen]), head[headLen:], nil
}

// parsePage cuts a page of heads and keys into entries. Keys and versions
// share one string, summaries lie within page.
func parsePage(page []byte) ([]meta.Entry, error) {
	n, err := countRows(page)
	if err != nil || n == 0 {
		return nil, err
	}
	all := string(page)
	entries := make([]meta.Entry, n)
	at := 0
	for i := range entries {
		e := &entries[i]
		sum := at + headLen
		key := sum + int(binary.BigEndian.Uint16(page[at+versionLen+2:]))
		end := key + int(binary.BigEndian.Uint16(page[at+versionLen:]))
		e.Record.Version = meta.Version(all[at : at+versionLen])
		e.Record.Summary = page[sum:key:key]
		e.Key = all[key:end]
		at = end
	}
	return entries, nil
}

// countRows counts the rows of a page and checks that they fill it.
func countRows(page []byte) (n int, err error) {
	for at := 0; at < len(page); n++ {
		if len(page)-at < headLen {
			return 0, errHead
		}
		at += headLen + int(binary.BigEndian.Uint16(page[at+versionLen:])) + int(binary.BigEndian.Uint16(page[at+versionLen+2:]))
		if at > len(page) {
			return 0, errHead
		}
	}
	return n, nil
}
