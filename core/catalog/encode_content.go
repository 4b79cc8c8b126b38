package catalog

import "github.com/mucura/mucura/core/content"

// EncodeRelease makes the Value of a release.
func EncodeRelease(r *Release) []byte {
	e := newEncoder(64 + len(r.Key))
	e.string(1, string(r.ID))
	e.time(2, r.At)
	e.string(3, r.Key)
	e.bool(4, r.Manifest)
	e.string(5, r.UploadID)
	e.bool(6, r.Intent)
	e.time(7, r.Looked)
	return e.b
}

// DecodeRelease is the inverse of EncodeRelease.
func DecodeRelease(b []byte) (*Release, error) {
	r := new(Release)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			r.ID = content.ID(d.data)
		case 2:
			r.At = d.time()
		case 3:
			r.Key = d.data
		case 4:
			r.Manifest = d.bool()
		case 5:
			r.UploadID = d.data
		case 6:
			r.Intent = d.bool()
		case 7:
			r.Looked = d.time()
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return r, nil
}

// EncodeReference makes the Value of a reference.
func EncodeReference(r *Reference) []byte {
	e := newEncoder(64 + len(r.Bucket) + len(r.Key) + len(r.UploadID))
	e.time(1, r.At)
	e.string(2, r.Bucket)
	e.string(3, r.Key)
	e.string(4, r.UploadID)
	e.uint(5, uint64(r.PartNum))
	e.string(6, string(r.Manifest))
	return e.b
}

// DecodeReference is the inverse of EncodeReference.
func DecodeReference(b []byte) (*Reference, error) {
	r := new(Reference)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			r.At = d.time()
		case 2:
			r.Bucket = d.data
		case 3:
			r.Key = d.data
		case 4:
			r.UploadID = d.data
		case 5:
			r.PartNum = d.count()
		case 6:
			r.Manifest = content.ID(d.data)
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return r, nil
}

// EncodeManifest makes the bytes of a manifest content: an object's segments
// and parts where they are too many for its record.
func EncodeManifest(segments []Segment, parts []PartInfo) []byte {
	e := newEncoder(16 + 48*(len(segments)+len(parts)))
	e.segments(1, segments)
	e.parts(2, parts)
	return e.b
}

// DecodeManifest is the inverse of EncodeManifest.
func DecodeManifest(b []byte) (segments []Segment, parts []PartInfo, err error) {
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case 1:
			segments = append(segments, d.segment())
		case 2:
			parts = append(parts, d.part())
		}
	}
	if d.err != nil {
		return nil, nil, d.err
	}
	return segments, parts, nil
}
