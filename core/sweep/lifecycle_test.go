package sweep

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

const day = 24 * time.Hour

// rules gives a bucket a lifecycle configuration.
func (l *lab) rules(b *catalog.Bucket, rules ...string) *catalog.Bucket {
	l.Helper()
	doc := "<LifecycleConfiguration>"
	for i, r := range rules {
		doc += fmt.Sprintf("<Rule><ID>r%d</ID><Status>Enabled</Status>%s</Rule>", i, r)
	}
	l.must(l.SetBucketDoc(ctx, b, catalog.DocLifecycle, []byte(doc+"</LifecycleConfiguration>")))
	b, err := l.Repo.Bucket(ctx, b.Name)
	l.must(err)
	return b
}

func tagged(value string) func(*repo.PutObjectInput) {
	return func(in *repo.PutObjectInput) { in.Object.Tags = []catalog.Tag{{Key: "keep", Value: value}} }
}

func TestLifecycleOfCurrentObjects(t *testing.T) {
	for name, c := range map[string]struct {
		rules []string
		days  int
		left  []string
	}{
		"not yet":         {[]string{"<Filter/><Expiration><Days>3</Days></Expiration>"}, 2, []string{"a/large", "a/small", "b/no", "b/yes"}},
		"all":             {[]string{"<Filter/><Expiration><Days>3</Days></Expiration>"}, 4, nil},
		"noncurrent only": {[]string{"<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"}, 9, []string{"a/large", "a/small", "b/no", "b/yes"}},
		"prefix":          {[]string{"<Filter><Prefix>a/</Prefix></Filter><Expiration><Days>1</Days></Expiration>"}, 3, []string{"b/no", "b/yes"}},
		"date":            {[]string{"<Filter/><Expiration><Date>2000-01-05T00:00:00Z</Date></Expiration>"}, 3, []string{"a/large", "a/small", "b/no", "b/yes"}},
		"after":           {[]string{"<Filter/><Expiration><Date>2000-01-05T00:00:00Z</Date></Expiration>"}, 5, nil},
		"tag":             {[]string{"<Filter><Tag><Key>keep</Key><Value>no</Value></Tag></Filter><Expiration><Days>1</Days></Expiration>"}, 3, []string{"a/large", "a/small", "b/yes"}},
		"size":            {[]string{"<Filter><ObjectSizeGreaterThan>100</ObjectSizeGreaterThan></Filter><Expiration><Days>1</Days></Expiration>"}, 3, []string{"a/small", "b/no", "b/yes"}},
		"two rules": {[]string{
			"<Filter><Prefix>a/s</Prefix></Filter><Expiration><Days>1</Days></Expiration>",
			"<Filter><And><Prefix>b/</Prefix><Tag><Key>keep</Key><Value>no</Value></Tag></And></Filter><Expiration><Days>1</Days></Expiration>",
		}, 3, []string{"a/large", "b/yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				l.rules(l.bucket, c.rules...)
				l.put(l.bucket, "a/large", strings.Repeat("x", 200))
				l.put(l.bucket, "a/small", "x")
				l.put(l.bucket, "b/no", "x", tagged("no"))
				l.put(l.bucket, "b/yes", "x", tagged("yes"))
				time.Sleep(time.Duration(c.days)*day + time.Hour)
				rep := l.sweep()
				l.wantKeys(l.bucket, c.left...)
				if rep.Expired != 4-len(c.left) {
					l.Errorf("report %+v", rep)
				}
				if rep := l.sweep(); rep.Expired != 0 {
					l.Errorf("again %+v", rep)
				}
			})
		})
	}
}

