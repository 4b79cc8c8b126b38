package riaktest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// vclock counts the writes an object has seen from each actor. Clients get it
// as an opaque string and hand it back.
type vclock map[string]uint64

// dot is one write: the n-th of an actor.
type dot struct {
	actor string
	n     uint64
}

// covers tells whether whoever has the clock has seen the write.
func (c vclock) covers(d dot) bool { return c[d.actor] >= d.n }

// merge is what whoever has seen both has seen.
func (c vclock) merge(others ...vclock) vclock {
	out := maps.Clone(c)
	if out == nil {
		out = vclock{}
	}
	for _, o := range others {
		for actor, n := range o {
			out[actor] = max(out[actor], n)
		}
	}
	return out
}

func (c vclock) equal(o vclock) bool { return maps.Equal(c, o) }

func (c vclock) String() string {
	var b []byte
	for _, actor := range slices.Sorted(maps.Keys(c)) {
		b = binary.AppendUvarint(b, uint64(len(actor)))
		b = append(b, actor...)
		b = binary.AppendUvarint(b, c[actor])
	}
	return base64.StdEncoding.EncodeToString(append([]byte{clockMagic}, b...))
}

const clockMagic = 0x6b

var errClock = errors.New("malformed vclock")

func parseClock(s string) (vclock, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != clockMagic {
		return nil, errClock
	}
	c := vclock{}
	for b = b[1:]; len(b) > 0; {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, errClock
		}
		actor := string(b[n : n+int(size)])
		b = b[n+int(size):]
		count, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errClock
		}
		c[actor], b = count, b[n:]
	}
	return c, nil
}
