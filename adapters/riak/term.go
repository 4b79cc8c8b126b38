package riak

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/meta"
)

// Index fields of the record bucket.
const (
	recordIndex    = "r_bin" // term() of a record
	tombstoneIndex = "t_bin" // tombTerm() of a tombstone record
)

// A record's index term is base32hex(partition NUL key) "." base64url(version
// summary). The dot sorts below all digits, so terms sort as partitions and
// keys do, however one is the beginning of another; NUL is in no partition.
const termDot = "."

// fullKey is what names a record: its partition and key.
func fullKey(p meta.Partition, key string) string { return string(p) + "\x00" + key }

func term(full string, h *head, summary []byte) string {
	return base32hex.EncodeToString([]byte(full)) + termDot +
		base64.RawURLEncoding.EncodeToString(append([]byte(h.version), summary...))
}

// tombTerm sorts tombstone records by age.
func tombTerm(stamp int64) string { return fmt.Sprintf("%016x", uint64(stamp)) }

var errTerm = errors.New("malformed index term")

// parseTerm gives the entry a term stands for; the key lacks nothing but its
// partition p.
func parseTerm(t string, p meta.Partition) (meta.Entry, error) {
	name, payload, ok := strings.Cut(t, termDot)
	full, err1 := base32hex.DecodeString(name)
	b, err2 := base64.RawURLEncoding.DecodeString(payload)
	key, in := strings.CutPrefix(string(full), string(p)+"\x00")
	if !ok || err1 != nil || err2 != nil || !in || len(b) < versionBytes {
		return meta.Entry{}, errTerm
	}
	return meta.Entry{Key: key, Record: meta.Record{
		Version: meta.Version(b[:versionBytes]),
		Summary: b[versionBytes:],
	}}, nil
}

// termRange gives the terms between which those of a range lie. Both ends are
// included by Riak; the upper one is no term, as it has no dot.
func termRange(p meta.Partition, r meta.Range) (from, to string) {
	from = base32hex.EncodeToString([]byte(fullKey(p, r.From)))
	if r.Before == "" {
		return from, base32hex.EncodeToString([]byte(string(p) + "\x01"))
	}
	return from, base32hex.EncodeToString([]byte(fullKey(p, r.Before)))
}

// hit is one line of an index: a term and the key of the object that has it.
type hit struct{ term, key string }

// parseHits reads the answer to an index query with return_terms.
func parseHits(body []byte) ([]hit, error) {
	var answer struct {
		Results []map[string]string `json:"results"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: index answer: %w", errRiak, err)
	}
	hits := make([]hit, 0, len(answer.Results))
	for _, r := range answer.Results {
		for t, key := range r {
			hits = append(hits, hit{t, key})
		}
	}
	return hits, nil
}
