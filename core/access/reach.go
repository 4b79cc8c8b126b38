package access

// place is how far a pattern has been followed: off bytes of the text of a part.
type place struct{ part, off int }

// places is a set of them.
type places map[place]bool

// reaches tells whether some string that begins with prefix, and is longer when
// longer is set, fits the pattern. A variable may stand for anything. It is for
// checking documents, so clarity goes before speed.
func (p *pattern) reaches(prefix string, longer bool) bool {
	for at := range p.follow(prefix) {
		if !longer || at.part < len(p.parts) {
			return true
		}
	}
	return false
}

// reachesAll tells whether the pattern can stand for exactly s.
func (p *pattern) reachesAll(s string) bool { return p.follow(s)[place{len(p.parts), 0}] }

// follow gives every place where the pattern can be after s.
func (p *pattern) follow(s string) places {
	now := places{}
	p.enter(now, place{})
	for i := range len(s) {
		next := places{}
		for at := range now {
			p.step(next, at, s[i])
		}
		now = next
	}
	return now
}

// enter adds a place, and what can be reached from it without any byte. Where a
// place is in the set already, all of that is, too: this keeps a row of thousands
// of variables from being walked from each of them.
func (p *pattern) enter(set places, at place) {
	for !set[at] {
		set[at] = true
		if at.off > 0 || at.part == len(p.parts) || !p.parts[at.part].open() {
			return
		}
		at.part++
	}
}

// open tells whether a part can stand for nothing, and for anything.
func (q *part) open() bool { return q.kind == partAny || q.kind == partVar }

// step adds where byte c leads from a place.
func (p *pattern) step(next places, at place, c byte) {
	if at.part == len(p.parts) {
		return
	}
	switch q := &p.parts[at.part]; {
	case q.open():
		p.enter(next, at)
	case q.kind == partOne:
		p.enter(next, place{at.part + 1, 0})
	case q.text[at.off] != c:
	case at.off+1 == len(q.text):
		p.enter(next, place{at.part + 1, 0})
	default:
		next[place{at.part, at.off + 1}] = true
	}
}
