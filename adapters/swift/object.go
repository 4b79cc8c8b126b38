package swift

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/mucura/mucura/core/content"
)

const octets = "application/octet-stream"

// checksum is the header that holds an object's CRC-32C, for readers.
const checksum = "X-Object-Meta-Crc32c"

func checksumText(crc uint32) string { return fmt.Sprintf("%08x", crc) }

// put stores an object of one request. Swift compares the bytes with sum, their
// MD5, before it stores them.
func (s *Store) put(ctx context.Context, container, name string, b *buffer, sum [md5.Size]byte) error {
	etag := hex.EncodeToString(sum[:])
	h, err := s.putIn(ctx, &request{
		method: http.MethodPut, container: container, object: name, body: b,
		header: map[string]string{"Etag": etag, "Content-Type": octets, checksum: checksumText(b.crc)},
	})
	if err == nil && unquote(h.Get("Etag")) != etag {
		err = fmt.Errorf("PUT %s/%s: %w: another ETag came back", container, name, content.ErrUnavailable)
	}
	return err
}

// containerTries bounds how often a PUT is sent for want of its container.
const containerTries = 6

// putIn sends a PUT and makes its container when there is none yet.
func (s *Store) putIn(ctx context.Context, r *request) (http.Header, error) {
	for n := 1; ; n++ {
		h, err := s.succeed(ctx, r)
		if !errors.Is(err, content.ErrNotFound) {
			return h, err
		}
		if err := s.makeContainer(ctx, r.container); err != nil {
			return nil, err
		}
		// Proxies remember for a moment that there was no container.
		if n == containerTries || s.pause(ctx, n, nil) != nil {
			return nil, fmt.Errorf("%w: the container is not seen: %v", content.ErrUnavailable, err)
		}
	}
}

// putManifest makes the segments one object, a static large object. Swift
// looks at each segment's length and ETag before, and at the ETag of all, which
// is the MD5 of theirs.
func (s *Store) putManifest(ctx context.Context, id content.ID, segments []segment) error {
	text, err := json.Marshal(segments)
	if err != nil {
		return err
	}
	sum := md5.New()
	for i := range segments {
		io.WriteString(sum, segments[i].ETag)
	}
	etag := hex.EncodeToString(sum.Sum(nil))
	h, err := s.putIn(ctx, &request{
		method: http.MethodPut, container: s.container(id), object: string(id),
		body:   &buffer{blocks: [][]byte{text}, size: int64(len(text))},
		query:  url.Values{"multipart-manifest": {"put"}},
		header: map[string]string{"Etag": etag, "Content-Type": octets},
	})
	if err == nil && unquote(h.Get("Etag")) != etag {
		err = fmt.Errorf("PUT %s: %w: another ETag came back", id, content.ErrUnavailable)
	}
	return err
}

// unquote: Swift quotes the ETags of manifests, and a site may have it quote all.
func unquote(etag string) string { return strings.Trim(etag, `"`) }

// remove deletes one object; one that is not there is no error.
func (s *Store) remove(ctx context.Context, container, name string, once bool) error {
	_, err := s.succeed(ctx, &request{method: http.MethodDelete, container: container, object: name, once: once})
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	return err
}

// head asks for an object's headers. newest asks all replicas, not the first
// that answers.
func (s *Store) head(ctx context.Context, id content.ID, newest bool) (size int64, large bool, err error) {
	r := &request{method: http.MethodHead, container: s.container(id), object: string(id)}
	if newest {
		r.header = map[string]string{"X-Newest": "true"}
	}
	res, err := s.do(ctx, r)
	if err != nil {
		return 0, false, err
	}
	res.Body.Close()
	if res.ContentLength < 0 {
		return 0, false, fmt.Errorf("%s: %w: no length", r, content.ErrUnavailable)
	}
	return res.ContentLength, isLarge(res.Header), nil
}

func isLarge(h http.Header) bool { return strings.EqualFold(h.Get("X-Static-Large-Object"), "true") }

// Stat gives the size of a content.
func (s *Store) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return content.Info{}, err
	}
	size, _, err := s.head(ctx, id, false)
	if err != nil {
		return content.Info{}, fmt.Errorf("stat content %s: %w", id, err)
	}
	return content.Info{ID: id, Size: size}, nil
}

// Delete removes a content with its segments, and what an upload that was
// never committed left of them. A HEAD comes first, as Swift deletes a manifest
// without its segments unless told.
func (s *Store) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return err
	}
	_, large, err := s.head(ctx, id, false)
	missing := errors.Is(err, content.ErrNotFound)
	switch {
	case missing:
		// A replica that missed the PUT may have answered: the deletion is
		// stored all the same, and wins over it.
		if err = s.remove(ctx, s.container(id), string(id), false); err == nil {
			_, _, err = s.removeSegments(ctx, id)
		}
	case err == nil && large:
		err = s.removeLarge(ctx, id)
	case err == nil:
		err = s.remove(ctx, s.container(id), string(id), false)
	}
	if err != nil {
		return fmt.Errorf("delete content %s: %w", id, err)
	}
	return nil
}

// removeLarge deletes a manifest and its segments.
func (s *Store) removeLarge(ctx context.Context, id content.ID) error {
	r := &request{
		method: http.MethodDelete, container: s.container(id), object: string(id),
		query:  url.Values{"multipart-manifest": {"delete"}},
		header: map[string]string{"Accept": "application/json"},
	}
	b, err := s.read(ctx, r, 1<<20)
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// The status was sent before the work was done.
	var result struct {
		Status string     `json:"Response Status"`
		Errors [][]string `json:"Errors"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(b), &result); err != nil {
		return fmt.Errorf("%s: %w: %w", r, content.ErrUnavailable, err)
	}
	if !strings.HasPrefix(result.Status, "2") || len(result.Errors) > 0 {
		if strings.HasPrefix(result.Status, "404") {
			return nil
		}
		return fmt.Errorf("%s: %w: %.100q, %d errors", r, content.ErrUnavailable, result.Status, len(result.Errors))
	}
	return nil
}
