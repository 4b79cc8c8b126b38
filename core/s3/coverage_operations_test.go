package s3

// coveredOperations are the tables of S3's operations.
func coveredOperations() []chapter {
	return []chapter{
		{title: "Buckets", operations: true, rows: []covered{
			{name: "ListBuckets", show: showListBuckets, note: "With prefix, paging and region."},
			{name: "CreateBucket", show: showCreateBucket, note: "With ACL, object lock and object ownership; the location may be the site's region or empty."},
			{name: "HeadBucket", show: showHeadBucket},
			{name: "DeleteBucket", show: showDeleteBucket},
			{name: "GetBucketLocation", show: showLocation},
			{name: "ListDirectoryBuckets", why: "There are no directory buckets (S3 Express). S3 tells this request by its host name alone, so here it is ListBuckets and answered as such.", show: showDirectoryBuckets},
			{name: "CreateSession", refused: []string{"GET /bkt?session"}, why: "There are no directory buckets (S3 Express)."},
		}},
		{title: "Objects", operations: true, rows: []covered{
			{name: "PutObject", show: showPutObject, note: "Up to 5 GiB; conditional; system and user metadata, tags, ACL, lock, storage class (a label)."},
			{name: "GetObject", show: showGetObject, note: "Also by version and by part; several ranges in one request are answered as `multipart/byteranges`, which S3 itself does not do."},
			{name: "HeadObject", show: showHeadObject},
			{name: "DeleteObject", show: showDeleteObject, note: "Conditional by ETag, time and size on any bucket."},
			{name: "DeleteObjects", show: showDeleteObjects, note: "Up to 1,000 keys, each conditional."},
			{name: "CopyObject", show: showCopyObject, note: "Moves no bytes unless the encryption changes. From a version, onto itself, conditional on source and target."},
			{name: "RenameObject", show: showRename, note: "On every bucket without versioning; moves no bytes.", lacks: "`x-amz-rename-source-if-none-match` and the source conditions on time (501)."},
			{name: "GetObjectAttributes", show: showAttributes},
			{name: "ListObjects", show: showListObjects},
			{name: "ListObjectsV2", show: showListObjectsV2},
			{name: "ListObjectVersions", show: showListVersions},
			{name: "RestoreObject", show: showRestore, note: "Answers InvalidObjectState, as S3 does for an object that is not archived.", lacks: "nothing is ever archived, so there is nothing to restore."},
			{name: "SelectObjectContent", refused: []string{"POST /bkt/k?select&select-type=2"}, why: "S3 Select is closed to new customers of S3; query files where they are used."},
			{name: "GetObjectTorrent", refused: []string{"GET /bkt/k?torrent"}, why: "Withdrawn by S3."},
			{name: "WriteGetObjectResponse", why: "There is no Object Lambda; S3 offers it on host names of its own, so here it is a POST to a bucket of that name.", show: showNoLambda},
			{name: "GetObjectAnnotation", refused: []string{"GET /bkt/k?annotation&x-id=GetObjectAnnotation"}, why: noAnnotations},
			{name: "ListObjectAnnotations", refused: []string{"GET /bkt/k?annotation&x-id=ListObjectAnnotations"}, why: noAnnotations},
			{name: "PutObjectAnnotation", refused: []string{"PUT /bkt/k?annotation"}, why: noAnnotations},
			{name: "DeleteObjectAnnotation", refused: []string{"DELETE /bkt/k?annotation"}, why: noAnnotations},
			{name: "PostObject", show: showPostObject, note: "Browser upload, [RESTObjectPOST](https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html)."},
			{name: "OPTIONS object", op: "PreflightOPTIONS", show: showPreflight, note: "CORS preflight, [RESTOPTIONSobject](https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html)."},
		}},
		{title: "Multipart uploads", operations: true, rows: []covered{
			{name: "CreateMultipartUpload", show: showUpload},
			{name: "UploadPart", show: showUpload, note: "10,000 parts of 5 MiB (the last: any size) to 5 GiB."},
			{name: "UploadPartCopy", show: showPartCopy, note: "A range that is whole segments of its source moves no bytes."},
			{name: "CompleteMultipartUpload", show: showUpload, note: "Conditional; touches metadata only; may be repeated."},
			{name: "AbortMultipartUpload", show: showAbort},
			{name: "ListParts", show: showUpload},
			{name: "ListMultipartUploads", show: showListUploads},
		}},
		{title: "Settings of objects", operations: true, rows: []covered{
			{name: "GetObjectTagging", show: showObjectTagging},
			{name: "PutObjectTagging", show: showObjectTagging},
			{name: "DeleteObjectTagging", show: showObjectTagging},
			{name: "GetObjectAcl", show: showObjectACL},
			{name: "PutObjectAcl", show: showObjectACL, note: "Canned, by header or as a document; grantees by canonical ID, e-mail address and group."},
			{name: "GetObjectRetention", show: showRetention},
			{name: "PutObjectRetention", show: showRetention},
			{name: "GetObjectLegalHold", show: showLegalHold},
			{name: "PutObjectLegalHold", show: showLegalHold},
			{name: "UpdateObjectEncryption", refused: []string{"PUT /bkt/k?encryption"}, why: "It exchanges KMS keys, and there is no KMS."},
		}},
		{title: "Settings of buckets", operations: true, rows: append(bucketSettingRows(), encryptionSettingRows()...)},
		{title: "Settings that are never there", operations: true, rows: neverThereRows(),
			intro: "Tools that look at every setting of a bucket (consoles, Terraform, sync\ntools) get what S3 says of a fresh bucket."},
	}
}

const noAnnotations = "Annotations of objects are not offered; user metadata and tags are."

// bucketSettingRows are the settings that can be changed.
func bucketSettingRows() []covered {
	return []covered{
		{name: "GetBucketVersioning", show: showVersioning},
		{name: "PutBucketVersioning", show: showVersioning, lacks: "MFA delete."},
		{name: "GetBucketTagging", show: showBucketTagging},
		{name: "PutBucketTagging", show: showBucketTagging},
		{name: "DeleteBucketTagging", show: showBucketTagging},
		{name: "GetBucketAcl", show: showBucketACL},
		{name: "PutBucketAcl", show: showBucketACL},
		{name: "GetBucketPolicy", show: showPolicy},
		{name: "PutBucketPolicy", show: showPolicy},
		{name: "DeleteBucketPolicy", show: showPolicy},
		{name: "GetBucketPolicyStatus", show: showPolicyStatus},
		{name: "GetBucketCors", show: showCORS},
		{name: "PutBucketCors", show: showCORS},
		{name: "DeleteBucketCors", show: showCORS},
		{name: "GetBucketLifecycleConfiguration", show: showLifecycle},
		{name: "PutBucketLifecycleConfiguration", show: showLifecycle, note: "Also in the form of the old PutBucketLifecycle.", lacks: "transitions: there is one storage class."},
		{name: "DeleteBucketLifecycle", show: showLifecycle},
		{name: "GetBucketOwnershipControls", show: showOwnership},
		{name: "PutBucketOwnershipControls", show: showOwnership},
		{name: "DeleteBucketOwnershipControls", show: showOwnership},
		{name: "GetPublicAccessBlock", show: showPublicAccessBlock},
		{name: "PutPublicAccessBlock", show: showPublicAccessBlock},
		{name: "DeletePublicAccessBlock", show: showPublicAccessBlock},
		{name: "GetObjectLockConfiguration", show: showLockConfiguration},
		{name: "PutObjectLockConfiguration", show: showLockConfiguration, note: "Also on a bucket that was made without object lock, once versioning is on."},
		{name: "GetBucketRequestPayment", show: showRequestPayment, note: "Always BucketOwner."},
		{name: "PutBucketRequestPayment", show: showRequestPayment, lacks: "`Requester`: nobody is billed for requests."},
	}
}

