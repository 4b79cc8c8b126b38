package catalog

import "github.com/mucura/mucura/core/content"

// Field numbers of an object record. They are never used for anything else,
// and a field that is dropped leaves its number unused.
const (
	objRef = iota + 1
	objFlags
	objWriteID
	objOwner
	objModTime
	objSize
	objETag
	objStorageClass
	objContentType
	objCacheControl
	objContentDisposition
	objContentEncoding
	objContentLanguage
	objExpires
	objRedirect
	objUserMeta
	objTag
	objACL
	objChecksum
	objRetention
	objEncryption
	objSegment
	objManifest
	objPartCount
	objPart
	objPending
)

// Bits of objFlags and of a summary's flags.
const (
	flagNull = 1 << iota
	flagDeleteMarker
	flagLegalHold
	flagInline
	flagGone
	flagHoldReleased
	flagPending // in a summary only
)

func (o *Object) flags() (f uint64) {
	if o.Null {
		f |= flagNull
	}
	if o.DeleteMarker {
		f |= flagDeleteMarker
	}
	if o.LegalHold {
		f |= flagLegalHold
	}
	if o.Inline {
		f |= flagInline
	}
	if o.Gone {
		f |= flagGone
	}
	if o.HoldReleased {
		f |= flagHoldReleased
	}
	return f
}

// EncodeObject makes the Value of an object's record. Times are kept to the
// millisecond.
func EncodeObject(o *Object) []byte {
	size := 256
	for i := range o.Pending {
		p := &o.Pending[i]
		size += len(p.Key) + len(p.Value) + len(p.Summary) + len(p.Body) + 32
	}
	e := newEncoder(size + 48*(len(o.Segments)+len(o.Parts)))
	o.encode(e)
	return e.b
}

func (o *Object) encode(e *encoder) {
	e.ref(objRef, o.Ref)
	e.uint(objFlags, o.flags())
	e.id16(objWriteID, o.WriteID)
	e.string(objOwner, o.Owner)
	e.time(objModTime, o.ModTime)
	e.uint(objSize, uint64(o.Size))
	e.string(objETag, o.ETag)
	e.string(objStorageClass, o.StorageClass)
	e.string(objContentType, o.ContentType)
	e.string(objCacheControl, o.CacheControl)
	e.string(objContentDisposition, o.ContentDisposition)
	e.string(objContentEncoding, o.ContentEncoding)
	e.string(objContentLanguage, o.ContentLanguage)
	e.string(objExpires, o.Expires)
	e.string(objRedirect, o.Redirect)
	e.tags(objUserMeta, o.UserMeta)
	e.tags(objTag, o.Tags)
	if o.ACL != nil {
		e.message(objACL, func() { e.acl(o.ACL) })
	}
	e.checksum(objChecksum, &o.Checksum)
	if o.Retention != (Retention{}) {
		e.message(objRetention, func() {
			e.string(1, string(o.Retention.Mode))
			e.time(2, o.Retention.Until)
		})
	}
	e.encryption(objEncryption, &o.Encryption)
	e.segments(objSegment, o.Segments)
	e.string(objManifest, string(o.Manifest))
	e.uint(objPartCount, uint64(o.PartCount))
	e.parts(objPart, o.Parts)
	for i := range o.Pending {
		e.message(objPending, func() { e.pending(&o.Pending[i]) })
	}
}

// DecodeObject is the inverse of EncodeObject. Empty lists come back as nil.
func DecodeObject(b []byte) (*Object, error) {
	o := new(Object)
	d := newDecoder(string(b))
	o.decode(&d)
	if d.err != nil {
		return nil, d.err
	}
	return o, nil
}

func (o *Object) decode(d *decoder) {
	for d.next() {
		switch d.field {
		case objRef:
			o.Ref = d.ref()
		case objFlags:
			o.Null = d.num&flagNull != 0
			o.DeleteMarker = d.num&flagDeleteMarker != 0
			o.LegalHold = d.num&flagLegalHold != 0
			o.Inline = d.num&flagInline != 0
			o.Gone = d.num&flagGone != 0
			o.HoldReleased = d.num&flagHoldReleased != 0
		case objWriteID:
			o.WriteID = d.id16()
		case objOwner:
			o.Owner = d.data
		case objModTime:
			o.ModTime = d.time()
		case objSize:
			o.Size = d.size()
		case objETag:
			o.ETag = d.data
		case objStorageClass:
			o.StorageClass = d.data
		case objContentType:
			o.ContentType = d.data
		case objCacheControl:
			o.CacheControl = d.data
		case objContentDisposition:
			o.ContentDisposition = d.data
		case objContentEncoding:
			o.ContentEncoding = d.data
		case objContentLanguage:
			o.ContentLanguage = d.data
		case objExpires:
			o.Expires = d.data
		case objRedirect:
			o.Redirect = d.data
		case objUserMeta:
			o.UserMeta = append(o.UserMeta, d.tag())
		case objTag:
			o.Tags = append(o.Tags, d.tag())
		case objACL:
			o.ACL = d.acl()
		case objChecksum:
			o.Checksum = d.checksum()
		case objRetention:
			o.Retention = d.retention()
		case objEncryption:
			o.Encryption = d.encryption()
		case objSegment:
			o.Segments = append(o.Segments, d.segment())
		case objManifest:
			o.Manifest = content.ID(d.data)
		case objPartCount:
			o.PartCount = d.count()
		case objPart:
			o.Parts = append(o.Parts, d.part())
		case objPending:
			o.Pending = append(o.Pending, d.pending())
		}
	}
}
