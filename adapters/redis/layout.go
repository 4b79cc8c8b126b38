package redis

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/mucura/mucura/core/meta"
)

// What lies in Redis. The partition's name is the hash tag, so both keys of a
// partition are in one slot:
//
//	PREFIX:{PARTITION}:h   hash: field "r"+key holds the record, "b"+key the
//	                       inlined content, if there is one
//	PREFIX:{PARTITION}:i   sorted set, all scores 0: one member for each key,
//	                       which sorts as the key does
//
//	record  flags(1) summaryLen(2, big endian) version(12) summary value
//	member  escape(key) version(12) summary
//
// The script finds a member from the record it replaces: version and summary
// lie together in both. escape ends with 00 00 and writes a zero byte within
// the key as 00 01, so members sort bytewise as their keys, whatever follows.
const (
	recordHead = 3
	versionLen = 12
	hasBody    = 1 // flag
)

var errDamaged = errors.New("damaged record")

// keysOf gives the two Redis keys of a partition.
func (a *address) keysOf(p meta.Partition) (records, index string) {
	base := a.prefix + ":{" + tag(p) + "}:"
	return base + "h", base + "i"
}

// tag escapes what would end a hash tag early.
func tag(p meta.Partition) string {
	if !strings.ContainsAny(string(p), "%{}") {
		return string(p)
	}
	return strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(string(p))
}

// newVersion is random, and not a counter, so that none comes back when a
// failover or a restored backup has forgotten the last ones. It is drawn from
// the system: two processes resumed from one snapshot must not draw the same.
func newVersion() meta.Version {
	var b [versionLen]byte
	_, _ = rand.Read(b[:]) // never fails
	return meta.Version(b[:])
}

// appendEscaped appends escape(key).
func appendEscaped(b []byte, key string) []byte {
	for {
		i := strings.IndexByte(key, 0)
		if i < 0 {
			return append(append(b, key...), 0, 0)
		}
		b = append(append(b, key[:i]...), 0, 1)
		key = key[i+1:]
	}
}

// unescape gives the key a member begins with, and the rest of the member.
func unescape(member string) (key, rest string, err error) {
	var b []byte
	for {
		i := strings.IndexByte(member, 0)
		if i < 0 || i+1 >= len(member) || member[i+1] > 1 {
			return "", "", errDamaged
		}
		if member[i+1] == 0 {
			if b == nil {
				return member[:i], member[i+2:], nil
			}
			return string(append(b, member[:i]...)), member[i+2:], nil
		}
		b = append(append(b, member[:i]...), 0)
		member = member[i+2:]
	}
}

// encode makes the record as it lies in the hash.
func encode(r meta.Record, v meta.Version) []byte {
	b := make([]byte, recordHead, recordHead+versionLen+len(r.Summary)+len(r.Value))
	if len(r.Body) > 0 {
		b[0] = hasBody
	}
	binary.BigEndian.PutUint16(b[1:], uint16(len(r.Summary)))
	b = append(b, v...)
	b = append(b, r.Summary...)
	return append(b, r.Value...)
}

// decode makes a record of what encode made. The record's slices share b's
// memory, each with no room to grow into the next.
func decode(b []byte) (meta.Record, error) {
	if len(b) < recordHead+versionLen {
		return meta.Record{}, errDamaged
	}
	n := recordHead + versionLen + int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < n {
		return meta.Record{}, errDamaged
	}
	return meta.Record{
		Version: meta.Version(b[recordHead : recordHead+versionLen]),
		Summary: b[recordHead+versionLen : n : n],
		Value:   b[n:len(b):len(b)],
	}, nil
}

// entry makes an entry without value of a member of the index.
func entry(member string) (meta.Entry, error) {
	key, rest, err := unescape(member)
	if err != nil || len(rest) < versionLen {
		return meta.Entry{}, errDamaged
	}
	return meta.Entry{Key: key, Record: meta.Record{
		Version: meta.Version(rest[:versionLen]), Summary: []byte(rest[versionLen:]),
	}}, nil
}