// neverThereRows are the settings that are always as on a fresh bucket.
func neverThereRows() []covered {
	const (
		website     = "A file repository serves no web sites; share with presigned URLs, ACLs or a policy."
		replication = "The store below replicates; a copy elsewhere is `mucurad backup` or a client's sync."
		metadata    = "S3 Metadata writes tables of S3 Tables, which are not offered."
		abac        = "Access by bucket tags is not offered; policies on object tags are."
	)
	never := func(path string, code string) func(*testServer) {
		return func(s *testServer) { s.neverSet(path, code) }
	}
	rows := []covered{
		{name: "GetBucketWebsite", show: never("/bkt?website", "NoSuchWebsiteConfiguration"), lacks: "always not configured."},
		{name: "PutBucketWebsite", refused: []string{"PUT /bkt?website"}, why: website},
		{name: "DeleteBucketWebsite", show: deletesNothing("/bkt?website"), note: "Nothing to delete: 204."},
		{name: "GetBucketReplication", show: never("/bkt?replication", "ReplicationConfigurationNotFoundError"), lacks: "always not configured."},
		{name: "PutBucketReplication", refused: []string{"PUT /bkt?replication"}, why: replication},
		{name: "DeleteBucketReplication", show: deletesNothing("/bkt?replication"), note: "Nothing to delete: 204."},
		{name: "GetBucketLogging", show: never("/bkt?logging", ""), lacks: "always off."},
		{name: "PutBucketLogging", show: onlyOff("/bkt?logging", "BucketLoggingStatus", "<LoggingEnabled/>"), lacks: "a target: every request is a line of the server's own log."},
		{name: "GetBucketNotificationConfiguration", show: never("/bkt?notification", ""), lacks: "always empty."},
		{name: "PutBucketNotificationConfiguration", show: onlyOff("/bkt?notification", "NotificationConfiguration", "<TopicConfiguration/>"), lacks: "targets: there is nobody to notify."},
		{name: "GetBucketAccelerateConfiguration", show: never("/bkt?accelerate", ""), lacks: "always off."},
		{name: "PutBucketAccelerateConfiguration", show: onlyOff("/bkt?accelerate", "AccelerateConfiguration", "<Status>Enabled</Status>"), lacks: "`Enabled`: it is a network of AWS."},
		{name: "GetBucketAbac", refused: []string{"GET /bkt?abac"}, why: abac},
		{name: "PutBucketAbac", refused: []string{"PUT /bkt?abac"}, why: abac},
	}
	for _, r := range []struct{ name, method, query string }{
		{"CreateBucketMetadataConfiguration", "POST", "metadataConfiguration"},
		{"GetBucketMetadataConfiguration", "GET", "metadataConfiguration"},
		{"DeleteBucketMetadataConfiguration", "DELETE", "metadataConfiguration"},
		{"CreateBucketMetadataTableConfiguration", "POST", "metadataTable"},
		{"GetBucketMetadataTableConfiguration", "GET", "metadataTable"},
		{"DeleteBucketMetadataTableConfiguration", "DELETE", "metadataTable"},
		{"UpdateBucketMetadataInventoryTableConfiguration", "PUT", "metadataInventoryTable"},
		{"UpdateBucketMetadataJournalTableConfiguration", "PUT", "metadataJournalTable"},
		{"UpdateBucketMetadataAnnotationTableConfiguration", "PUT", "metadataAnnotationTable"},
	} {
		rows = append(rows, covered{name: r.name, refused: []string{r.method + " /bkt?" + r.query}, why: metadata})
	}
	for _, r := range []struct{ name, query, why string }{
		{"Analytics", "analytics", "There is one storage class, so nothing to analyse."},
		{"Inventory", "inventory", "A listing of a million keys is quick; there are no reports."},
		{"Metrics", "metrics", "The server's metrics are on its admin listener."},
		{"IntelligentTiering", "intelligent-tiering", "There is one storage class."},
	} {
		path := "/bkt?" + r.query
		list := "ListBucket" + r.name + "Configurations"
		rows = append(rows,
			covered{name: list, show: never(path, ""), lacks: "always empty."},
			covered{name: "GetBucket" + r.name + "Configuration", op: list, show: never(path+"&id=1", "NoSuchConfiguration"), lacks: "always not configured."},
			covered{name: "PutBucket" + r.name + "Configuration", refused: []string{"PUT " + path + "&id=1"}, why: r.why},
			covered{name: "DeleteBucket" + r.name + "Configuration", show: deletesNothing(path + "&id=1"), note: "Nothing to delete: 204."})
	}
	return rows
}
