package sse

import (
	"crypto/cipher"
	"io"
)

// Reader decrypts what r reads: the content of that name from an offset on.
// Closing it closes r.
func (k *Key) Reader(r io.ReadCloser, name string, offset int64) (io.ReadCloser, error) {
	s, err := k.Stream(name, offset)
	if err != nil {
		return nil, err
	}
	return &reader{r, s}, nil
}

type reader struct {
	r io.ReadCloser
	s cipher.Stream
}

// Read reads and decrypts in place.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.s.XORKeyStream(p[:n], p[:n])
	return n, err
}

// Close closes what is read from.
func (r *reader) Close() error { return r.r.Close() }
