package app

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

// TestDiskFaults lets the disk fail in each way while an object is stored, and
// sees that the client is told the right thing, that nothing can be seen of the
// object, that no file is left, that reads go on, and that all is well after.
func TestDiskFaults(t *testing.T) {
	for name, c := range map[string]struct {
		rule   faultfs.Rule
		status int
		code   string
	}{
		"full when created":             {faultfs.Rule{Op: faultfs.OpenFile, Path: "/tmp/", Err: syscall.ENOSPC}, 507, "InsufficientStorage"},
		"full in write":                 {faultfs.Rule{Op: faultfs.Write, Skip: 1, Err: syscall.ENOSPC}, 507, "InsufficientStorage"},
		"full in the midst":             {faultfs.Rule{Op: faultfs.Write, Err: syscall.ENOSPC, Short: 1000}, 507, "InsufficientStorage"},
		"full in fsync":                 {faultfs.Rule{Op: faultfs.Sync, Path: "/tmp/", Err: syscall.ENOSPC}, 507, "InsufficientStorage"},
		"disk quota":                    {faultfs.Rule{Op: faultfs.Write, Err: syscall.EDQUOT}, 507, "InsufficientStorage"},
		"EIO in write":                  {faultfs.Rule{Op: faultfs.Write, Err: syscall.EIO}, 503, "SlowDown"},
		"short write":                   {faultfs.Rule{Op: faultfs.Write, Short: 10}, 503, "SlowDown"},
		"EIO in fsync":                  {faultfs.Rule{Op: faultfs.Sync, Path: "/tmp/", Err: syscall.EIO}, 503, "SlowDown"},
		"EIO in fsync of the directory": {faultfs.Rule{Op: faultfs.Sync, Path: "/data/", Err: syscall.EIO}, 503, "SlowDown"},
		"EIO in rename":                 {faultfs.Rule{Op: faultfs.Rename, Err: syscall.EIO}, 503, "SlowDown"},
		"EIO in close":                  {faultfs.Rule{Op: faultfs.Close, Path: "/tmp/", Err: syscall.EIO}, 503, "SlowDown"},
		"read only":                     {faultfs.Rule{Op: faultfs.OpenFile, Path: "/tmp/", Err: syscall.EROFS}, 503, "SlowDown"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.want("PUT", "/box/there", large+"there", 200)
			before := l.files()
			l.disk.Inject(c.rule)
			for _, key := range []string{"/box/new", "/box/there"} {
				if a := l.do("PUT", key, large+"other"); a.status != c.status || a.code != c.code {
					t.Errorf("PUT %s: %d %s, want %d %s", key, a.status, a.code, c.status, c.code)
				}
			}
			l.want("GET", "/box/new", "", 404)
			l.wantBody("/box/there", large+"there")
			l.want("PUT", "/box/inline", small, 200) // lies in its record
			if n := l.files(); n != before {
				t.Errorf("%d files, there were %d", n, before)
			}
			l.heal()
			l.want("PUT", "/box/new", large+"new", 200)
			l.wantBody("/box/new", large+"new")
		})
	}
}

// TestUploadPartOnAFullDisk: a part that did not fit can be sent again.
func TestUploadPartOnAFullDisk(t *testing.T) {
	l := newLab(t)
	_, id, _ := strings.Cut(l.want("POST", "/box/k?uploads", "", 200).body, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	l.disk.Inject(faultfs.Rule{Op: faultfs.Write, Err: syscall.ENOSPC})
	if a := l.do("PUT", "/box/k?partNumber=1&uploadId="+id, large); a.status != 507 {
		t.Errorf("part: %d %s", a.status, a.code)
	}
	l.heal()
	tag := l.want("PUT", "/box/k?partNumber=1&uploadId="+id, large, 200).header.Get("ETag")
	l.want("POST", "/box/k?uploadId="+id, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+tag+"</ETag></Part></CompleteMultipartUpload>", 200)
	l.wantBody("/box/k", large)
}

// TestReadFaults: what cannot be read is an error, or a cut connection; never
// other bytes or fewer that look like all.
func TestReadFaults(t *testing.T) {
	l := newLab(t)
	l.want("PUT", "/box/k", large, 200)
	l.disk.Inject(faultfs.Rule{Op: faultfs.OpenFile, Err: syscall.EIO})
	if a := l.do("GET", "/box/k", ""); a.status < 500 {
		t.Errorf("open: %d %s", a.status, a.code)
	}
	l.disk.Heal()
	for skip := range 3 {
		l.disk.Inject(faultfs.Rule{Op: faultfs.Read, Skip: skip, Err: syscall.EIO})
		if a := l.do("GET", "/box/k", ""); a.status < 500 && a.code == "" {
			t.Errorf("read %d: %d, %d bytes, %s", skip, a.status, len(a.body), a.code)
		}
		l.disk.Heal()
	}
	l.wantBody("/box/k", large)
	l.heal()
}

// TestSlowDisk: nothing fails that is only slow, and the rest goes on meanwhile.
func TestSlowDisk(t *testing.T) {
	l := newLab(t)
	l.disk.Inject(faultfs.Rule{Op: faultfs.Sync, Delay: 300 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if a := l.do("PUT", fmt.Sprint("/box/k", i), large); a.status != 200 {
				t.Errorf("%d %s", a.status, a.code)
			}
		})
	}
	l.want("PUT", "/box/inline", small, 200)
	l.wantBody("/box/inline", small)
	wg.Wait()
	l.heal()
}

