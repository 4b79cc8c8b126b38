package cli

import (
	"context"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// location is a place that a person named: an object, a prefix, a local path,
// or standard input and output.
type location struct {
	remote      bool
	bucket, key string
	local       string // "-" for standard input or output
	pattern     *regexp.Regexp
	text        string
}

func (l *location) stdio() bool { return !l.remote && l.local == "-" }

// isPrefix: what was named can only be a bucket or a "directory".
func (l *location) isPrefix() bool { return l.key == "" || strings.HasSuffix(l.key, "/") }

func objectURL(bucket, key string) string { return "s3://" + bucket + "/" + key }

// locate understands what was named. Objects are s3://bucket/key or me:/path in
// the home bucket; keys are taken as they are, without any decoding.
func (a *app) locate(ctx context.Context, text string) (*location, error) {
	l := &location{text: text}
	switch {
	case strings.HasPrefix(text, "s3://"):
		l.remote = true
		l.bucket, l.key, _ = strings.Cut(text[len("s3://"):], "/")
		if l.bucket == "" {
			return nil, usagef("%q names no bucket", text)
		}
	case strings.HasPrefix(text, "me:"):
		s, err := a.open(ctx)
		if err != nil {
			return nil, err
		}
		if l.bucket, err = s.home(ctx); err != nil {
			return nil, err
		}
		l.remote, l.key = true, strings.TrimPrefix(text[len("me:"):], "/")
	case text == "":
		return nil, usagef("an empty path names nothing")
	default:
		l.local = text
	}
	return l, nil
}

// remoteLocation is locate for what must be in the repository.
func (a *app) remoteLocation(ctx context.Context, text string) (*location, error) {
	l, err := a.locate(ctx, text)
	if err == nil && !l.remote {
		return nil, usagef("%q is not in the repository: s3://BUCKET/KEY or me:/PATH is wanted", text)
	}
	return l, err
}

// glob makes a pattern of a key with * or ?, and leaves the key with what stands
// before them, literally. With below, what lies beneath a match matches, too.
// A backslash takes a * or ? for itself.
func (l *location) glob(below bool) error {
	plain := true
	var literal, expr strings.Builder
	expr.WriteString(`(?s)\A`)
	for i := 0; i < len(l.key); i++ {
		c := l.key[i]
		switch {
		case c == '\\' && i+1 < len(l.key) && strings.IndexByte(`*?\`, l.key[i+1]) >= 0:
			i++
			c = l.key[i]
			expr.WriteString(quoteByte(c))
		case c == '*' && i+1 < len(l.key) && l.key[i+1] == '*':
			i++
			expr.WriteString(`.*`)
			plain = false
		case c == '*':
			expr.WriteString(`[^/]*`)
			plain = false
		case c == '?':
			expr.WriteString(`[^/]`)
			plain = false
		default:
			expr.WriteString(quoteByte(c))
		}
		if plain {
			literal.WriteByte(c)
		}
	}
	l.key = literal.String()
	if plain {
		return nil
	}
	if below {
		expr.WriteString(`(/.*)?`)
	}
	expr.WriteString(`\z`)
	var err error
	if l.pattern, err = regexp.Compile(expr.String()); err != nil {
		return usagef("%q cannot be a pattern: %v", l.text, err)
	}
	return nil
}

// quoteByte writes a byte for a regular expression; bytes beyond ASCII are parts
// of runes, which stand for themselves.
func quoteByte(c byte) string {
	if c < 0x80 {
		return regexp.QuoteMeta(string(rune(c)))
	}
	return string([]byte{c})
}

// base is the last part of a name, as the name of a file.
func (l *location) base() string {
	if l.remote {
		return path.Base(l.key)
	}
	return filepath.Base(l.local)
}

// directory is the part of a key up to its last slash.
func directory(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }
