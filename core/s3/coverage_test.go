package s3

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

// docs/s3-api.md is written by these tests and says what they showed:
//
//	go test ./core/s3 -run TestCoverage -update
//
// Without -update the test fails when the document says anything else.
var update = flag.Bool("update", false, "write docs/s3-api.md anew")

const coverageDoc = "../../docs/s3-api.md"

// covered is a row of the coverage table: an operation or a feature of S3.
type covered struct {
	name string
	// show exercises it from end to end, against a fresh server with an empty
	// bucket "bkt" of account "main". A row without it is not supported.
	show func(s *testServer)
	note string // remark on what is supported
	// lacks is what is missing of it, "" when nothing is.
	lacks string
	// refused are requests, "METHOD path", that are answered NotImplemented, and
	// why is the reason.
	refused []string
	why     string
	// op is the front's name of the operation, when another one than name.
	op string
}

// state is the word of the table.
func (c *covered) state() string {
	switch {
	case c.why != "":
		return "no"
	case c.lacks != "":
		return "partly"
	}
	return "yes"
}

// chapter is a table of the document.
type chapter struct {
	title, intro string
	operations   bool // rows are operations of S3's API reference
	rows         []covered
	differences  []difference // of which rows are made
}

// coverage is everything the document tells of, in its order.
func coverage() []chapter {
	return slices.Concat(coveredOperations(), coveredFeatures(), differences())
}

// TestCoverage runs every row and compares the document with what they showed.
func TestCoverage(t *testing.T) {
	chapters, whole := coverage(), true
	for _, ch := range chapters {
		for _, row := range ch.rows {
			ran := false
			t.Run(row.name, func(t *testing.T) {
				ran = true
				row.check(t, ch.operations)
			})
			whole = whole && ran
		}
	}
	if !whole || t.Failed() {
		return // nothing can be said of the whole
	}
	want := coverageText(chapters)
	if *update {
		if err := os.WriteFile(coverageDoc, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(coverageDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not say what the tests showed: go test ./core/s3 -run TestCoverage -update", coverageDoc)
	}
}

// check shows one row: what it claims to do, and what it claims not to.
func (c *covered) check(t *testing.T, operation bool) {
	if c.show == nil && c.why == "" {
		t.Fatal("nothing shows this row")
	}
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	for _, request := range c.refused {
		method, path, _ := strings.Cut(request, " ")
		s.fails(s3err.NotImplemented, "main", method, path, "<x/>")
	}
	s.want(204, "main", "DELETE", "/bkt/k", "")
	if c.show == nil {
		return
	}
	c.show(s)
	if operation && c.why == "" {
		s.wantOperation(c)
	}
}

// wantOperation sees that the row's operation was really done, and succeeded
// unless something of it is missing.
func (s *testServer) wantOperation(c *covered) {
	s.t.Helper()
	if s.front == nil {
		return // another process keeps its events
	}
	s.Close() // every event has been observed
	name := c.name
	if c.op != "" {
		name = c.op
	}
	for _, e := range s.events {
		if e.Op == name && (e.Status < http.StatusBadRequest || c.lacks != "") {
			return
		}
	}
	s.t.Errorf("no request was a successful %s", name)
}

// TestCoverageIsComplete holds the table to S3's API reference and to the
// front's own routes.
func TestCoverageIsComplete(t *testing.T) {
	rows := map[string]int{}
	routed := map[string]bool{}
	for _, ch := range coverage() {
		if !ch.operations {
			continue
		}
		for _, row := range ch.rows {
			rows[row.name]++
			routed[row.name], routed[row.op] = true, true
		}
	}
	for _, name := range strings.Fields(apiReference) {
		if rows[name] != 1 {
			t.Errorf("%s has %d rows", name, rows[name])
		}
	}
	for _, list := range [][]operation{objectOperations(), configOperations} {
		for _, op := range list {
			if !routed[op.name] {
				t.Errorf("operation %s has no row", op.name)
			}
		}
	}
}

// apiReference lists the operations of
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
// as github.com/aws/aws-sdk-go-v2/service/s3 v1.114.9 has them.
const apiReference = `
AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket
CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration CreateMultipartUpload
CreateSession DeleteBucket DeleteBucketAnalyticsConfiguration DeleteBucketCors
DeleteBucketEncryption DeleteBucketIntelligentTieringConfiguration
DeleteBucketInventoryConfiguration DeleteBucketLifecycle DeleteBucketMetadataConfiguration
DeleteBucketMetadataTableConfiguration DeleteBucketMetricsConfiguration
DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication DeleteBucketTagging
DeleteBucketWebsite DeleteObject DeleteObjectAnnotation DeleteObjectTagging DeleteObjects
DeletePublicAccessBlock GetBucketAbac GetBucketAccelerateConfiguration GetBucketAcl
GetBucketAnalyticsConfiguration GetBucketCors GetBucketEncryption
GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration
GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging GetBucketMetadataConfiguration
GetBucketMetadataTableConfiguration GetBucketMetricsConfiguration
GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
GetBucketReplication GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite
GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes GetObjectLegalHold
GetObjectLockConfiguration GetObjectRetention GetObjectTagging GetObjectTorrent
GetPublicAccessBlock HeadBucket HeadObject ListBucketAnalyticsConfigurations
ListBucketIntelligentTieringConfigurations ListBucketInventoryConfigurations
ListBucketMetricsConfigurations ListBuckets ListDirectoryBuckets ListMultipartUploads
ListObjectAnnotations ListObjectVersions ListObjects ListObjectsV2 ListParts PutBucketAbac
PutBucketAccelerateConfiguration PutBucketAcl PutBucketAnalyticsConfiguration PutBucketCors
PutBucketEncryption PutBucketIntelligentTieringConfiguration PutBucketInventoryConfiguration
PutBucketLifecycleConfiguration PutBucketLogging PutBucketMetricsConfiguration
PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketReplication
PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutObject
PutObjectAcl PutObjectAnnotation PutObjectLegalHold PutObjectLockConfiguration PutObjectRetention
PutObjectTagging PutPublicAccessBlock RenameObject RestoreObject SelectObjectContent
UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataInventoryTableConfiguration
UpdateBucketMetadataJournalTableConfiguration UpdateObjectEncryption UploadPart UploadPartCopy
WriteGetObjectResponse`
