package s3

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sweep"
)

func showGovernance(s *testServer) {
	path := s.locks("X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", inTime(1))
	s.fails(s3err.ObjectLocked, "main", "DELETE", path, "")
	s.fails(s3err.ObjectLocked, "op", "DELETE", path, "")
	s.want(204, "main", "DELETE", "/lock/k", "") // a delete marker hides it, and no more
	s.has(path, "hello")
	s.want(204, "main", "DELETE", path, "", "X-Amz-Bypass-Governance-Retention", "true")
	s.fails(s3err.NoSuchVersion, "main", "GET", path, "")
}

func showCompliance(s *testServer) {
	path := s.locks("X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", inTime(1))
	for _, who := range []string{"main", "op"} {
		s.fails(s3err.ObjectLocked, who, "DELETE", path, "", "X-Amz-Bypass-Governance-Retention", "true")
	}
	s.has(path, "hello")
}

func showUndelete(s *testServer) {
	s.versioned()
	s.want(200, "main", "PUT", "/bkt/k", "precious")
	marker := s.want(204, "main", "DELETE", "/bkt/k", "").header.Get("X-Amz-Version-Id")
	s.shows(s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", ""), "X-Amz-Delete-Marker", "true")
	s.want(204, "main", "DELETE", "/bkt/k?versionId="+marker, "")
	s.has("/bkt/k", "precious")
}

// sweepAfter runs the sweeper as if so many days had passed.
func (s *testServer) sweepAfter(days int) {
	s.t.Helper()
	w := &sweep.Sweeper{Repo: s.inside().Repo, Log: slog.New(slog.DiscardHandler), Day: 24 * time.Hour, Now: func() time.Time { return time.Now().AddDate(0, 0, days) }}
	if _, err := w.Run(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// rule sets the only lifecycle rule of the bucket.
func (s *testServer) rule(filter, action string) {
	s.t.Helper()
	s.want(200, "main", "PUT", "/bkt?lifecycle", "<LifecycleConfiguration><Rule><ID>r</ID><Filter>"+filter+"</Filter><Status>Enabled</Status>"+action+"</Rule></LifecycleConfiguration>")
}

func showExpirationByDays(s *testServer) {
	const threeDays = "<Expiration><Days>3</Days></Expiration>"
	for filter, goes := range map[string]string{
		"<Prefix>tmp/</Prefix>":                                                    "tmp/a",
		"<Tag><Key>t</Key><Value>1</Value></Tag>":                                  "tagged",
		"<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>":                         "large",
		"<And><Prefix>tm</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></And>": "tmp/a",
	} {
		s.want(200, "main", "PUT", "/bkt/tmp/a", "small")
		s.want(200, "main", "PUT", "/bkt/tagged", "small", "X-Amz-Tagging", "t=1")
		s.want(200, "main", "PUT", "/bkt/large", "larger")
		s.rule(filter, threeDays)
		s.sweepAfter(2)
		s.want(200, "main", "GET", "/bkt/"+goes, "")
		s.sweepAfter(5)
		for _, key := range []string{"tmp/a", "tagged", "large"} {
			want := map[bool]int{true: 404, false: 200}[key == goes]
			s.want(want, "main", "GET", "/bkt/"+key, "")
		}
	}
}

func showExpirationByDate(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.rule("", "<Expiration><Date>"+inTime(5)[:10]+"T00:00:00Z</Date></Expiration>")
	s.sweepAfter(3)
	s.want(200, "main", "GET", "/bkt/k", "")
	s.sweepAfter(6)
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
}

func showNoncurrent(s *testServer) {
	s.versioned()
	for i := range 4 {
		s.want(200, "main", "PUT", "/bkt/k", fmt.Sprint(i))
	}
	s.rule("", "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>")
	s.sweepAfter(5)
	if l := s.want(200, "main", "GET", "/bkt?versions", ""); strings.Count(l.body, "<Version>") != 2 {
		s.t.Error(l.body)
	}
	s.has("/bkt/k", "3")
}

func showExpiredMarkers(s *testServer) {
	s.versioned()
	v := s.want(200, "main", "PUT", "/bkt/k", "x").header.Get("X-Amz-Version-Id")
	s.want(204, "main", "DELETE", "/bkt/k", "")
	s.rule("", "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")
	s.sweepAfter(1)
	s.holds(s.want(200, "main", "GET", "/bkt?versions", ""), "<DeleteMarker>", v) // it still hides something
	s.want(204, "main", "DELETE", "/bkt/k?versionId="+v, "")
	s.sweepAfter(1)
	s.want(204, "main", "DELETE", "/bkt", "") // nothing is left
}

func showAbortedUploads(s *testServer) {
	id := s.begin("/bkt/k")
	s.part("/bkt/k", id, 1, "x")
	s.rule("", "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
	s.sweepAfter(1)
	s.want(200, "main", "GET", "/bkt/k?uploadId="+id, "")
	s.sweepAfter(4)
	s.fails(s3err.NoSuchUpload, "main", "GET", "/bkt/k?uploadId="+id, "")
}

func showExpirationHeader(s *testServer) {
	s.rule("", "<Expiration><Days>3</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	if h := s.want(200, "main", "HEAD", "/bkt/k", "").header.Get("X-Amz-Expiration"); !strings.HasPrefix(h, `expiry-date="`) || !strings.HasSuffix(h, `rule-id="r"`) {
		s.t.Errorf("X-Amz-Expiration: %s", h)
	}
	s.shows(s.want(200, "main", "POST", "/bkt/k?uploads", ""), "X-Amz-Abort-Date", "*", "X-Amz-Abort-Rule-Id", "r")
}
