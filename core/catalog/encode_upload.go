package catalog

import "github.com/mucura/mucura/core/content"

// EncodeUpload makes the Value of an upload's record.
func EncodeUpload(u *Upload) []byte {
	e := newEncoder(256)
	e.string(1, u.ID)
	e.string(2, u.Initiator)
	e.time(3, u.Initiated)
	e.bool(4, u.ChecksumAsked)
	e.message(5, func() { u.Object.encode(e) })
	return e.b
}

// DecodeUpload is the inverse of EncodeUpload.
func DecodeUpload(b []byte) (*Upload, error) {
	u := new(Upload)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			u.ID = d.data
		case 2:
			u.Initiator = d.data
		case 3:
			u.Initiated = d.time()
		case 4:
			u.ChecksumAsked = d.bool()
		case 5:
			n := d.nested()
			u.Object.decode(&n)
			d.adopt(&n)
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return u, nil
}

// EncodePart makes the Value of a part's record.
func EncodePart(p *Part) []byte {
	e := newEncoder(192)
	e.uint(1, uint64(p.Number))
	e.uint(2, uint64(p.Size))
	e.string(3, p.ETag)
	e.time(4, p.ModTime)
	e.checksum(5, &p.Checksum)
	e.bool(6, p.Inline)
	e.segments(7, p.Segments)
	e.id16(8, p.WriteID)
	e.encryption(9, &p.Encryption)
	e.bool(10, p.Shared)
	return e.b
}

// DecodePart is the inverse of EncodePart.
func DecodePart(b []byte) (*Part, error) {
	p := new(Part)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			p.Number = d.count()
		case 2:
			p.Size = d.size()
		case 3:
			p.ETag = d.data
		case 4:
			p.ModTime = d.time()
		case 5:
			p.Checksum = d.checksum()
		case 6:
			p.Inline = d.bool()
		case 7:
			p.Segments = append(p.Segments, d.segment())
		case 8:
			p.WriteID = d.id16()
		case 9:
			p.Encryption = d.encryption()
		case 10:
			p.Shared = d.bool()
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// EncodeFinished makes the Value of a completed upload's record.
func EncodeFinished(f *Finished) []byte {
	e := newEncoder(128 + 34*len(f.Used))
	e.string(1, f.Key)
	e.string(2, f.VersionID)
	e.string(3, f.ETag)
	e.time(4, f.At)
	for _, id := range f.Used {
		e.string(5, string(id))
	}
	return e.b
}

// DecodeFinished is the inverse of EncodeFinished.
func DecodeFinished(b []byte) (*Finished, error) {
	f := new(Finished)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			f.Key = d.data
		case 2:
			f.VersionID = d.data
		case 3:
			f.ETag = d.data
		case 4:
			f.At = d.time()
		case 5:
			f.Used = append(f.Used, content.ID(d.data))
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return f, nil
}
