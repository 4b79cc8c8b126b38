package sigv4

import (
	"encoding/base64"
	"hash"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Stream says how a body is sent in chunks.
type Stream struct {
	// Unsigned sends chunks without signatures, which needs a trailer.
	Unsigned bool
	// ChunkSize is in bytes, at least 8 KiB; 0 means 64 KiB.
	ChunkSize int
	// Trailer names the header that follows the body ("x-amz-checksum-crc32"),
	// "" for none; its value is the base64 of what Checksum makes of the body.
	Trailer  string
	Checksum hash.Hash
}

// defaultChunk is what the AWS SDKs use.
const defaultChunk = 64 << 10

// SignStream signs a request about to be sent and gives it a body in
// aws-chunked encoding, of length bytes read from body. It sets the headers
// that go with it and r.ContentLength. Reading the body yields
// io.ErrUnexpectedEOF when there are fewer bytes than length.
func SignStream(r *http.Request, body io.Reader, length int64, c Credentials, region string, s Stream, at time.Time) {
	if s.ChunkSize == 0 {
		s.ChunkSize = defaultChunk
	}
	s.ChunkSize = max(s.ChunkSize, minChunk)
	payloadHash := signedChunks
	switch {
	case s.Unsigned:
		payloadHash = unsignedTrailer
	case s.Trailer != "":
		payloadHash = signedTrailer
	}
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(length, 10))
	if s.Trailer != "" {
		r.Header.Set("X-Amz-Trailer", s.Trailer)
	}
	e := &chunkEncoder{body: body, left: length, stream: s}
	r.ContentLength = e.encodedLength()
	seed := signHeader(r, c, region, payloadHash, at)
	if !s.Unsigned {
		e.signer = newChunkSigner(*seed)
	}
	r.Body, r.GetBody = io.NopCloser(e), nil
}

// chunkEncoder makes an aws-chunked body, a chunk at a time.
type chunkEncoder struct {
	body   io.Reader
	left   int64
	stream Stream
	signer *chunkSigner // nil: unsigned
	data   []byte       // the chunk's plain bytes
	out    []byte       // encoded bytes from pos on are yet to be read
	pos    int
	err    error
}

func (e *chunkEncoder) Read(p []byte) (int, error) {
	if e.pos == len(e.out) && e.err == nil {
		e.out, e.pos = e.out[:0], 0
		e.err = e.encode()
	}
	if e.pos == len(e.out) {
		return 0, e.err
	}
	n := copy(p, e.out[e.pos:])
	e.pos += n
	return n, nil
}

// encode puts the next chunk into out; with the last one it returns io.EOF.
func (e *chunkEncoder) encode() error {
	size := min(e.left, int64(e.stream.ChunkSize))
	if e.data == nil {
		e.data = make([]byte, size)
	}
	data := e.data[:size]
	if _, err := io.ReadFull(e.body, data); err != nil && size > 0 {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	e.left -= size
	if e.stream.Checksum != nil {
		e.stream.Checksum.Write(data)
	}
	e.chunk(data)
	if size > 0 {
		return nil
	}
	e.trailer()
	return io.EOF
}

// chunk appends a chunk; an empty one has no line end behind it.
func (e *chunkEncoder) chunk(data []byte) {
	e.out = strconv.AppendInt(e.out, int64(len(data)), 16)
	if e.signer != nil {
		e.signer.hash.Write(data)
		e.signer.signChunk()
		e.out = append(append(e.out, ";chunk-signature="...), e.signer.previous[:]...)
	}
	e.out = append(append(e.out, "\r\n"...), data...)
	if len(data) > 0 {
		e.out = append(e.out, "\r\n"...)
	}
}

func (e *chunkEncoder) trailer() {
	if e.stream.Trailer != "" {
		var value string
		if e.stream.Checksum != nil {
			value = base64.StdEncoding.EncodeToString(e.stream.Checksum.Sum(nil))
		}
		e.out = append(e.out, e.stream.Trailer+":"+value+"\r\n"...)
		if e.signer != nil {
			e.signer.signTrailer(e.stream.Trailer, value, true)
			e.out = append(e.out, "x-amz-trailer-signature:"...)
			e.out = append(append(e.out, e.signer.previous[:]...), "\r\n"...)
		}
	}
	e.out = append(e.out, "\r\n"...)
}

// encodedLength is the length of the whole encoded body.
func (e *chunkEncoder) encodedLength() int64 {
	size := int64(e.stream.ChunkSize)
	total := e.left/size*e.chunkLength(size) + e.chunkLength(0) + 2
	if rest := e.left % size; rest > 0 {
		total += e.chunkLength(rest)
	}
	if e.stream.Trailer != "" {
		total += int64(len(e.stream.Trailer) + 1 + 2)
		if e.stream.Checksum != nil {
			total += int64(base64.StdEncoding.EncodedLen(e.stream.Checksum.Size()))
		}
		if !e.stream.Unsigned {
			total += int64(len("x-amz-trailer-signature:") + len(signature{}) + 2)
		}
	}
	return total
}

func (e *chunkEncoder) chunkLength(size int64) int64 {
	n := int64(len(strconv.FormatInt(size, 16))) + 2 + size
	if !e.stream.Unsigned {
		n += int64(len(";chunk-signature=") + len(signature{}))
	}
	if size > 0 {
		n += 2
	}
	return n
}