func TestLifecycleOfVersions(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("versions", catalog.VersioningEnabled)
		b = l.rules(b, `<Filter/><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
			`<Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>`,
			`<Filter><Prefix>alone</Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`)
		for i := range 6 {
			l.put(b, "k", big(fmt.Sprint(i)))
		}
		l.put(b, "alone", big("one"))
		l.remove(b, "alone", "")
		l.put(b, "marked", big("stays"))
		l.remove(b, "marked", "")
		l.sweep()
		if n := len(l.versions(b, "k")); n != 6 {
			l.Errorf("%d versions", n)
		}
		time.Sleep(2*day + time.Hour)
		l.sweep()
		if n := len(l.versions(b, "alone")); n != 1 { // the marker, alone from now on
			l.Errorf("%d versions of alone", n)
		}
		time.Sleep(day)
		l.sweep()
		if got := l.versions(b, "k"); len(got) != 3 || l.read(b, "k", got[2]) != big("3") {
			l.Errorf("versions %q", got)
		}
		if n := len(l.versions(b, "alone")); n != 0 {
			l.Errorf("%d versions of alone", n)
		}
		if n := len(l.versions(b, "marked")); n != 2 {
			l.Errorf("%d versions of marked", n)
		}
		l.empty(b)
		l.later()
		l.wantNothing(b)
	})
}

// TestLifecycleLeavesMarkers: in a bucket with versioning an expired object is
// only hidden.
func TestLifecycleLeavesMarkers(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.rules(l.newBucket("versions", catalog.VersioningEnabled), "<Filter/><Expiration><Days>1</Days></Expiration>")
		o := l.put(b, "k", big("body"))
		time.Sleep(2*day + time.Hour)
		l.sweep()
		l.wantKeys(b)
		if got := l.read(b, "k", o.VersionID()); got != big("body") || len(l.versions(b, "k")) != 2 {
			l.Errorf("read %q of %q", got, l.versions(b, "k"))
		}
	})
}

func TestLifecycleKeepsLockedVersions(t *testing.T) {
	onGrades(t, func(l *lab) {
		b := l.newBucket("versions", catalog.VersioningEnabled)
		b = l.rules(b, "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
		until := time.Now().Add(10 * day)
		held := l.put(b, "k", big("held"), func(in *repo.PutObjectInput) { in.Object.LegalHold = true })
		l.put(b, "k", big("governed"), func(in *repo.PutObjectInput) {
			in.Object.Retention = catalog.Retention{Mode: catalog.Governance, Until: until}
		})
		l.put(b, "k", big("free"))
		l.put(b, "k", big("current"))
		time.Sleep(5 * day)
		if rep := l.sweep(); rep.Expired != 1 || len(l.versions(b, "k")) != 3 {
			l.Errorf("report %+v, versions %q", rep, l.versions(b, "k"))
		}
		time.Sleep(6 * day)
		if rep := l.sweep(); rep.Expired != 1 || l.read(b, "k", held.VersionID()) != big("held") {
			l.Errorf("report %+v, versions %q", rep, l.versions(b, "k"))
		}
	})
}

// TestLifecycleSparesWhatIsOverwritten: the object judged is not the one deleted.
func TestLifecycleSparesWhatIsOverwritten(t *testing.T) {
	for name, suspended := range map[string]bool{"unversioned": false, "suspended": true} {
		t.Run(name, func(t *testing.T) {
			onGrades(t, func(l *lab) {
				b := l.bucket
				if suspended {
					b = l.newBucket("suspended", catalog.VersioningSuspended)
				}
				b = l.rules(b, "<Filter/><Expiration><Days>1</Days></Expiration>")
				l.put(b, "k", "same")
				time.Sleep(2*day + time.Hour)
				// Between the listing and the deletion's look at the record.
				listed := false
				ran := l.during(func(op string, _ meta.Partition, key string) bool {
					listed = listed || op == "scan" && strings.HasPrefix(key, catalog.SpaceObject)
					return listed && op == "get" && key == catalog.ObjectKey("k")
				}, func() { l.other().put(b, "k", "same") })
				rep := l.sweep()
				if !ran.Load() || rep.Expired != 0 {
					l.Errorf("overwritten %v, report %+v", ran.Load(), rep)
				}
				l.wantKeys(b, "k")
			})
		})
	}
}

func TestLifecycleAbortsUploads(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.rules(l.bucket, "<Filter><Prefix>old/</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
		for _, key := range []string{"old/a", "old/b", "other"} {
			l.part(l.bucket, key, l.begin(l.bucket, key), 1, big(key))
		}
		before := l.usage().Bytes
		time.Sleep(3*day + time.Hour)
		young := l.begin(l.bucket, "old/young")
		if rep := l.sweep(); rep.AbortedUploads != 2 {
			l.Errorf("report %+v", rep)
		}
		if got := before - l.usage().Bytes; got != int64(2*len(big("old/a"))) {
			l.Errorf("%d bytes fewer are used", got)
		}
		l.must(l.AbortUpload(ctx, l.bucket, "old/young", young.ID))
		l.later()
		l.wantStored(1)
	})
}

// TestBadLifecycleDocument hinders no other bucket.
func TestBadLifecycleDocument(t *testing.T) {
	onGrades(t, func(l *lab) {
		bad := l.newBucket("a-bad-one", catalog.Unversioned)
		l.must(l.SetBucketDoc(ctx, bad, catalog.DocLifecycle, []byte("<rubbish>")))
		l.rules(l.bucket, "<Filter/><Expiration><Days>1</Days></Expiration>")
		l.put(l.bucket, "k", "x")
		time.Sleep(3 * day)
		rep, err := l.sweeper.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), bad.Name) || rep.Expired != 1 {
			l.Errorf("report %+v, %v", rep, err)
		}
	})
}

// TestShortDays: with --debug a day lasts seconds.
func TestShortDays(t *testing.T) {
	onGrades(t, func(l *lab) {
		l.sweeper.Day = 2 * time.Second
		l.rules(l.bucket, "<Filter/><Expiration><Days>3</Days></Expiration>")
		l.put(l.bucket, "k", "x")
		time.Sleep(5 * time.Second)
		l.sweep()
		l.wantKeys(l.bucket, "k")
		time.Sleep(2 * time.Second)
		l.sweep()
		l.wantKeys(l.bucket)
	})
}
