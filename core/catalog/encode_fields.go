package catalog

import "github.com/mucura/mucura/core/content"

// The values that are messages themselves, and occur in several records.

func (e *encoder) tags(field int, tags []Tag) {
	for i := range tags {
		e.message(field, func() {
			e.string(1, tags[i].Key)
			e.string(2, tags[i].Value)
		})
	}
}

func (d *decoder) tag() (t Tag) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			t.Key = n.data
		case 2:
			t.Value = n.data
		}
	}
	d.adopt(&n)
	return t
}

func (e *encoder) acl(a *ACL) {
	for i := range a.Grants {
		g := &a.Grants[i]
		e.message(1, func() {
			e.string(1, g.Account)
			e.string(2, g.Group)
			e.string(3, string(g.Permission))
		})
	}
}

func (d *decoder) acl() *ACL {
	a := new(ACL)
	n := d.nested()
	for n.next() {
		if n.field == 1 {
			a.Grants = append(a.Grants, n.grant())
		}
	}
	d.adopt(&n)
	return a
}

func (d *decoder) grant() (g Grant) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			g.Account = n.data
		case 2:
			g.Group = n.data
		case 3:
			g.Permission = Permission(n.data)
		}
	}
	d.adopt(&n)
	return g
}

func (e *encoder) checksum(field int, c *Checksum) {
	if *c == (Checksum{}) {
		return
	}
	e.message(field, func() {
		e.string(1, c.Algorithm)
		e.string(2, string(c.Type))
		e.string(3, c.Value)
	})
}

func (d *decoder) checksum() (c Checksum) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			c.Algorithm = n.data
		case 2:
			c.Type = ChecksumType(n.data)
		case 3:
			c.Value = n.data
		}
	}
	d.adopt(&n)
	return c
}

func (d *decoder) retention() (r Retention) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			r.Mode = LockMode(n.data)
		case 2:
			r.Until = n.time()
		}
	}
	d.adopt(&n)
	return r
}

func (e *encoder) encryption(field int, c *Encryption) {
	if c.Algorithm == "" && c.SiteKey == "" && len(c.KeyCheck) == 0 && len(c.Salt) == 0 {
		return
	}
	e.message(field, func() {
		e.string(1, c.Algorithm)
		e.string(2, c.SiteKey)
		e.bytes(3, c.Salt)
		e.bytes(4, c.KeyCheck)
	})
}

func (d *decoder) encryption() (c Encryption) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			c.Algorithm = n.data
		case 2:
			c.SiteKey = n.data
		case 3:
			c.Salt = n.bytes()
		case 4:
			c.KeyCheck = n.bytes()
		}
	}
	d.adopt(&n)
	return c
}

func (e *encoder) segments(field int, segments []Segment) {
	for i := range segments {
		s := &segments[i]
		e.message(field, func() {
			e.string(1, string(s.ID))
			e.uint(2, uint64(s.Offset))
			e.uint(3, uint64(s.Length))
		})
	}
}

func (d *decoder) segment() (s Segment) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			s.ID = content.ID(n.data)
		case 2:
			s.Offset = n.size()
		case 3:
			s.Length = n.size()
		}
	}
	d.adopt(&n)
	return s
}

func (e *encoder) parts(field int, parts []PartInfo) {
	for i := range parts {
		p := &parts[i]
		e.message(field, func() {
			e.uint(1, uint64(p.Number))
			e.uint(2, uint64(p.Size))
			e.string(3, p.Checksum)
		})
	}
}

func (d *decoder) part() (p PartInfo) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			p.Number = n.count()
		case 2:
			p.Size = n.size()
		case 3:
			p.Checksum = n.data
		}
	}
	d.adopt(&n)
	return p
}

func (e *encoder) pending(p *PendingOp) {
	e.string(1, p.Key)
	e.bool(2, p.Delete)
	e.bytes(3, p.Value)
	e.bytes(4, p.Summary)
	e.bytes(5, p.Body)
	e.bool(6, p.Absent)
	e.string(7, p.Match)
}

func (d *decoder) pending() (p PendingOp) {
	n := d.nested()
	for n.next() {
		switch n.field {
		case 1:
			p.Key = n.data
		case 2:
			p.Delete = n.bool()
		case 3:
			p.Value = n.bytes()
		case 4:
			p.Summary = n.bytes()
		case 5:
			p.Body = n.bytes()
		case 6:
			p.Absent = n.bool()
		case 7:
			p.Match = n.data
		}
	}
	d.adopt(&n)
	return p
}

// adopt makes a nested message's error the record's.
func (d *decoder) adopt(n *decoder) {
	if d.err == nil {
		d.err = n.err
	}
}
