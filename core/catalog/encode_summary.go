package catalog

import "time"

// Summary is what a listing needs of an object.
type Summary struct {
	Ref          VersionRef
	Null         bool
	DeleteMarker bool
	Gone         bool
	Pending      bool // the record owes work, see Object.Pending
	Size         int64
	ModTime      time.Time
	ETag         string
	Owner        string
	StorageClass string
	Checksum     Checksum // Algorithm and Type only
}

// Field numbers of a summary.
const (
	sumRef = iota + 1
	sumFlags
	sumSize
	sumModTime
	sumETag
	sumOwner
	sumStorageClass
	sumAlgorithm
	sumChecksumType
)

// maxSummaryText bounds each text of a summary, so that all of them fit into
// meta.MaxSummary. Nothing Mucura itself makes comes near it.
const maxSummaryText = 128

// ObjectSummary makes the Summary of an object's record, at most
// meta.MaxSummary bytes.
func ObjectSummary(o *Object) []byte {
	e := newEncoder(128)
	e.ref(sumRef, o.Ref)
	flags := o.flags() & (flagNull | flagDeleteMarker | flagGone)
	if len(o.Pending) > 0 {
		flags |= flagPending
	}
	e.uint(sumFlags, flags)
	e.uint(sumSize, uint64(o.Size))
	e.time(sumModTime, o.ModTime)
	e.short(sumETag, o.ETag)
	e.short(sumOwner, o.Owner)
	e.short(sumStorageClass, o.StorageClass)
	if len(o.Checksum.Algorithm)+len(o.Checksum.Type) <= 32 {
		e.string(sumAlgorithm, o.Checksum.Algorithm)
		e.string(sumChecksumType, string(o.Checksum.Type))
	}
	return e.b
}

// short leaves out a text that is too long for a summary.
func (e *encoder) short(field int, s string) {
	if len(s) <= maxSummaryText {
		e.string(field, s)
	}
}

// DecodeSummary is the inverse of ObjectSummary. It allocates once.
func DecodeSummary(b []byte) (Summary, error) {
	var s Summary
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case sumRef:
			s.Ref = d.ref()
		case sumFlags:
			s.Null = d.num&flagNull != 0
			s.DeleteMarker = d.num&flagDeleteMarker != 0
			s.Gone = d.num&flagGone != 0
			s.Pending = d.num&flagPending != 0
		case sumSize:
			s.Size = d.size()
		case sumModTime:
			s.ModTime = d.time()
		case sumETag:
			s.ETag = d.data
		case sumOwner:
			s.Owner = d.data
		case sumStorageClass:
			s.StorageClass = d.data
		case sumAlgorithm:
			s.Checksum.Algorithm = d.data
		case sumChecksumType:
			s.Checksum.Type = ChecksumType(d.data)
		}
	}
	if d.err != nil {
		return Summary{}, d.err
	}
	return s, nil
}
