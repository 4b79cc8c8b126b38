package s3

// coveredFeatures are the tables of what runs across operations.
func coveredFeatures() []chapter {
	return []chapter{
		{title: "Signatures and addressing", rows: []covered{
			{name: "Signature V4 in the header", show: showHeaderSignature, note: "Payload signed or `UNSIGNED-PAYLOAD`; clocks may differ by 15 minutes."},
			{name: "Signature V4 in the query (presigned)", show: showPresigned, note: "Every operation; at most 7 days, expiry enforced."},
			{name: "Chunked payloads (`aws-chunked`)", show: showChunked, note: "Signed and unsigned, with and without trailing checksums and their signature."},
			{name: "POST policy", show: showPostPolicy, note: "Conditions `eq`, `starts-with`, `content-length-range`; every field needs one."},
			{name: "Any region in the credential scope", show: showRegions},
			{name: "Signature V4A (ECDSA)", why: "Signatures for several regions at once; a site is one region. Refused with `InvalidArgument` or `AuthorizationQueryParametersError`.", show: refusesV4A},
			{name: "Signature V2", show: showV2, note: "Forms, and presigned GET and HEAD with `--allow-v2-presigned`.", lacks: "headers and other presigned requests, refused with a message that says what to set in the client: the scheme hashes with SHA-1."},
			{name: "Path-style addressing", show: showPathStyle},
			{name: "Virtual-hosted addressing", show: showVirtualHosted, note: "With `--domain`."},
			{name: "Keys of any UTF-8 up to 1,024 bytes", show: showKeys, note: "`a//b`, `../x`, control characters and NUL are names like others and never a path."},
			{name: "`x-amz-expected-bucket-owner`", show: showExpectedOwner},
		}},
		{title: "Reading", rows: []covered{
			{name: "Byte ranges", show: showRanges, note: "From-to, open, suffix; `If-Range`."},
			{name: "Several ranges in one request", show: showMultiRange, note: "As `multipart/byteranges`, which S3 does not offer."},
			{name: "Conditional reads", show: showReadConditions},
			{name: "`response-*` overrides", show: showOverrides, note: "For signed requests, as in S3."},
			{name: "`partNumber`", show: showPartNumber},
		}},
		{title: "Writing", rows: []covered{
			{name: "`If-None-Match: *` and `If-Match` on writes", show: showWriteConditions, note: "PutObject, CopyObject, CompleteMultipartUpload; of two writers exactly one wins."},
			{name: "Content-MD5", show: showContentMD5},
			{name: "Checksums CRC32, CRC32C, CRC64NVME, SHA1, SHA256", show: showChecksums, note: "In a header or trailer, verified, stored, and given back. CRC64NVME when the client names none."},
			{name: "Checksums SHA512, MD5, XXHASH64, XXHASH3, XXHASH128", show: showNewChecksums},
			{name: "Checksums of multipart uploads", show: showUploadChecksums, note: "Composite, and full-object for the CRCs."},
			{name: "User metadata", show: showUserMetadata, note: "2 KB; other than ASCII is given back encoded as S3 does (RFC 2047)."},
			{name: "`Expect: 100-continue`", show: showExpect, note: "Refused before the body is sent when it can be: no permission, no quota."},
			{name: "Storage classes", show: showStorageClasses, lacks: "they are labels: kept and shown, but all bytes lie in the same store. Archive classes are refused."},
			{name: "Append (`x-amz-write-offset-bytes`)", why: "S3 Express only.", show: refusesAppend},
		}},
		{title: "Listing", rows: []covered{
			{name: "Prefix, delimiter, markers, `max-keys`", show: showListing, note: "A delimiter of any length; order by bytes of UTF-8."},
			{name: "`encoding-type=url`", show: showURLEncoding},
			{name: "Many keys under one prefix", show: showManyKeys, note: "A common prefix costs one step, however many keys are under it."},
		}},
		{title: "Protection", rows: []covered{
			{name: "Object lock: governance", show: showGovernance, note: "Bypass needs the permission and the header."},
			{name: "Object lock: compliance", show: showCompliance, note: "Holds against everybody, the site's administrator included."},
			{name: "Object lock: legal hold", show: showLegalHold},
			{name: "Versioning and undelete", show: showUndelete},
		}},
		{title: "Lifecycle", intro: "Rules are executed by the sweeper (`--sweep-interval`).", rows: []covered{
			{name: "Expiration by days, prefix, tag and size", show: showExpirationByDays},
			{name: "Expiration by date", show: showExpirationByDate},
			{name: "Noncurrent versions, with a number to keep", show: showNoncurrent},
			{name: "Expired delete markers", show: showExpiredMarkers},
			{name: "Abort of incomplete uploads", show: showAbortedUploads},
			{name: "`x-amz-expiration`, `x-amz-abort-date`", show: showExpirationHeader},
			{name: "Transitions", show: showLifecycle, why: "There is one storage class. A rule with a transition is refused."},
		}},
		{title: "Encryption", rows: encryptionRows()},
		{title: "Access", rows: accessRows()},
	}
}

// accessRows are who may do what.
func accessRows() []covered {
	return []covered{
		{name: "Private by default", show: showPrivate},
		{name: "Canned ACLs", show: showObjectACL},
		{name: "ACL grants by header and document", show: showBucketACL},
		{name: "Public access block", show: showPublicAccessBlock, note: "Per bucket, and for the site by `--block-public-access`."},
		{name: "Object ownership", show: showOwnership, note: "ObjectWriter, BucketOwnerPreferred, BucketOwnerEnforced; the default is the site's, `--default-object-ownership`."},
		{name: "Policy: principals", show: showPrincipals, note: "`*`, account names and IDs, ARNs of users and roots, canonical users; NotPrincipal."},
		{name: "Policy: actions and resources", show: showActions, note: "With wildcards; NotAction, NotResource; an explicit deny comes first."},
		{name: "Policy: String conditions", show: showStringConditions, note: "StringEquals, StringNotEquals, their IgnoreCase forms, StringLike, StringNotLike."},
		{name: "Policy: Numeric conditions", show: showNumericConditions},
		{name: "Policy: Date conditions", show: showDateConditions},
		{name: "Policy: Bool and Null conditions", show: showBoolConditions},
		{name: "Policy: IpAddress conditions", show: showAddressConditions},
		{name: "Policy: Binary and Arn conditions", show: showArnConditions},
		{name: "Policy: IfExists, ForAnyValue, ForAllValues", show: showSetConditions},
		{name: "Policy: tags of objects and of requests", show: showTagConditions, note: "`s3:ExistingObjectTag/…`, `s3:RequestObjectTag/…`, `s3:RequestObjectTagKeys`."},
		{name: "Policy: variables", show: showVariables, note: "`${aws:username}` and the other condition keys; `${*}`, `${?}`, `${$}`."},
	}
}
