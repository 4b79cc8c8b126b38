package fsck

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/sse"
)

func newBytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// segmentReader reads the bytes of segments one after another.
type segmentReader struct {
	ctx      context.Context
	store    content.Store
	key      *sse.Key // to decrypt with; nil: as they are
	salt     []byte   // the contents' name for decryption, when it is not their ID
	segments []catalog.Segment
	cur      io.ReadCloser
	left     int64 // of the current segment
}

func (s *segmentReader) Read(p []byte) (int, error) {
	for s.cur == nil {
		if len(s.segments) == 0 {
			return 0, io.EOF
		}
		seg := s.segments[0]
		s.segments = s.segments[1:]
		if seg.Length == 0 {
			continue
		}
		rc, err := s.store.Open(s.ctx, seg.ID, seg.Offset, seg.Length)
		if err != nil {
			return 0, fmt.Errorf("content %s: %w", seg.ID, err)
		}
		if s.key != nil {
			if rc, err = s.key.Reader(rc, cmp.Or(string(s.salt), string(seg.ID)), seg.Offset); err != nil {
				return 0, err
			}
		}
		s.cur, s.left = rc, seg.Length
	}
	n, err := s.cur.Read(p)
	s.left -= int64(n)
	if err == io.EOF || s.left <= 0 {
		_ = s.cur.Close()
		s.cur = nil
		if s.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		err = nil
	}
	return n, err
}

// verifyObject reads an object and compares it with its ETag and its checksum.
// What a customer encrypts is read as it is stored, and its checksum, which is
// of the plain bytes, tells nothing.
func verifyObject(o *catalog.Object, parts []catalog.PartInfo, r io.Reader) error {
	whole := checksum.New(o.Checksum.Algorithm)
	if o.Encryption.Customer() {
		whole = nil
	}
	if whole != nil && o.Checksum.Type == catalog.FullObject {
		r = io.TeeReader(r, whole)
	}
	tag, err := etagOf(o, parts, r)
	if err != nil {
		return err
	}
	if tag != "" && tag != o.ETag {
		return fmt.Errorf("its bytes are damaged: ETag %s, but they give %s", o.ETag, tag)
	}
	if whole != nil && o.Checksum.Type == catalog.FullObject {
		if got := base64.StdEncoding.EncodeToString(whole.Sum(nil)); got != o.Checksum.Value {
			return fmt.Errorf("its bytes are damaged: %s %s, but they give %s", o.Checksum.Algorithm, o.Checksum.Value, got)
		}
	}
	return nil
}

// etagOf reads everything and computes the ETag, as a whole or by parts; "" when
// the record does not tell how its ETag was made.
func etagOf(o *catalog.Object, parts []catalog.PartInfo, r io.Reader) (string, error) {
	_, count, multipart := strings.Cut(o.ETag, "-")
	if !multipart {
		return md5Of(r)
	}
	if n, err := strconv.Atoi(count); err != nil || n != len(parts) {
		_, err := io.Copy(io.Discard, r)
		return "", err
	}
	all := md5.New()
	for _, p := range parts {
		sum := md5.New()
		if _, err := io.CopyN(sum, r, p.Size); err != nil {
			return "", fmt.Errorf("part %d: %w", p.Number, err)
		}
		all.Write(sum.Sum(nil))
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		return "", errors.Join(err, fmt.Errorf("%d bytes after the last part", n))
	}
	return hex.EncodeToString(all.Sum(nil)) + "-" + count, nil
}

func md5Of(r io.Reader) (string, error) {
	sum := md5.New()
	_, err := io.Copy(sum, r)
	return hex.EncodeToString(sum.Sum(nil)), err
}

func verifyMD5(r io.Reader, want string) error {
	got, err := md5Of(r)
	if err == nil && got != want {
		err = fmt.Errorf("its bytes are damaged: ETag %s, but they give %s", want, got)
	}
	return err
}
