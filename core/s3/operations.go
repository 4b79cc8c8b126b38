package s3

import "net/http"

// objectOperations are the operations on the service, on buckets and on
// objects themselves; configOperations are those on their settings.
func objectOperations() []operation {
	return []operation{
		{name: "ListBuckets", method: http.MethodGet, level: service, handle: (*call).listBuckets},

		{name: "CreateBucket", method: http.MethodPut, level: bucket, noBucket: true, body: true, handle: (*call).createBucket},
		{name: "HeadBucket", method: http.MethodHead, level: bucket, action: "s3:ListBucket", handle: (*call).headBucket},
		{name: "DeleteBucket", method: http.MethodDelete, level: bucket, action: "s3:DeleteBucket", handle: (*call).deleteBucket},
		{name: "GetBucketLocation", method: http.MethodGet, level: bucket, query: "location", action: "s3:GetBucketLocation", handle: (*call).getBucketLocation},
		{name: "ListObjects", method: http.MethodGet, level: bucket, action: "s3:ListBucket", handle: (*call).listObjects},
		{name: "ListObjectsV2", method: http.MethodGet, level: bucket, match: isListV2, action: "s3:ListBucket", handle: (*call).listObjectsV2},
		{name: "ListObjectVersions", method: http.MethodGet, level: bucket, query: "versions", action: "s3:ListBucketVersions", handle: (*call).listVersions},
		{name: "ListMultipartUploads", method: http.MethodGet, level: bucket, query: "uploads", action: "s3:ListBucketMultipartUploads", handle: (*call).listUploads},
		{name: "DeleteObjects", method: http.MethodPost, level: bucket, query: "delete", body: true, handle: (*call).deleteObjects},

		{name: "GetObject", method: http.MethodGet, level: object, handle: (*call).getObject},
		{name: "HeadObject", method: http.MethodHead, level: object, handle: (*call).getObject},
		{name: "GetObjectAttributes", method: http.MethodGet, level: object, query: "attributes", handle: (*call).getObjectAttributes},
		{name: "PutObject", method: http.MethodPut, level: object, action: "s3:PutObject", body: true, handle: (*call).putObject},
		{name: "CopyObject", method: http.MethodPut, level: object, match: isCopy, action: "s3:PutObject", handle: (*call).copyObject},
		{name: "RenameObject", method: http.MethodPut, level: object, query: "renameObject", action: "s3:PutObject", handle: (*call).renameObject},
		{name: "DeleteObject", method: http.MethodDelete, level: object, handle: (*call).deleteObject},

		{name: "CreateMultipartUpload", method: http.MethodPost, level: object, query: "uploads", action: "s3:PutObject", handle: (*call).createUpload},
		{name: "UploadPart", method: http.MethodPut, level: object, query: "uploadId", action: "s3:PutObject", body: true, handle: (*call).uploadPart},
		{name: "UploadPartCopy", method: http.MethodPut, level: object, query: "uploadId", match: isCopy, action: "s3:PutObject", handle: (*call).uploadPartCopy},
		{name: "CompleteMultipartUpload", method: http.MethodPost, level: object, query: "uploadId", action: "s3:PutObject", body: true, handle: (*call).completeUpload},
		{name: "AbortMultipartUpload", method: http.MethodDelete, level: object, query: "uploadId", handle: (*call).abortUpload},
		{name: "ListParts", method: http.MethodGet, level: object, query: "uploadId", handle: (*call).listParts},
	}
}

// isCopy tells whether the payload comes from another object.
func isCopy(c *call) bool {
	return c.r.Header["X-Amz-Copy-Source"] != nil || c.hoistsHeader(copySourceHeader)
}

// isListV2 tells the two listings apart; list-type knows no other value.
func isListV2(c *call) bool { return c.query.has("list-type") }
