package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/mucura/mucura/core/client"
)

// selection says which objects a location stands for.
type selection struct {
	*location
	recursive bool
	literal   bool // * and ? stand for themselves
}

// chosen is an object that was selected, and its name below what was selected.
type chosen struct {
	*client.Object
	rel string
}

// choose prepares a selection, and the session to find it with.
func (a *app) choose(ctx context.Context, text string, recursive, literal bool) (*selection, *session, error) {
	l, s, err := a.remote(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	sel := &selection{l, recursive, literal}
	return sel, s, sel.prepare()
}

// remote is a place in the repository, and the session to go there with.
func (a *app) remote(ctx context.Context, text string) (*location, *session, error) {
	l, err := a.remoteLocation(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.open(ctx)
	return l, s, err
}

func (s *selection) prepare() error {
	if s.literal {
		return nil
	}
	return s.glob(s.recursive)
}

// many tells whether it may stand for several objects.
func (s *selection) many() bool { return s.recursive || s.pattern != nil }

// objects gives what was selected. Nothing at all is an error.
func (s *selection) objects(ctx context.Context, c *client.Client) iter.Seq2[*chosen, error] {
	return func(yield func(*chosen, error) bool) {
		found := false
		for o, err := range s.all(ctx, c) {
			if err == nil {
				found = true
			}
			if !yield(o, err) {
				return
			}
			if err != nil {
				return
			}
		}
		if !found {
			yield(nil, s.nothing())
		}
	}
}

func (s *selection) nothing() error {
	hint := ""
	if s.pattern != nil {
		hint = " (to take * and ? as they are: --literal)"
	}
	return &client.NotFoundError{Message: fmt.Sprintf("%s: nothing is there%s", s.text, hint)}
}

func (s *selection) all(ctx context.Context, c *client.Client) iter.Seq2[*chosen, error] {
	switch {
	case s.pattern != nil:
		base := directory(s.key)
		return s.listed(ctx, c, s.key, base, func(key string) bool { return s.pattern.MatchString(key) })
	case s.recursive && s.isPrefix():
		return s.listed(ctx, c, s.key, s.key, nil)
	case s.recursive:
		return s.tree(ctx, c)
	}
	return s.one(ctx, c)
}

// listed gives the objects of a prefix that match, named below base.
func (s *selection) listed(ctx context.Context, c *client.Client, prefix, base string, match func(string) bool) iter.Seq2[*chosen, error] {
	return func(yield func(*chosen, error) bool) {
		for e, err := range c.List(ctx, s.bucket, client.ListOptions{Prefix: prefix}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if match != nil && !match(e.Key) {
				continue
			}
			if !yield(&chosen{&e.Object, strings.TrimPrefix(e.Key, base)}, nil) {
				return
			}
		}
	}
}

// tree gives an object and all below it, as a file system would: "dir" and
// "dir/…", but not "dir2".
func (s *selection) tree(ctx context.Context, c *client.Client) iter.Seq2[*chosen, error] {
	return func(yield func(*chosen, error) bool) {
		o, err := c.Head(ctx, s.bucket, s.key, "")
		switch {
		case err == nil:
			if !yield(&chosen{o, s.base()}, nil) {
				return
			}
		case client.KindOf(err) != client.NotFound || client.HasCode(err, "NoSuchBucket"):
			yield(nil, err)
			return
		}
		for e, err := range s.listed(ctx, c, s.key+"/", s.key+"/", nil) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// one gives the one object that was named.
func (s *selection) one(ctx context.Context, c *client.Client) iter.Seq2[*chosen, error] {
	return func(yield func(*chosen, error) bool) {
		if s.key == "" {
			yield(nil, usagef("%s is a bucket; for all in it give -r", s.text))
			return
		}
		o, err := c.Head(ctx, s.bucket, s.key, "")
		if err != nil {
			yield(nil, s.maybeDirectory(ctx, c, err))
			return
		}
		yield(&chosen{o, s.base()}, nil)
	}
}

// maybeDirectory explains a missing object that has others below it.
func (s *selection) maybeDirectory(ctx context.Context, c *client.Client, err error) error {
	if client.KindOf(err) != client.NotFound {
		return err
	}
	prefix := strings.TrimSuffix(s.key, "/") + "/"
	for _, lerr := range c.List(ctx, s.bucket, client.ListOptions{Prefix: prefix, PageSize: 1}) {
		if lerr == nil {
			return &client.NotFoundError{Message: fmt.Sprintf("%s is no object, but there are some below it: give -r", s.text)}
		}
	}
	return notFound(s.text, err)
}

// notFound says what is missing, as HEAD does not.
func notFound(text string, err error) error {
	if client.KindOf(err) == client.NotFound && !client.HasCode(err, "NoSuchBucket") {
		return &client.NotFoundError{Message: text + ": there is no such object"}
	}
	return err
}
