package sweep

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
)

// BenchmarkReleases frees contents on the stores of a small site; an operation is
// one content. While it runs nothing else writes: what a busy site reaches is less.
func BenchmarkReleases(b *testing.B) {
	dir := b.TempDir()
	db, err := sqlite.Open(filepath.Join(dir, "meta.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	files, err := localfs.Open(afero.NewOsFs(), filepath.Join(dir, "content"), localfs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	registry := mem.NewMeta()
	r := &repo.Repo{
		Meta: db, Registry: registry, Content: files,
		Quota:    &quota.Keeper{Registry: registry, Now: time.Now, Process: "bench"},
		Accounts: &accounts.Service{Registry: registry, Now: time.Now, SiteKey: make([]byte, 32)},
		Now:      time.Now, InlineMax: 32, Leeway: leeway,
	}
	account, err := json.Marshal(catalog.Account{ID: "ana", Name: "ana", State: catalog.Active, Role: catalog.Member, Quota: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := registry.Put(ctx, catalog.Accounts, "ana", meta.Record{Value: account}, meta.Always); err != nil {
		b.Fatal(err)
	}
	bucket, err := r.CreateBucket(ctx, catalog.Bucket{Name: "bench", Owner: "ana"})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < b.N; i += 16 {
				key, body := fmt.Sprint("k", i), big("x")
				_, err := r.PutObject(ctx, repo.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
				if err == nil {
					_, err = r.DeleteObject(ctx, repo.DeleteInput{Bucket: bucket, Key: key})
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s := &Sweeper{Repo: r, Now: func() time.Time { return time.Now().Add(leeway + time.Minute) }, Log: slog.New(slog.DiscardHandler), Day: leeway}
	var rep Report
	b.ResetTimer()
	if err := s.releases(ctx, &rep); err != nil || rep.Freed != b.N {
		b.Fatalf("%+v, %v", rep, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "releases/s")
}
