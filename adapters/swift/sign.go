package swift

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mucura/mucura/core/content"
)

// maxSigned is how long a signed URL may be good.
const maxSigned = 7 * 24 * time.Hour

// SignedURL gives a URL at which anybody may GET or HEAD the content for ttl,
// at most a week, from Swift itself (TempURL, HMAC-SHA256). Without
// Options.TempURLKey it is errors.ErrUnsupported. Whether the content exists is
// not looked at. The key is the containers': each gets it when it is first
// needed, and the one it had before stays good as the second key.
func (s *Store) SignedURL(ctx context.Context, id content.ID, method string, ttl time.Duration) (string, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return "", err
	}
	switch {
	case s.opts.TempURLKey == "":
		return "", fmt.Errorf("signed URL: no key: %w", errors.ErrUnsupported)
	case method != http.MethodGet && method != http.MethodHead:
		return "", fmt.Errorf("signed URL: %w for %q", errors.ErrUnsupported, method)
	case ttl <= 0 || ttl > maxSigned:
		return "", fmt.Errorf("signed URL: %s is not between 0 and %s", ttl, maxSigned)
	}
	container := s.container(id)
	if err := s.giveKey(ctx, container); err != nil {
		return "", fmt.Errorf("signed URL: %w", err)
	}
	t, err := s.session.get(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(t.url)
	if err != nil {
		return "", errors.New("signed URL: malformed storage URL")
	}
	u = u.JoinPath(container, string(id))
	expires := s.opts.Now().Add(ttl).Unix()
	mac := hmac.New(sha256.New, []byte(s.opts.TempURLKey))
	fmt.Fprintf(mac, "%s\n%d\n%s", method, expires, u.EscapedPath())
	u.RawQuery = fmt.Sprintf("temp_url_sig=%s&temp_url_expires=%d", hex.EncodeToString(mac.Sum(nil)), expires)
	return u.String(), nil
}

// Headers of a container's keys.
const (
	keyHeader    = "X-Container-Meta-Temp-Url-Key"
	oldKeyHeader = "X-Container-Meta-Temp-Url-Key-2"
)

// giveKey makes sure that a container has the key.
func (s *Store) giveKey(ctx context.Context, container string) error {
	s.mu.Lock()
	given := s.signing[container]
	s.mu.Unlock()
	if given {
		return nil
	}
	h, err := s.succeed(ctx, &request{method: http.MethodHead, container: container})
	if errors.Is(err, content.ErrNotFound) {
		if err = s.makeContainer(ctx, container); err != nil {
			return err
		}
		h, err = http.Header{}, nil
	}
	if err != nil {
		return err
	}
	key, other := h.Get(keyHeader), h.Get(oldKeyHeader)
	if !sameKey(key, s.opts.TempURLKey) && !sameKey(other, s.opts.TempURLKey) {
		header := map[string]string{keyHeader: s.opts.TempURLKey}
		if key != "" {
			header[oldKeyHeader] = key
		}
		if _, err := s.succeed(ctx, &request{method: http.MethodPost, container: container, header: header}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signing[container] = true
	return nil
}

func sameKey(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
