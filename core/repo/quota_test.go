package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// limit gives the bucket's owner a quota.
func (l *lab) limit(t tester, bytes int64) {
	t.Helper()
	value, err := json.Marshal(catalog.Account{ID: "ana", Name: "ana", State: catalog.Active, Quota: bytes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Registry.Put(ctx, catalog.Accounts, "ana", meta.Record{Value: value}, meta.Always); err != nil {
		t.Fatal(err)
	}
}

func TestQuota(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		l.count(t).limit(t, 100)
		l.mustPut(t, "a", strings.Repeat("x", 60))
		unread := func(in *PutObjectInput) { in.Body = &pieces{bytes.NewReader(nil), 1, errors.New("was read")} }
		_, err := l.put("b", strings.Repeat("x", 41), unread)
		wantRow(t, s3err.QuotaExceeded, err)
		_, err = l.put("b", strings.Repeat("x", 41), func(in *PutObjectInput) { in.Size = -1 })
		wantRow(t, s3err.QuotaExceeded, err)
		_, err = l.copy(l.mustOpen(t, "a", ""), "b")
		wantRow(t, s3err.QuotaExceeded, err)
		l.wantUsage(t, 60, 1)
		_, err = l.put("b", strings.Repeat("x", 40), func(in *PutObjectInput) { in.Digest.MD5 = make([]byte, 16) })
		wantRow(t, s3err.BadDigest, err) // gives back what it reserved
		l.mustPut(t, "b", strings.Repeat("x", 40), func(in *PutObjectInput) { in.Size = -1 })
		l.wantUsage(t, 100, 2)
		l.mustRemove(t, "b", l.mustOpen(t, "b", "").VersionID())
		l.wantUsage(t, 60, 1)
		l.audit(t, false)
	})
}
