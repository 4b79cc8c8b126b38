package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 28, 23, 59, 59, 123e6, time.UTC)

func newLog(t testing.TB, now *time.Time) *Log {
	return &Log{Dir: filepath.Join(t.TempDir(), "audit"), Keep: 48 * time.Hour, Now: func() time.Time { return *now }}
}

func event(owner, key string, at time.Time) *Event {
	return &Event{Kind: KindRequest, Time: At(at), UserID: "u-" + owner, BucketOwnerID: owner, Bucket: "box", Key: key, Operation: "REST.GET.OBJECT", HTTPStatus: 200}
}

func find(t *testing.T, l *Log, q Query) ([]Event, bool) {
	t.Helper()
	got, complete, err := l.Find(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got, complete
}

func TestFind(t *testing.T) {
	now := day
	l := newLog(t, &now)
	for i := range 10 {
		l.Add(event("ana", fmt.Sprint("in/", i), now.Add(time.Duration(i)*time.Millisecond)))
		l.Add(event("ben", "secret", now))
	}
	now = now.Add(time.Second) // the next day
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	l.Add(event("ana", "out/x", now))
	got, complete := find(t, l, Query{Owner: "ana"})
	if len(got) != 11 || !complete || got[0].Key != "out/x" || got[1].Key != "in/9" || got[10].Key != "in/0" {
		t.Fatalf("found %d, %v: %+v", len(got), complete, got)
	}
	for _, e := range got {
		if e.BucketOwnerID != "ana" {
			t.Errorf("somebody else's event: %+v", e)
		}
	}
	if got, complete = find(t, l, Query{Owner: "ana", Max: 3}); len(got) != 3 || complete || got[2].Key != "in/8" {
		t.Errorf("at most 3: %d, %v, %+v", len(got), complete, got)
	}
	if got, _ = find(t, l, Query{Owner: "ana", Prefix: "in/", Since: day.Add(5 * time.Millisecond)}); len(got) != 5 {
		t.Errorf("since: %d", len(got))
	}
	if got, _ = find(t, l, Query{Owner: "ana", Until: day.Add(2 * time.Millisecond)}); len(got) != 3 {
		t.Errorf("until: %d", len(got))
	}
	if got, _ = find(t, l, Query{User: "u-ben"}); len(got) != 10 {
		t.Errorf("of a user: %d", len(got))
	}
	if got, _ = find(t, l, Query{Owner: "ana", Bucket: "other"}); len(got) != 0 {
		t.Errorf("another bucket: %+v", got)
	}
	if _, _, err := l.Find(context.Background(), Query{}); err == nil {
		t.Error("found everybody's events")
	}
}

func TestLine(t *testing.T) {
	now := day
	l := newLog(t, &now)
	l.Add(&Event{Kind: KindCredential, Time: At(day), Key: "a\nb\x00\xff<", Credential: &Credential{EndOfProxy: At(day)}})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(l.Dir, "audit-2026-11-28.jsonl"))
	if err != nil || bytes.Count(b, []byte("\n")) != 1 || !strings.Contains(string(b), `"time":"2026-11-28T23:59:59.123Z"`) || strings.Contains(string(b), `"expiration"`) {
		t.Fatalf("%s, %v", b, err)
	}
	var e Event
	if err := json.Unmarshal(b, &e); err != nil || !e.Time.Equal(day) || !e.Credential.EndOfProxy.Equal(day) {
		t.Errorf("%+v, %v", e, err)
	}
	for path, want := range map[string]os.FileMode{l.Dir: 0o700, l.path("2026-11-28"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// No client makes a line that cannot be read, or one that is much longer than what
// it sent.
func TestLongTexts(t *testing.T) {
	now := day
	l := newLog(t, &now)
	long := strings.Repeat("<", 32<<10)
	e := event("ana", "k", now)
	e.UserAgent, e.Host, e.Bucket, e.VersionID, e.Target, e.Identity, e.VO, e.PrimaryFQAN = long, long, long, long, long, long, long, long
	l.Add(e)
	if e.UserAgent != long {
		t.Error("the caller's event was changed")
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(l.path("2026-11-28")); err != nil || info.Size() > 64<<10 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	if got, complete := find(t, l, Query{Owner: "ana"}); len(got) != 1 || !complete {
		t.Errorf("found %d, complete: %v", len(got), complete)
	}
	// One of an older version is told of.
	f, err := os.OpenFile(l.path("2026-11-28"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"bucket_owner_id":"ana","user_agent":"` + strings.Repeat("x", maxLine) + "\"}\n"); err != nil {
		t.Fatal(err)
	}
	if got, complete := find(t, l, Query{Owner: "ana"}); len(got) != 1 || complete {
		t.Errorf("found %d, complete: %v", len(got), complete)
	}
}

// Two processes append to one file; what a crash cut off spoils one line.
func TestShared(t *testing.T) {
	now := day
	a := newLog(t, &now)
	b := &Log{Dir: a.Dir, Now: a.Now}
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.path("2026-11-28"), []byte(`{"kind":"request","bucket_owner_id":"ana","cut`), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w, l := range []*Log{a, b, a, b} {
		wg.Go(func() {
			for i := range 200 {
				l.Add(event("ana", fmt.Sprint(w, "-", i), now))
				if i%20 == 0 {
					if err := l.Flush(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := find(t, a, Query{Owner: "ana"}); len(got) != 800 {
		t.Fatalf("found %d of 800", len(got))
	}
}

func TestPrune(t *testing.T) {
	now := day
	l := newLog(t, &now)
	for range 5 {
		l.Add(event("ana", "k", now))
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	days, err := l.days()
	if err != nil || len(days) != 3 || days[0] != "2026-11-30" {
		t.Fatalf("%v, %v", days, err)
	}
}

// While the disk takes nothing events wait, and too many are counted as lost.
func TestDiskFails(t *testing.T) {
	now := day
	l := newLog(t, &now)
	if err := os.WriteFile(l.Dir, nil, 0o600); err != nil { // where the directory should be
		t.Fatal(err)
	}
	l.Add(event("ana", "first", now))
	if l.Flush() == nil {
		t.Fatal("wrote to a file that cannot be")
	}
	big := event("ana", strings.Repeat("x", 1000), now)
	for range 20000 {
		l.Add(big)
	}
	if l.Lost() == 0 {
		t.Error("nothing was lost")
	}
	if err := os.Remove(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := find(t, l, Query{Owner: "ana", Prefix: "first"}); len(got) != 1 {
		t.Error("what waited was not written")
	}
}

func BenchmarkAdd(b *testing.B) {
	now := day
	l := newLog(b, &now)
	e := event("0123456789abcdef01234567", "a/b/c", now)
	e.UserAgent, e.RemoteIP, e.Host = "rclone/1.60", "192.0.2.1", "s3.example.org"
	b.ReportAllocs()
	for b.Loop() {
		l.Add(e)
	}
}
