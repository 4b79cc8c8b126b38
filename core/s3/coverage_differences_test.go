package s3

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// difference is a place where S3, or a third-party test, says something else
// than this server does. To add one, add a row; show makes sure it stays true.
type difference struct {
	where   string
	others  string   // what S3 does, or what the test wants
	ours    string   // what this server does
	why     string   // the reason
	ceph    []string // tests of ceph/s3-tests that fail for it
	versity []string // tests of versitygw's suite that fail for it
	show    func(s *testServer)
}

// differences are the two chapters on differences.
func differences() []chapter {
	return []chapter{
		differing("Deliberate differences from S3", "", fromS3()),
		differing("Third-party suites", suitesIntro, fromTests()),
	}
}

// differing is a chapter whose rows are differences.
func differing(title, intro string, list []difference) chapter {
	ch := chapter{title: title, intro: intro, differences: list}
	for _, d := range list {
		ch.rows = append(ch.rows, covered{name: d.where, show: d.show})
	}
	return ch
}

// theDifferences is the whole list.
func theDifferences() []difference { return slices.Concat(fromS3(), fromTests()) }

// fromS3 are the differences from S3 itself.
func fromS3() []difference {
	return []difference{
		{where: "Several byte ranges in one request", versity: []string{"GetObject_with_range", "GetObject_by_range_resp_status"}, others: "S3 ignores such a Range and sends the whole object.", ours: "206 `multipart/byteranges`.", why: "Physics analysis reads vectors of ranges.", show: showMultiRange},
		{where: "ListBuckets by an operator", others: "S3 lists the caller's own buckets.", ours: "Everybody's, for an account with the operator role.", why: "She may do everything in every bucket; S3 knows no such role.",
			show: func(s *testServer) { s.holds(s.want(200, "op", "GET", "/", ""), "<Name>bkt</Name>") }},
		{where: "RenameObject", others: "S3 has it on directory buckets only.", ours: "On every bucket without versioning.", why: "It is one record's move here, and sync tools ask for it.", show: showRename},
		{where: "Conditional deletion by time and size", others: "S3 knows `x-amz-if-match-size` and `-last-modified-time` on directory buckets only.", ours: "On every bucket.", why: "It costs nothing.", show: showDeleteObject},
		{where: "Regions", versity: []string{"PresignedAuth_creds_incorrect_region", "PostObject_incorrect_region"}, others: "S3 refuses or redirects a request signed for another region.", ours: "Any region is accepted in a signature.", why: "A site is one region; clients come with odd defaults (s3cmd signs for `US`).", show: showRegions},
		{where: "The site's region", others: "S3's oldest is us-east-1.", ours: "`mucura`, unless `--region` says otherwise.", why: "With us-east-1 or eu-west-1 boto3 and the AWS CLI presign with Signature V2.", show: showLocation},
		{where: "Encryption by default", others: "S3 encrypts everything with SSE-S3.", ours: "Only where a client or the bucket asks for it.", why: "It costs CPU time and the kernel's zero-copy path; who wants it everywhere sets the bucket's default.",
			show: func(s *testServer) {
				s.shows(s.want(200, "main", "PUT", "/bkt/k", "hello"), sseHeader, "")
				s.fails(s3err.ServerSideEncryptionNotFound, "main", "GET", "/bkt?encryption", "")
			}},
		{where: "ACLs on new buckets", versity: []string{"GetBucketOwnershipControls_default_ownership", "PutBucketAcl_disabled", "AccessControl_copy_object_with_starting_slash_for_user"}, others: "S3 disables ACLs on new buckets (BucketOwnerEnforced) and blocks public access.", ours: "ACLs work (ObjectWriter) and are private; `--default-object-ownership BucketOwnerEnforced` and `--block-public-access` give S3's defaults.", why: "\"Make this one file public\" is what people with files ask for first.",
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
		{where: "AccessDenied", others: "S3's message is \"Access Denied\".", ours: "\"Access Denied.\", with a stop.", why: "versitygw's suite compares the text; about 18 of its open tests pass only with the stop. Programs look at the code.",
			show: func(s *testServer) {
				s.holds(s.fails(s3err.AccessDenied, "alt", "GET", "/bkt", ""), "<Message>Access Denied.</Message>")
			}},
		{where: "An empty `versionId`", others: "S3 refuses it always.", ours: "It is refused where a version might be deleted in place of another: on DELETE, in buckets that have versions. Elsewhere it names the current version.", why: "Some programs send it for none.", show: showEmptyVersion},
		{where: "A wrong customer's key (SSE-C)", others: "S3 answers 403 `AccessDenied`.", ours: "400 `InvalidRequest`, as without a key.", why: "The permission is there; the request is wrong.",
			show: func(s *testServer) {
				s.want(200, "main", "PUT", "/bkt/k", "hello", sseC("a")...)
				s.fails(s3err.InvalidRequest, "main", "GET", "/bkt/k", "", sseC("b")...)
			}},
		{where: "ETag of a copied multipart upload", others: "S3 makes a new one, the MD5 of the bytes where they are copied in one piece.", ours: "The copy keeps its source's, with `-N`.", why: "A copy reads no bytes.",
			show: func(s *testServer) {
				s.multipart("/bkt/k")
				etag := s.want(200, "main", "HEAD", "/bkt/k", "").header.Get("Etag")
				s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/k")
				s.shows(s.want(200, "main", "HEAD", "/bkt/copy", ""), "Etag", etag)
			}},
		{where: "A copy whose source is overwritten meanwhile", others: "S3 does not say what comes out.", ours: "It succeeds, with what the source was when the copy began.", why: "Contents are kept for a leeway after they are released.", show: showCopiesWhileOverwritten},
	}
}

// showEmptyVersion sends a version ID that is there and empty.
func showEmptyVersion(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.want(204, "main", "DELETE", "/bkt/k?versionId=", "")
	s.versioned()
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	s.has("/bkt/k?versionId=", "hello")
	s.fails(s3err.InvalidArgument, "main", "DELETE", "/bkt/k?versionId=", "")
	s.has("/bkt/k", "hello")
}

// showCopiesWhileOverwritten copies an object that is overwritten all the time.
func showCopiesWhileOverwritten(s *testServer) {
	const size = 100 << 10 // not inlined
	s.want(200, "main", "PUT", "/bkt/k", strings.Repeat("a", size))
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for i := range 20 {
			if r := s.do("main", "PUT", "/bkt/k", strings.Repeat(string(rune('b'+i)), size)); r.status != 200 {
				s.t.Errorf("%d %s", r.status, r.body)
			}
		}
	})
	for range 20 {
		s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/k")
		if body := s.want(200, "main", "GET", "/bkt/copy", "").body; body != strings.Repeat(body[:1], size) {
			s.t.Errorf("a mixture of %d bytes", len(body))
		}
	}
}
