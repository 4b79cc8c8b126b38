package sigv4

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

const (
	// minChunk is the least size of a chunk that is not the last.
	minChunk = 8192
	// maxExcess is how far a chunk may reach beyond the announced length for us
	// to look where it ends.
	maxExcess = 64 << 10
	// maxTrailerLines is how many lines a trailer may have; clients send two or
	// three.
	maxTrailerLines = 8
)

// chunkedBody decodes an aws-chunked body
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html) and
// verifies it. Object bytes go straight from the connection into the caller's
// buffer; they may be delivered before their chunk's signature has been seen,
// but io.EOF comes only after all of it was right.
type chunkedBody struct {
	body io.ReadCloser
	kind payload
	// left is how much of the announced decoded length is to come, chunkLeft
	// how much of the current chunk.
	left, chunkLeft int64
	chunkSize       int64 // of the current chunk
	chunks          int   // data chunks begun
	signer          *chunkSigner
	err             error // what Read answers from now on

	trailerName, trailerValue string

	// buf[start:end] was read ahead, looking for the end of a line.
	start, end int
	buf        [1024]byte
}

func (b *chunkedBody) Close() error { return b.body.Close() }

func (b *chunkedBody) trailer() string { return b.trailerValue }

func (b *chunkedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.chunkLeft == 0 {
		if b.err = b.nextChunk(); b.err != nil {
			return 0, b.err
		}
	}
	if b.left == 0 {
		b.err = b.excess()
		return 0, b.err
	}
	n, err := b.readData(p[:min(int64(len(p)), b.chunkLeft, b.left)])
	if b.signer != nil {
		b.signer.hash.Write(p[:n])
	}
	b.chunkLeft -= int64(n)
	b.left -= int64(n)
	if err != nil && n == 0 {
		b.err = broken(err)
	}
	return n, b.err
}

// readData reads what was read ahead, or from the connection.
func (b *chunkedBody) readData(p []byte) (int, error) {
	if b.start < b.end {
		n := copy(p, b.buf[b.start:b.end])
		b.start += n
		return n, nil
	}
	return b.body.Read(p)
}

// nextChunk ends the current chunk and begins the next. After the last one it
// returns io.EOF, if everything was right.
func (b *chunkedBody) nextChunk() error {
	if b.chunks > 0 {
		if err := b.endChunk(); err != nil {
			return err
		}
	}
	size, err := b.readChunkHeader()
	if err != nil {
		return err
	}
	if size == 0 {
		return b.finish()
	}
	if b.chunks > 0 && b.chunkSize < minChunk {
		return s3err.InvalidChunkSize.
			Field("Chunk", strconv.Itoa(b.chunks)).
			Field("BadChunkSize", strconv.FormatInt(b.chunkSize, 10))
	}
	b.chunks++
	b.chunkSize, b.chunkLeft = size, size
	return nil
}

// endChunk reads the line end after a chunk's data and checks its signature.
func (b *chunkedBody) endChunk() error {
	line, err := b.readLine()
	if err != nil {
		return err
	}
	if string(line) != "\r" {
		return broken(nil)
	}
	if b.signer != nil {
		return b.signer.checkChunk()
	}
	return nil
}

// readChunkHeader reads "1000;chunk-signature=…", or "1000" where nothing is
// signed.
func (b *chunkedBody) readChunkHeader() (int64, error) {
	line, err := b.readLine()
	if err != nil {
		return 0, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r"))
	if !ok {
		return 0, broken(nil)
	}
	if b.signer != nil {
		size, sig, ok := bytes.Cut(line, []byte(";chunk-signature="))
		if !ok || len(sig) != len(b.signer.given) {
			return 0, broken(nil)
		}
		copy(b.signer.given[:], sig)
		line = size
	}
	size, ok := parseSize(bytes.TrimSpace(line))
	if !ok {
		return 0, broken(nil)
	}
	return size, nil
}

// parseSize reads a chunk's size: hexadecimal, below 2^60.
func parseSize(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	var size int64
	for _, c := range s {
		digit, ok := fromHex(c)
		if !ok {
			return 0, false
		}
		size = size<<4 | int64(digit)
	}
	return size, true
}

// finish reads and checks all that follows the header of the last chunk, the
// empty one.
func (b *chunkedBody) finish() error {
	if b.signer != nil {
		defer b.signer.release() // whatever comes out, it is the end
		if err := b.signer.checkChunk(); err != nil {
			return err
		}
	}
	if b.left > 0 {
		return s3err.IncompleteBody
	}
	var err error
	if b.kind == chunked {
		err = b.readEmptyLine()
	} else {
		err = b.readTrailer()
	}
	if err != nil {
		return err
	}
	return b.endOfBody()
}

// readTrailer reads "name:value" and, where chunks are signed, the trailer's
// signature. Some clients end the first line with a bare line feed and follow
// it by an empty line.
func (b *chunkedBody) readTrailer() error {
	var seen, ended bool
	for lines := 0; !ended; lines++ {
		line, err := b.readLine()
		if err != nil {
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if lines == maxTrailerLines || bytes.IndexByte(line, '\r') >= 0 {
			return broken(nil)
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
		switch {
		case len(line) == 0:
			ended = b.signer == nil
		case b.signer != nil && isName(name, "x-amz-trailer-signature"):
			if err := b.endSignedTrailer(seen, value); err != nil {
				return err
			}
			ended = true
		case seen:
			return broken(nil)
		case b.trailerName == "" || !isName(name, b.trailerName):
			return s3err.MalformedTrailer
		default:
			seen, b.trailerValue = true, string(value)
		}
	}
	if !seen && b.trailerName != "" {
		return s3err.MalformedTrailer
	}
	return nil
}

// endSignedTrailer checks the trailer's signature and reads the line after it.
func (b *chunkedBody) endSignedTrailer(seen bool, given []byte) error {
	if len(given) != len(b.signer.given) {
		return broken(nil)
	}
	copy(b.signer.given[:], given)
	if err := b.readEmptyLine(); err != nil {
		return err
	}
	if !seen && b.trailerName != "" {
		return s3err.MalformedTrailer
	}
	return b.signer.checkTrailer(b.trailerName, b.trailerValue, seen)
}

func isName(got []byte, lower string) bool { return strings.EqualFold(string(got), lower) }

func (b *chunkedBody) readEmptyLine() error {
	line, err := b.readLine()
	if err == nil && string(line) != "\r" {
		err = broken(nil)
	}
	return err
}
