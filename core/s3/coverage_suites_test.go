package s3

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// suitesIntro has figures that no test of this package can make.
const suitesIntro = `Two suites of other projects were run against the server and the functions, on
2026-11-29, and on the day after again in the first two columns: a fixed half of each
one's tests. Of s3-tests those are left out that need what is out of scope: RGW's own
extensions and logging, KMS, V2 signatures, transitions.

| suite | SQLite and files | Redis and Swift | Riak (its stand-in) and Swift | function gateway as a container, Redis and Swift |
|---|---|---|---|---|
| [ceph/s3-tests](https://github.com/ceph/s3-tests), core | 198 of 206 | 198 | 198 | 198 |
| ceph/s3-tests, extended (ACLs, policies, lifecycle, lock, encryption) | 113 of 115 | 113 | 113 | 113 |
| [versitygw](https://github.com/versity/versitygw) v1.8.0 | 336 of 365 | 336 | 336 | 336 |

Neither the stores nor the function make a difference: the same tests fail on each,
for the reasons below. The tests that execute lifecycle rules count on a sweep within
seconds; on Swift, on a busy machine, a day of 5 seconds was too short for two of them
and one of 10 was long enough. Beside the function the job of that name ran every two
seconds. On Riak every deletion of a bucket waits until listings show all writes, two
seconds, which is most of the time that versitygw's suite takes there.

Every test that fails is named here, or beside a difference from S3 above, with
its reason: where a test follows another server and S3's documentation says
otherwise, the documentation is followed.`

const (
	followsRGW     = "S3 is followed; the test follows Ceph RGW."
	followsVersity = "S3 is followed; the test follows versitygw."
)

// followsRecord is the reason where what S3 answers can be read.
func followsRecord(name, url string) string {
	return "S3 is followed ([" + name + "](" + url + ")); the test follows Ceph RGW."
}

// fromTests are the differences from what tests of other projects want.
func fromTests() []difference { return slices.Concat(fromCeph(), fromVersity()) }

