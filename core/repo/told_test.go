package repo

import (
	"context"
	"crypto/md5"
	"hash"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

// listener is a content store whose writers want to be told the MD5.
type listener struct {
	content.Store
	told, wrong int
}

func (l *listener) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	w, err := l.Store.Create(ctx, id, size)
	return &listening{w, l, md5.New()}, err
}

type listening struct {
	content.Writer
	l   *listener
	sum hash.Hash
}

func (w *listening) Write(p []byte) (int, error) {
	w.sum.Write(p)
	return w.Writer.Write(p)
}

func (w *listening) MD5(sum [md5.Size]byte) {
	w.l.told++
	if sum != [md5.Size]byte(w.sum.Sum(nil)) {
		w.l.wrong++
	}
}

// A store is told the MD5 of what it is given, encrypted or not, where that is the
// ETag; and nothing where it is not.
func TestStoreIsTold(t *testing.T) {
	l := newLab(t, meta.Capabilities{})
	heard := &listener{Store: l.Content}
	l.Content = &storewrap.GuardedContent{Store: heard, Guard: &storewrap.Guard{}}
	body := strings.Repeat("0123456789", 100_000)
	for name, key := range l.keyring(t) {
		heard.told = 0
		l.mustPut(t, name, body, encrypted(key))
		want := 0
		if key == nil || key.Customer() {
			want = 1
		}
		if heard.told != want || heard.wrong != 0 {
			t.Errorf("%s: told %d times, want %d; %d times another MD5", name, heard.told, want, heard.wrong)
		}
	}
}
