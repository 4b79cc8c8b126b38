package riak

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/content"
)

// manifest describes a content; it is the header X-Riak-Meta-Mucura of the
// manifest's object. The object's bytes are the content itself, if it is no
// longer than a block, else the CRC-32C of each block.
type manifest struct {
	state byte  // 0: there is no manifest
	size  int64 // of the content, bytes; while it is written, what is known to have been begun
	block int   // bytes in each block but the last
	sum   uint32
}

// The states of a manifest, in the order in which a later one counts when
// siblings disagree: what was dropped may have lost blocks.
const (
	writing   byte = 'w'
	committed byte = 'c'
	dropped   byte = 'd'
)

const stateOrder = string(writing) + string(committed) + string(dropped)

// Index fields of the content and block buckets.
const (
	contentIndex  = "c_bin" // "ID.SIZE" of what is committed
	unsettled     = "u_bin" // "ID" of what is not
	blockIndex    = "b_bin" // "ID.NUMBER.SIZE" of a block
	afterIDs      = "g"     // above every ID and what begins with one
	manifestParts = 6
)

// blocks is how many objects beside the manifest there are.
func (m *manifest) blocks() int64 {
	if m.state == 0 || m.size <= int64(m.block) && m.state == committed {
		return 0
	}
	return (m.size + int64(m.block) - 1) / int64(m.block)
}

func blockKey(id content.ID, n int64) string { return fmt.Sprintf("%s.%08x", id, n) }

func (m *manifest) value(id content.ID, body []byte) *value {
	m.sum = checksum(body)
	v := &value{body: body}
	v.meta = fmt.Sprintf("1.m%c.%d.%d.%08x.0", m.state, m.size, m.block, m.sum)
	if m.state == committed {
		v.index = map[string]string{contentIndex: fmt.Sprintf("%s.%d", id, m.size)}
	} else {
		v.index = map[string]string{unsettled: string(id)}
	}
	return v
}

var errNoManifest = errors.New("no manifest of Mucura")

func parseManifest(h http.Header) (manifest, error) {
	f := strings.Split(h.Get(metaHeader), ".")
	if len(f) != manifestParts || f[0] != "1" || len(f[1]) != 2 || f[1][0] != 'm' || !strings.Contains(stateOrder, f[1][1:]) {
		return manifest{}, errNoManifest
	}
	m := manifest{state: f[1][1]}
	var err1, err2 error
	m.size, err1 = strconv.ParseInt(f[2], 10, 64)
	m.block, err2 = strconv.Atoi(f[3])
	sum, err3 := strconv.ParseUint(f[4], 16, 32)
	if errors.Join(err1, err2, err3) != nil || m.size < 0 || m.block <= 0 {
		return manifest{}, errNoManifest
	}
	m.sum = uint32(sum)
	return m, nil
}

// resolveManifest finds the sibling that counts, and its bytes.
func resolveManifest(siblings []sibling) (manifest, []byte, error) {
	var best manifest
	var body []byte
	found := false
	for _, s := range siblings {
		m, err := parseManifest(s.header)
		if err != nil {
			continue
		}
		if !found || strings.IndexByte(stateOrder, m.state) > strings.IndexByte(stateOrder, best.state) {
			best, body, found = m, s.body, true
		}
	}
	if !found {
		return manifest{}, nil, errNoManifest
	}
	return best, body, nil
}

// sums reads the checksums of the blocks.
func (m *manifest) sums(body []byte) ([]uint32, error) {
	if int64(len(body)) != 4*m.blocks() {
		return nil, errNoManifest
	}
	sums := make([]uint32, m.blocks())
	for i := range sums {
		sums[i] = binary.BigEndian.Uint32(body[4*i:])
	}
	return sums, nil
}