// fromCeph are those from ceph/s3-tests.
func fromCeph() []difference {
	return []difference{
		{where: "`partNumber` beyond the last part", others: "The tests want 400 `InvalidPart`.", ours: "416 `InvalidPartNumber`, as S3.", why: followsRGW,
			ceph: []string{"test_multipart_get_part", "test_multipart_single_get_part", "test_non_multipart_get_part"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				s.fails(s3err.InvalidPartNumber, "main", "GET", "/bkt/k?partNumber=2", "")
			}},
		{where: "ListBuckets without a signature", others: "The test wants an empty list.", ours: "403 `AccessDenied`.", why: "S3 lists for nobody; who may not ask is told so.",
			ceph: []string{"test_list_buckets_anonymous"},
			show: func(s *testServer) { s.fails(s3err.AccessDenied, "", "GET", "/", "") }},
		{where: "Presigned lifetime below zero or above 7 days", others: "The tests want 403.", ours: "400 `AuthorizationQueryParametersError`, as S3; a lifetime that is over is 403.", why: followsRecord("aws_auth 31", "https://github.com/bryanjos/aws_auth/issues/31"),
			ceph: []string{"test_object_raw_put_authenticated_expired", "test_object_raw_get_x_amz_expires_out_max_range", "test_object_raw_get_x_amz_expires_out_positive_range"},
			show: func(s *testServer) {
				for _, d := range []time.Duration{-time.Second, 8 * 24 * time.Hour} {
					if r := s.send(s.presigned("GET", "/bkt/k", "", d, time.Now())); r.status != 400 || r.code() != "AuthorizationQueryParametersError" {
						s.t.Errorf("%v: %d %s", d, r.status, r.body)
					}
				}
			}},
		{where: "More than ten tags", others: "The test wants `InvalidTag`.", ours: "400 `BadRequest`: \"Object tags cannot be greater than 10\", as S3.", why: followsRecord("boto3 1213", "https://github.com/boto/boto3/issues/1213"),
			ceph: []string{"test_put_excess_tags"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				tags := ""
				for i := range 11 {
					tags += fmt.Sprintf("<Tag><Key>%d</Key><Value/></Tag>", i)
				}
				s.fails(s3err.BadRequest, "main", "PUT", "/bkt/k?tagging", "<Tagging><TagSet>"+tags+"</TagSet></Tagging>")
			}},
		{where: "Default retention of 0 days", others: "The tests want `InvalidRetentionPeriod`.", ours: "400 `InvalidArgument`, as S3.", why: followsRecord("versitygw 1738", "https://github.com/versity/versitygw/issues/1738"),
			ceph: []string{"test_object_lock_put_obj_lock_invalid_days", "test_object_lock_put_obj_lock_invalid_years"},
			show: func(s *testServer) {
				s.versioned()
				s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt?object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>0</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
			}},
		{where: "CreateBucket of a bucket one owns", others: "The tests want `BucketAlreadyExists`; S3 in us-east-1 answers 200.", ours: "409 `BucketAlreadyOwnedByYou`, as S3 in all other regions.", why: "One answer, whatever the region is called.",
			ceph: []string{"test_bucket_recreate_overwrite_acl", "test_bucket_recreate_new_acl"},
			show: func(s *testServer) { s.fails(s3err.BucketAlreadyOwnedByYou, "main", "PUT", "/bkt", "") }},
		{where: "Completing a composite upload without the parts' checksums", others: "The test completes it.", ours: "400 `InvalidRequest`, as S3.", why: followsRecord("opendal 4580", "https://github.com/apache/opendal/pull/4580"),
			ceph: []string{"test_get_multipart_checksum_object_attributes"},
			show: func(s *testServer) {
				id := s.begin("/bkt/k", "X-Amz-Checksum-Algorithm", "SHA256")
				e := s.part("/bkt/k", id, 1, "hello", "X-Amz-Checksum-Sha256", sumOf("SHA256", "hello"))
				s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, complete(e))
			}},
		{where: "One part twice in CompleteMultipartUpload", others: "The test lists part 1 two times.", ours: "400 `InvalidPartOrder`, as S3.", why: followsRecord("uppy 2324", "https://github.com/transloadit/uppy/issues/2324"),
			ceph: []string{"test_multipart_resend_first_finishes_last"},
			show: func(s *testServer) {
				id := s.begin("/bkt/k")
				part := "<Part><PartNumber>1</PartNumber><ETag>" + s.part("/bkt/k", id, 1, fullPart) + "</ETag></Part>"
				s.fails(s3err.InvalidPartOrder, "main", "POST", "/bkt/k?uploadId="+id, "<CompleteMultipartUpload>"+part+part+"</CompleteMultipartUpload>")
			}},
		{where: "`x-amz-delete-marker` where there is none", others: "The test wants `false`.", ours: "GET and HEAD never send `false`, as S3.", why: followsRecord("HeadObject", "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"),
			ceph: []string{"test_delete_marker_nonversioned"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				s.shows(s.want(200, "main", "HEAD", "/bkt/k", ""), "X-Amz-Delete-Marker", "")
				s.want(204, "main", "DELETE", "/bkt/k", "")
				s.shows(s.want(404, "main", "HEAD", "/bkt/k", ""), "X-Amz-Delete-Marker", "")
			}},
		{where: "A policy whose action does not fit its resource", others: "The test sets one (`s3:PutObject` on the bucket).", ours: "400 `MalformedPolicy`, as S3.", why: followsRecord("versitygw 645", "https://github.com/versity/versitygw/issues/645"),
			ceph: []string{"test_bucket_policy_multipart"},
			show: func(s *testServer) {
				s.fails(s3err.MalformedPolicy, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt"`))
			}},
	}
}

// TestEachWaivedOnce sees that every test that fails has one reason.
func TestEachWaivedOnce(t *testing.T) {
	seen := map[string]string{}
	for _, d := range theDifferences() {
		for _, name := range slices.Concat(d.ceph, d.versity) {
			if other, ok := seen[name]; ok {
				t.Errorf("%s: for %q and for %q", name, other, d.where)
			}
			seen[name] = d.where
		}
	}
}
