package s3

import (
	"github.com/mucura/mucura/core/s3err"
)

// fromVersity are the differences from versitygw's suite, v1.8.0.
func fromVersity() []difference {
	return []difference{
		{where: "A grantee without a type", others: "The tests send a bare account name in `x-amz-grant-…`.", ours: "400 `InvalidArgument`: S3 wants `id=`, `uri=` or `emailAddress=`.", why: followsVersity,
			versity: []string{"CreateBucket_non_default_acl", "GetBucketVersioning_with_acl_access", "PutObject_object_acl_not_supported", "CreateMultipartUpload_object_acl_not_supported"},
			show: func(s *testServer) {
				s.fails(s3err.InvalidArgument, "main", "PUT", "/new", "", "X-Amz-Grant-Read", "alt")
				s.want(200, "main", "PUT", "/new", "", "X-Amz-Grant-Read", `id="`+s.users["alt"].CanonicalID+`"`)
			}},
		{where: "An ACL for an object, where ownership is enforced", others: "versitygw ignores it, and wants that of a site that enforces ownership everywhere.", ours: "400 `AccessControlListNotSupported`, as S3.", why: "A success would say that the object is shared.",
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt?ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>")
				s.fails(s3err.AccessControlListNotSupported, "main", "PUT", "/bkt/k", "x", "X-Amz-Acl", "public-read")
				s.fails(s3err.AccessControlListNotSupported, "main", "POST", "/bkt/k?uploads", "", "X-Amz-Acl", "public-read")
			}},
		{where: "Message of a bad Content-MD5", others: "The test wants another text.", ours: "The text of S3's list of error codes, which writes `Content-MD5`.", why: followsVersity,
			versity: []string{"PutObject_md5"},
			show: func(s *testServer) {
				s.holds(s.fails(s3err.InvalidDigest, "main", "PUT", "/bkt/k", "hello", "Content-Md5", "x"), "<Message>The Content-MD5 you specified is not valid.</Message>")
				s.holds(s.fails(s3err.BadDigest, "main", "PUT", "/bkt/k", "hello", "Content-Md5", md5Header("other")), "<Message>The Content-MD5 you specified did not match what we received.</Message>")
			}},
		{where: "`.` and `..` in keys", others: "The tests want 400: the other server's keys are paths.", ours: "They are keys like others; a key is never a path here.", why: "They are keys in S3.",
			versity: []string{"PutObject_invalid_object_names", "CopyObject_invalid_copy_source", "UploadPartCopy_invalid_copy_source"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/%2E%2E/%2E%2E/etc/passwd", "hello")
				s.holds(s.want(200, "main", "GET", "/bkt", ""), "<Key>../../etc/passwd</Key>")
				s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/../../etc/passwd")
				s.has("/bkt/copy", "hello")
			}},
		{where: "Empty `Prefix` and `Marker` in listings", others: "The tests want them left out.", ours: "Echoed empty, as S3.", why: followsVersity,
			versity: []string{"ListObjects_list_all_objs", "ListObjectsV2_list_all_objs"},
			show: func(s *testServer) {
				s.holds(s.want(200, "main", "GET", "/bkt", ""), "<Prefix></Prefix>", "<Marker></Marker>")
				s.holds(s.want(200, "main", "GET", "/bkt?list-type=2", ""), "<Prefix></Prefix>")
			}},
		{where: "`start-after` beside a continuation token", others: "The test wants the later of the two.", ours: "The token wins, as recorded from S3.", why: followsVersity,
			versity: []string{"ListObjectsV2_both_start_after_and_continuation_token"},
			show: func(s *testServer) {
				for _, key := range []string{"a", "b", "c", "d"} {
					s.want(200, "main", "PUT", "/bkt/"+key, "")
				}
				token := s.want(200, "main", "GET", "/bkt?list-type=2&max-keys=1", "").element("NextContinuationToken")
				s.holds(s.want(200, "main", "GET", "/bkt?list-type=2&start-after=c&continuation-token="+token, ""), "<Key>b</Key>", "<Key>c</Key>", "<Key>d</Key>")
			}},
		{where: "DeleteObjects of nothing", others: "The test wants 200.", ours: "400 `MalformedXML`, as S3.", why: followsVersity,
			versity: []string{"DeleteObjects_empty_input"},
			show: func(s *testServer) {
				s.fails(s3err.MalformedXML, "main", "POST", "/bkt?delete", "<Delete></Delete>", "Content-Md5", md5Header("<Delete></Delete>"))
			}},
		{where: "Conditions on the source of UploadPartCopy", others: "The test wants 304 for some.", ours: "412 `PreconditionFailed` for each, as S3 documents.", why: followsVersity,
			versity: []string{"UploadPartCopy_conditional_reads"},
			show: func(s *testServer) {
				etag := s.want(200, "main", "PUT", "/bkt/src", "hello").header.Get("Etag")
				path := "/bkt/k?partNumber=1&uploadId=" + s.begin("/bkt/k")
				s.fails(s3err.PreconditionFailed, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-If-None-Match", etag)
				s.fails(s3err.PreconditionFailed, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-If-Match", "other")
			}},
		{where: "UploadPartCopy of a range that begins beyond its source", others: "The test wants `InvalidArgument`.", ours: "400 `InvalidRequest`, as S3; `InvalidArgument` where it only ends beyond.", why: followsVersity,
			versity: []string{"UploadPartCopy_exceeding_copy_source_range"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/src", "hello")
				path := "/bkt/k?partNumber=1&uploadId=" + s.begin("/bkt/k")
				s.fails(s3err.InvalidRequest, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", "bytes=5-9")
				s.fails(s3err.InvalidArgument, "main", "PUT", path, "", "X-Amz-Copy-Source", "bkt/src", "X-Amz-Copy-Source-Range", "bytes=2-9")
			}},
		{where: "`upload-id-marker` of an upload that is not there", others: "The test wants `InvalidArgument`.", ours: "The listing goes on from where it was.", why: "It may have been completed between two pages.",
			versity: []string{"ListMultipartUploads_invalid_uploadId_marker"},
			show: func(s *testServer) {
				gone, next := s.begin("/bkt/a"), s.begin("/bkt/b")
				s.want(204, "main", "DELETE", "/bkt/a?uploadId="+gone, "")
				s.holds(s.want(200, "main", "GET", "/bkt?uploads&key-marker=a&upload-id-marker="+gone, ""), "<UploadId>"+next+"</UploadId>")
			}},
		{where: "Order of an ACL's grants", others: "The tests want the owner's grant first.", ours: "Groups come first.", why: "S3 documents no order.",
			versity: []string{"GetBucketAcl_translation_canned_public_read", "AccessControl_user_PutBucketAcl_with_policy_access"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt?acl", "", "X-Amz-Acl", "public-read")
				s.wantGrants("/bkt?acl", "global/AllUsers READ", "main FULL_CONTROL")
			}},
		{where: "`s3:*Multipart*` on a bucket", others: "The test wants `MalformedPolicy`.", ours: "Accepted.", why: "It matches `s3:ListBucketMultipartUploads`, an action on buckets.",
			versity: []string{"PutBucketPolicy_action_resource_mismatch"},
			show: func(s *testServer) {
				s.want(204, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:*Multipart*","Resource":"arn:aws:s3:::bkt"`))
				s.fails(s3err.MalformedPolicy, "main", "PUT", "/bkt?policy", policyOf(`"Effect":"Allow","Principal":"*","Action":"s3:Abort*","Resource":"arn:aws:s3:::bkt"`))
			}},
		{where: "`Access-Control-Expose-Headers`", others: "The test wants `ETag` in it always.", ours: "What the rule says, as S3.", why: followsVersity,
			versity: []string{"PreflightOPTIONS_access_granted"},
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt?cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><ExposeHeader>Content-Type</ExposeHeader></CORSRule></CORSConfiguration>")
				r := s.want(200, "", "OPTIONS", "/bkt/k", "", "Origin", "https://page.example", "Access-Control-Request-Method", "GET")
				s.shows(r, "Access-Control-Expose-Headers", "Content-Type")
			}},
		{where: "Answer of PostObject with status 201", others: "The test wants a namespace.", ours: "`<PostResponse>` has none, as S3 documents.", why: followsVersity,
			versity: []string{"PostObject_success_status_201"},
			show: func(s *testServer) {
				form := s.signedForm("main", "bkt", map[string]string{"key": "k", "success_action_status": "201"})
				s.holds(s.post("/bkt", "hello", form), "<PostResponse><Location>")
			}},
		{where: "Message of a refused anonymous request", others: "The test wants texts of its own for some operations.", ours: "403 `AccessDenied` with one message for all.", why: "Programs look at the code.",
			versity: []string{"PublicBucket_public_object_policy"},
			show: func(s *testServer) {
				for _, method := range []string{"GET", "PUT", "DELETE"} {
					s.holds(s.fails(s3err.AccessDenied, "", method, "/bkt", ""), "<Message>Access Denied.</Message>")
				}
			}},
		{where: "GetObjectAttributes of a delete marker", others: "The test wants `NoSuchKey`.", ours: "405 `MethodNotAllowed`, as S3 documents.", why: followsVersity,
			versity: []string{"Versioning_GetObjectAttributes_delete_marker"},
			show: func(s *testServer) {
				s.versioned()
				s.want(200, "main", "PUT", "/bkt/k", "hello")
				v := s.want(204, "main", "DELETE", "/bkt/k", "").header.Get("X-Amz-Version-Id")
				s.fails(s3err.MethodNotAllowed, "main", "GET", "/bkt/k?attributes&versionId="+v, "", "X-Amz-Object-Attributes", "ETag")
			}},
	}
}
