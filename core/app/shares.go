package app

import "sync"

// shareFactor is how many times the places that are free an account may hold: alone
// four fifths of all, two accounts four ninths each, and so on, so that some are
// free for whoever comes (decision 86). Switches divide their buffers so: dynamic
// thresholds, Choudhury and Hahne 1998.
const shareFactor = 4

// shares divides the places for requests among accounts: one whose jobs are slow
// and many must not keep all others out. Whoever asks without a key, for what is
// public, is one account, too.
type shares struct {
	refused func() // called when there was none

	mu   sync.Mutex
	free int
	held map[string]int
}

func newShares(places int, refused func()) *shares {
	return &shares{refused: refused, free: places, held: map[string]int{}}
}

// Take takes a place for an account, if it may have one more. Whoever got one gives
// it back.
func (s *shares) Take(account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[account] >= shareFactor*s.free {
		s.refused()
		return false
	}
	s.held[account]++
	s.free--
	return true
}

// Give gives a place back.
func (s *shares) Give(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.held[account]--; s.held[account] == 0 {
		delete(s.held, account)
	}
}
