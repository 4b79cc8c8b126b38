package swift

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"

	"github.com/mucura/mucura/core/content"
)

// layout is what a store was made with. It lies in the object layoutName of
// the container that is called as the prefix.
type layout struct {
	Version    int `json:"version"` // 1
	Containers int `json:"containers"`
}

const layoutName = "layout"

// container names the container of a content.
func (s *Store) container(id content.ID) string {
	h := fnv.New64a()
	h.Write([]byte(id))
	return s.containerAt(int(h.Sum64() % uint64(s.containers)))
}

func (s *Store) containerAt(i int) string { return fmt.Sprintf("%s-%03x", s.opts.Prefix, i) }

// segmentPrefix begins the names of a content's segments. It sorts behind all
// IDs, which are hexadecimal.
func segmentPrefix(id content.ID) string { return "s/" + string(id) + "/" }

func segmentName(id content.ID, n int) string { return fmt.Sprintf("%s%04d", segmentPrefix(id), n) }

// openLayout reads the layout, or writes it in a new store.
func (s *Store) openLayout(ctx context.Context) error {
	err := s.checkLayout(ctx)
	if !errors.Is(err, content.ErrNotFound) {
		return err
	}
	text, err := json.Marshal(layout{1, cmp.Or(s.opts.Containers, defaultContainers)})
	if err != nil {
		return err
	}
	_, err = s.putIn(ctx, &request{
		method: http.MethodPut, container: s.opts.Prefix, object: layoutName,
		header: map[string]string{"If-None-Match": "*", "Content-Type": "application/json"},
		body:   &buffer{blocks: [][]byte{text}, size: int64(len(text))},
	})
	var st *status
	if err != nil && !(errors.As(err, &st) && st.code == http.StatusPreconditionFailed) {
		return err
	}
	return s.checkLayout(ctx) // another process may have been first
}

// checkLayout takes over the number of containers, and refuses one that
// differs from what was asked for.
func (s *Store) checkLayout(ctx context.Context) error {
	l, err := s.readLayout(ctx)
	if err != nil {
		return err
	}
	if want := cmp.Or(s.opts.Containers, l.Containers); want != l.Containers {
		return fmt.Errorf("the store has %d containers, which cannot be changed to %d", l.Containers, want)
	}
	s.containers = l.Containers
	return nil
}

func (s *Store) readLayout(ctx context.Context) (l layout, err error) {
	r := &request{method: http.MethodGet, container: s.opts.Prefix, object: layoutName, header: map[string]string{"X-Newest": "true"}}
	b, err := s.read(ctx, r, 4<<10)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil || l.Version != 1 || l.Containers < 1 || l.Containers > maxContainers {
		return l, fmt.Errorf("%s/%s is not of this version: %.100q", r.container, r.object, b)
	}
	return l, nil
}

// makeContainer makes a container unless it is known to exist. Swift cannot
// write the layout by the first of two processes only, so it is read once more
// before anything is put into a new container.
func (s *Store) makeContainer(ctx context.Context, name string) error {
	s.mu.Lock()
	made := s.made[name]
	s.mu.Unlock()
	if made {
		return nil
	}
	if name != s.opts.Prefix {
		switch l, err := s.readLayout(ctx); {
		case err != nil:
			return fmt.Errorf("%w: layout: %v", content.ErrUnavailable, err)
		case l.Containers != s.containers:
			return fmt.Errorf("the store was made with %d containers, and is used with %d", l.Containers, s.containers)
		}
	}
	if _, err := s.succeed(ctx, &request{method: http.MethodPut, container: name}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[name] = true
	return nil
}

// limits are what a site's Swift allows, from its /info.
type limits struct {
	Swift struct {
		Listing int `json:"container_listing_limit"`
	} `json:"swift"`
}

// listingLimit is the longest page a listing may have.
func (s *Store) listingLimit(ctx context.Context) (int, error) {
	s.mu.Lock()
	l := s.limits
	s.mu.Unlock()
	if l == nil {
		t, err := s.session.get(ctx)
		if err != nil {
			return 0, err
		}
		l = &limits{}
		b, err := s.info(ctx, t)
		var st *status
		switch {
		case err == nil:
			_ = json.Unmarshal(b, l) // it may say less
		case errors.As(err, &st) && !retryable(err): // the site hides it
		default:
			return 0, err
		}
		s.mu.Lock()
		s.limits = l
		s.mu.Unlock()
	}
	if n := l.Swift.Listing; n > 0 {
		return n, nil
	}
	return 10_000, nil // Swift's own
}
