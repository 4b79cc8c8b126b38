package s3

import (
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

const differencesTitle = "Deliberate differences, and tests that are waived"

// difference is a place where S3's documentation, or a third-party test, says
// something else than this server does. To add one, add a row; show makes sure
// it stays true.
type difference struct {
	where  string
	others string // what S3 documents, or what the test wants
	ours   string // what this server does
	why    string
	waives []string // tests of ceph/s3-tests that fail for it
	show   func(s *testServer)
}

// differences are the rows of theDifferences as a chapter.
func differences() chapter {
	ch := chapter{title: differencesTitle,
		intro: "Where a third-party test follows another server and S3's documentation says\notherwise, the documentation is followed and the test waived. Names are those\nof [ceph/s3-tests](https://github.com/ceph/s3-tests)."}
	for _, d := range theDifferences() {
		ch.rows = append(ch.rows, covered{name: d.where, show: d.show})
	}
	return ch
}

const followsS3 = "S3 is followed; the test follows Ceph RGW."

// theDifferences is the list.
func theDifferences() []difference {
	return []difference{
		{where: "`partNumber` beyond the last part", others: "The tests want 400 `InvalidPart`.", ours: "416 `InvalidPartNumber`, as S3.", why: followsS3,
			waives: []string{"test_multipart_get_part", "test_multipart_single_get_part", "test_non_multipart_get_part"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				s.fails(s3err.InvalidPartNumber, "main", "GET", "/bkt/k?partNumber=2", "")
			}},
		{where: "ListBuckets without a signature", others: "The test wants an empty list.", ours: "403 `AccessDenied`.", why: "S3 lists for nobody; who may not ask is told so.",
			waives: []string{"test_list_buckets_anonymous"},
			show:   func(s *testServer) { s.fails(s3err.AccessDenied, "", "GET", "/", "") }},
		{where: "Presigned lifetime below zero or above 7 days", others: "The tests want 403.", ours: "400 `AuthorizationQueryParametersError`, as S3; a lifetime that is over is 403.", why: followsS3,
			waives: []string{"test_object_raw_put_authenticated_expired", "test_object_raw_get_x_amz_expires_out_max_range", "test_object_raw_get_x_amz_expires_out_positive_range"},
			show: func(s *testServer) {
				for _, d := range []time.Duration{-time.Second, 8 * 24 * time.Hour} {
					if r := s.send(s.presigned("GET", "/bkt/k", "", d, time.Now())); r.status != 400 || r.code() != "AuthorizationQueryParametersError" {
						s.t.Errorf("%v: %d %s", d, r.status, r.body)
					}
				}
			}},
		{where: "More than ten tags", others: "The test wants `InvalidTag`.", ours: "400 `BadRequest`: \"Object tags cannot be greater than 10\", as S3.", why: followsS3,
			waives: []string{"test_put_excess_tags"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				tags := ""
				for i := range 11 {
					tags += fmt.Sprintf("<Tag><Key>%d</Key><Value/></Tag>", i)
				}
				s.fails(s3err.BadRequest, "main", "PUT", "/bkt/k?tagging", "<Tagging><TagSet>"+tags+"</TagSet></Tagging>")
			}},
		{where: "Default retention of 0 days", others: "The tests want `InvalidRetentionPeriod`.", ours: "400 `InvalidArgument`, as S3.", why: followsS3,
			waives: []string{"test_object_lock_put_obj_lock_invalid_days", "test_object_lock_put_obj_lock_invalid_years"},
			show: func(s *testServer) {
				s.versioned()
				s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt?object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>0</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
			}},
		{where: "CreateBucket of a bucket one owns", others: "The tests want `BucketAlreadyExists`; S3 in us-east-1 answers 200.", ours: "409 `BucketAlreadyOwnedByYou`, as S3 in all other regions.", why: "One answer, whatever the region is called.",
			waives: []string{"test_bucket_recreate_overwrite_acl", "test_bucket_recreate_new_acl"},
			show:   func(s *testServer) { s.fails(s3err.BucketAlreadyOwnedByYou, "main", "PUT", "/bkt", "") }},
		{where: "Several byte ranges in one request", others: "S3 ignores such a Range and sends the whole object.", ours: "206 `multipart/byteranges`.", why: "Physics analysis reads vectors of ranges.", show: showMultiRange},
		{where: "RenameObject", others: "S3 has it on directory buckets only.", ours: "On every bucket without versioning.", why: "It is one record's move here, and sync tools ask for it.", show: showRename},
		{where: "Conditional deletion by time and size", others: "S3 knows `x-amz-if-match-size` and `-last-modified-time` on directory buckets only.", ours: "On every bucket.", why: "It costs nothing.", show: showDeleteObject},
		{where: "Regions", others: "S3 refuses or redirects a request signed for another region.", ours: "Any region is accepted in a signature.", why: "A site is one region; clients come with odd defaults (s3cmd signs for `US`).", show: showRegions},
		{where: "The site's region", others: "S3's oldest is us-east-1.", ours: "`mucura`, unless `--region` says otherwise.", why: "With us-east-1 or eu-west-1 boto3 and the AWS CLI presign with Signature V2.", show: showLocation},
		{where: "Encryption by default", others: "S3 encrypts everything with SSE-S3.", ours: "Only where a client or the bucket asks for it.", why: "It costs CPU time and the kernel's zero-copy path; who wants it everywhere sets the bucket's default.",
			show: func(s *testServer) {
				s.shows(s.want(200, "main", "PUT", "/bkt/k", "hello"), sseHeader, "")
				s.fails(s3err.ServerSideEncryptionNotFound, "main", "GET", "/bkt?encryption", "")
			}},
		{where: "ACLs on new buckets", others: "S3 disables ACLs on new buckets (BucketOwnerEnforced) and blocks public access.", ours: "ACLs work (ObjectWriter) and are private; `--default-object-ownership BucketOwnerEnforced` and `--block-public-access` give S3's defaults.", why: "\"Make this one file public\" is what people with files ask for first.",
			show: func(s *testServer) {
				showPrivate(s)
				s.want(200, "main", "PUT", "/bkt/k?acl", "", "X-Amz-Acl", "public-read")
				s.want(200, "", "GET", "/bkt/k", "")
			}},
		{where: "Principals of policies", others: "S3 takes ARNs and canonical IDs.", ours: "Account names and IDs too. A name that is nobody's is refused.", why: "People know each other's account names.", show: showPrincipals},
		{where: "A parameter nobody knows, without a value", others: "S3 ignores it.", ours: "501 `NotImplemented`.", why: "It may be a sub-resource that came after this server; the plain operation would be a wrong success.",
			show: func(s *testServer) {
				s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/k?futureThing", "x")
				s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
			}},
		{where: "Signature V2 in headers", others: "S3 still takes it in its oldest regions.", ours: "400 `InvalidRequest`, with what to set in the client.", why: "SHA-1, and no client needs it.",
			show: func(s *testServer) {
				r := s.fails(s3err.InvalidRequest, "", "GET", "/bkt", "", "Authorization", "AWS AKID:"+strings.Repeat("A", 27)+"=", "Date", time.Now().UTC().Format(time.RFC1123))
				s.holds(r, "--s3region", "signature_version = s3v4")
			}},
	}
}