// requests are one of each kind, on a repository with object k.
var requests = []struct{ method, path, body string }{
	{"GET", "/", ""}, {"PUT", "/other", ""}, {"HEAD", "/box", ""}, {"GET", "/box?list-type=2", ""}, {"GET", "/box?versions", ""},
	{"GET", "/box/k", ""}, {"HEAD", "/box/k", ""}, {"PUT", "/box/small", small}, {"PUT", "/box/k", large},
	{"POST", "/box/up?uploads", ""}, {"GET", "/box?uploads", ""}, {"PUT", "/box?tagging", "<Tagging><TagSet/></Tagging>"},
	{"PUT", "/box/k?tagging", "<Tagging><TagSet/></Tagging>"},
	{"POST", "/box?delete", "<Delete><Object><Key>none</Key></Object></Delete>"}, {"DELETE", "/box/none", ""},
}

// TestMetadataUnavailable: a short outage is not noticed, a longer one is
// SlowDown, and afterwards all is well.
func TestMetadataUnavailable(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"unavailable": {meta.ErrUnavailable, "SlowDown"},
		"full":        {meta.ErrFull, "InsufficientStorage"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.want("PUT", "/box/k", large, 200)
			var failed atomic.Int64
			fail := func(op storewrap.Op, _ meta.Partition, _ string) error {
				if c.err == meta.ErrFull && op != storewrap.Put && op != storewrap.Batch {
					return nil // what is full can still be read
				}
				failed.Add(1)
				return c.err
			}
			for _, r := range requests {
				before := failed.Load()
				l.faults.Before = fail
				a := l.do(r.method, r.path, r.body)
				l.faults.Before = nil
				l.recover()
				if failed.Load() == before {
					continue
				}
				if r.method == "HEAD" {
					a.code = c.code // has no document
				}
				inDocument := strings.Contains(a.body, "<Code>"+c.code+"</Code>") // DeleteObjects answers for each key
				if a.status != 503 && a.status != 507 && !inDocument || a.code != c.code && !inDocument {
					t.Errorf("%s %s: %d %s %s", r.method, r.path, a.status, a.code, a.body)
				}
				if a.status == 503 && a.header.Get("Retry-After") == "" {
					t.Errorf("%s %s: no Retry-After", r.method, r.path)
				}
				if n := failed.Load() - before; n > 60 {
					t.Errorf("%s %s: %d calls", r.method, r.path, n)
				}
			}
			l.heal()
			l.wantBody("/box/k", large)
			l.want("GET", "/box/small", "", 404)
			if failed.Load() == 0 {
				t.Error("nothing failed")
			}
		})
	}
	t.Run("for a moment", func(t *testing.T) {
		l := newLab(t)
		var calls atomic.Int64
		l.faults.Before = func(storewrap.Op, meta.Partition, string) error {
			if calls.Add(1)%3 != 0 { // two of three calls fail
				return meta.ErrUnavailable
			}
			return nil
		}
		for _, r := range requests[6:9] {
			if a := l.do(r.method, r.path, r.body); a.status >= 500 {
				t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.code)
			}
		}
		l.heal()
		l.wantBody("/box/small", small)
	})
}

// TestAcknowledgedOnlyWhenCommitted loses, before or after the work, each call to
// the metadata store in turn. A write that was acknowledged is there; one that
// was refused is not, unless nobody can know.
func TestAcknowledgedOnlyWhenCommitted(t *testing.T) {
	for _, after := range []bool{false, true} {
		for _, lost := range []error{meta.ErrOutcomeUnknown, meta.ErrUnavailable} {
			if after && lost == meta.ErrUnavailable {
				continue // a store that says so has written nothing
			}
			t.Run(fmt.Sprintf("%v, done %v", lost, after), func(t *testing.T) {
				l := newLab(t)
				for n := int64(1); n < 40; n++ {
					key := fmt.Sprintf("/box/k%d", n)
					var calls atomic.Int64
					hook := func(op storewrap.Op, _ meta.Partition, _ string) error {
						if op != storewrap.Get && op != storewrap.Scan && calls.Add(1) == n {
							return lost
						}
						return nil
					}
					if after {
						l.faults.After = hook
					} else {
						l.faults.Before = hook
					}
					a := l.do("PUT", key, large)
					l.heal()
					there := l.do("GET", key, "")
					switch {
					case a.status == 200 && (there.status != 200 || there.body != large):
						t.Errorf("call %d: acknowledged, then %d", n, there.status)
					case a.status != 200 && a.status != 503:
						t.Errorf("call %d: %d %s", n, a.status, a.code)
					case there.status == 200 && there.body != large:
						t.Errorf("call %d: half an object", n)
					}
				}
			})
		}
	}
}

func TestTooManyRequests(t *testing.T) {
	l := newLab(t, "--max-requests", "2")
	l.want("PUT", "/box/k", small, 200)
	hold := make(chan struct{})
	var held sync.WaitGroup
	held.Add(2)
	l.faults.Before = func(storewrap.Op, meta.Partition, string) error {
		return nil
	}
	var entered atomic.Int64
	l.disk.Inject(faultfs.Rule{Op: faultfs.Sync, Delay: time.Millisecond})
	l.faults.Delay = func(op storewrap.Op, _ meta.Partition, _ string) time.Duration {
		if op == storewrap.Put || op == storewrap.Batch {
			if entered.Add(1) <= 2 {
				held.Done()
				<-hold
			}
		}
		return 0
	}
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if a := l.do("PUT", fmt.Sprint("/box/held", i), small); a.status != 200 {
				t.Errorf("held request: %d %s", a.status, a.code)
			}
		})
	}
	held.Wait()
	a := l.do("GET", "/box/k", "")
	if a.status != http.StatusServiceUnavailable || a.code != "SlowDown" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", a.status, a.code, a.header)
	}
	close(hold)
	wg.Wait()
	l.wantBody("/box/k", small)
	l.heal()
}
