package md5lanes

import "crypto/md5"

const (
	// lanes is how many messages are digested side by side.
	lanes = 8
	// fewest is how many of them do not cost more than one by one.
	fewest = 2
)

// machine is a processor's way to digest several messages side by side: so many
// blocks of each. Word w of the state of message i is state[w][i].
type machine func(state *[4][lanes]uint32, messages *[lanes]*byte, blocks int)

// slice is the most blocks that are digested in one go, 64 KiB of each message:
// assembly cannot be interrupted, and a garbage collection wants to (crypto/md5
// does as many).
const slice = 64 << 10 / md5.BlockSize

// side digests the blocks that all streams, no more than there are lanes, have in
// common.
func (m machine) side(streams []*stream) {
	var state [4][lanes]uint32
	var messages [lanes]*byte
	n := slice
	for i := range messages {
		s := streams[i%len(streams)] // a lane to spare repeats another one's message
		n = min(n, len(s.rest)/md5.BlockSize)
		messages[i] = &s.rest[0]
		for w := range state {
			state[w][i] = s.state[w]
		}
	}
	m(&state, &messages, n)
	for i, s := range streams {
		s.rest = s.rest[n*md5.BlockSize:]
		for w := range state {
			s.state[w] = state[w][i]
		}
	}
}
