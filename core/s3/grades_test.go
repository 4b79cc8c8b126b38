package s3

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/weak"
)

// gradeVariable names the grade of metadata store that test servers are over:
// TestConditionsNeedCompareAndSet asks conditional writes of a store that cannot
// judge them exactly: it does not pretend to. All else works.
func TestConditionsNeedCompareAndSet(t *testing.T) {
	s := newTestServer(t)
	s.inside().Repo.Meta = weak.Grade{Caps: meta.Capabilities{CAS: meta.None, FreshScan: true, MaxInline: 64 << 10}}.Over(s.meta)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	etag := `"` + helloMD5 + `"`
	for _, h := range [][]string{{"If-None-Match", "*"}, {"If-Match", etag}} {
		r := s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/k", "other", h...)
		if r.header.Get("Content-Type") != "application/xml" || r.element("RequestId") == "" {
			t.Errorf("%v: %v %s", h, r.header, r.body)
		}
		s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/copy", "", append(h, "X-Amz-Copy-Source", "/bkt/k")...)
	}
	s.fails(s3err.NotImplemented, "main", "DELETE", "/bkt/k", "", "If-Match", etag)
	up := s.want(200, "main", "POST", "/bkt/up?uploads", "").element("UploadId")
	part := s.want(200, "main", "PUT", "/bkt/up?partNumber=1&uploadId="+up, "hello").header.Get("Etag")
	done := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part + "</ETag></Part></CompleteMultipartUpload>"
	s.fails(s3err.NotImplemented, "main", "POST", "/bkt/up?uploadId="+up, done, "If-None-Match", "*")
	s.want(200, "main", "POST", "/bkt/up?uploadId="+up, done)
	if r := s.want(200, "main", "GET", "/bkt/k", "", "If-Match", etag); r.body != "hello" {
		t.Errorf("the object is now %q", r.body)
	}
	s.want(304, "main", "GET", "/bkt/k", "", "If-None-Match", etag)
	s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "/bkt/k", "X-Amz-Copy-Source-If-Match", etag)
	s.want(204, "main", "DELETE", "/bkt/k", "")
}

// TestOnEveryGrade runs all tests again in other processes.
const gradeVariable = "MUCURA_TEST_GRADE"

// testStores are the stores of a test server: those of a large site when the
// environment says so.
func testStores(store meta.Store) (meta.Store, content.Store) {
	want := os.Getenv(gradeVariable)
	for _, g := range weak.Large() {
		if g.Caps.Name == want {
			return g.Over(store), weak.NewContent(mem.NewContent())
		}
	}
	return store, mem.NewContent()
}

// inexact are the tests that need conditions on objects, which a store without
// compare-and-set answers with 501.
var inexact = []string{
	"TestConditionalDeleteOfNothing", "TestCopyRefuses", "TestCoverage", "TestDeleteObjects", "TestHoistedHeaders",
	"TestPolicyJudgesWhatIsDone", "TestPutRefuses", "TestRename", "TestWriteConditions",
}

// TestOnEveryGrade runs the suite on each grade of store whose listings are
// fresh. A failing test is shown with the grade's name.
func TestOnEveryGrade(t *testing.T) {
	if os.Getenv(gradeVariable) != "" {
		t.Skip("this is such a run")
	}
	for _, g := range weak.Large() {
		if !g.Caps.FreshScan {
			continue // a client that lists what it has just written sees the past there
		}
		t.Run(g.Caps.Name, func(t *testing.T) {
			skip := "TestOnEveryGrade"
			if g.Caps.CAS == meta.None {
				skip += "|" + strings.Join(inexact, "|")
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.skip", "^("+skip+")$", "-test.timeout", "5m")
			cmd.Env = append(os.Environ(), gradeVariable+"="+g.Caps.Name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
