package access

// level tells what an action is about.
type level uint8

const (
	onService level = 1 << iota
	onBucket
	onObject
)

// action is one of S3's actions.
type action struct {
	name  string
	level level // 0: about nothing that exists here
}

// actions are the actions a policy may name, as in
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html.
// Those about replication, access points and batch jobs can be named, so that
// documents written for S3 are accepted, but are never asked for.
var actions = [...]action{
	{"s3:AbortMultipartUpload", onObject},
	{"s3:BypassGovernanceRetention", onObject},
	{"s3:CreateBucket", onService | onBucket},
	{"s3:CreateBucketMetadataTableConfiguration", onBucket},
	{"s3:DeleteBucket", onBucket},
	{"s3:DeleteBucketMetadataTableConfiguration", onBucket},
	{"s3:DeleteBucketPolicy", onBucket},
	{"s3:DeleteBucketWebsite", onBucket},
	{"s3:DeleteObject", onObject},
	{"s3:DeleteObjectTagging", onObject},
	{"s3:DeleteObjectVersion", onObject},
	{"s3:DeleteObjectVersionTagging", onObject},
	{"s3:GetAccelerateConfiguration", onBucket},
	{"s3:GetAccountPublicAccessBlock", onService},
	{"s3:GetAnalyticsConfiguration", onBucket},
	{"s3:GetBucketAcl", onBucket},
	{"s3:GetBucketCORS", onBucket},
	{"s3:GetBucketLocation", onBucket},
	{"s3:GetBucketLogging", onBucket},
	{"s3:GetBucketMetadataTableConfiguration", onBucket},
	{"s3:GetBucketNotification", onBucket},
	{"s3:GetBucketObjectLockConfiguration", onBucket},
	{"s3:GetBucketOwnershipControls", onBucket},
	{"s3:GetBucketPolicy", onBucket},
	{"s3:GetBucketPolicyStatus", onBucket},
	{"s3:GetBucketPublicAccessBlock", onBucket},
	{"s3:GetBucketRequestPayment", onBucket},
	{"s3:GetBucketTagging", onBucket},
	{"s3:GetBucketVersioning", onBucket},
	{"s3:GetBucketWebsite", onBucket},
	{"s3:GetEncryptionConfiguration", onBucket},
	{"s3:GetIntelligentTieringConfiguration", onBucket},
	{"s3:GetInventoryConfiguration", onBucket},
	{"s3:GetLifecycleConfiguration", onBucket},
	{"s3:GetMetricsConfiguration", onBucket},
	{"s3:GetObject", onObject},
	{"s3:GetObjectAcl", onObject},
	{"s3:GetObjectAttributes", onObject},
	{"s3:GetObjectLegalHold", onObject},
	{"s3:GetObjectRetention", onObject},
	{"s3:GetObjectTagging", onObject},
	{"s3:GetObjectTorrent", onObject},
	{"s3:GetObjectVersion", onObject},
	{"s3:GetObjectVersionAcl", onObject},
	{"s3:GetObjectVersionAttributes", onObject},
	{"s3:GetObjectVersionForReplication", onObject},
	{"s3:GetObjectVersionTagging", onObject},
	{"s3:GetObjectVersionTorrent", onObject},
	{"s3:GetReplicationConfiguration", onBucket},
	{"s3:InitiateReplication", onObject},
	{"s3:ListAllMyBuckets", onService},
	{"s3:ListBucket", onBucket},
	{"s3:ListBucketMultipartUploads", onBucket},
	{"s3:ListBucketVersions", onBucket},
	{"s3:ListMultipartUploadParts", onObject},
	{"s3:ListTagsForResource", onBucket},
	{"s3:ObjectOwnerOverrideToBucketOwner", 0},
	{"s3:PutAccelerateConfiguration", onBucket},
	{"s3:PutAccountPublicAccessBlock", onService},
	{"s3:PutAnalyticsConfiguration", onBucket},
	{"s3:PutBucketAcl", onBucket},
	{"s3:PutBucketCORS", onBucket},
	{"s3:PutBucketLogging", onBucket},
	{"s3:PutBucketNotification", onBucket},
	{"s3:PutBucketObjectLockConfiguration", onBucket},
	{"s3:PutBucketOwnershipControls", onBucket},
	{"s3:PutBucketPolicy", onBucket},
	{"s3:PutBucketPublicAccessBlock", onBucket},
	{"s3:PutBucketRequestPayment", onBucket},
	{"s3:PutBucketTagging", onBucket},
	{"s3:PutBucketVersioning", onBucket},
	{"s3:PutBucketWebsite", onBucket},
	{"s3:PutEncryptionConfiguration", onBucket},
	{"s3:PutIntelligentTieringConfiguration", onBucket},
	{"s3:PutInventoryConfiguration", onBucket},
	{"s3:PutLifecycleConfiguration", onBucket},
	{"s3:PutMetricsConfiguration", onBucket},
	{"s3:PutObject", onObject},
	{"s3:PutObjectAcl", onObject},
	{"s3:PutObjectLegalHold", onObject},
	{"s3:PutObjectRetention", onObject},
	{"s3:PutObjectTagging", onObject},
	{"s3:PutObjectVersionAcl", onObject},
	{"s3:PutObjectVersionTagging", onObject},
	{"s3:PutReplicationConfiguration", onBucket},
	{"s3:ReplicateDelete", onObject},
	{"s3:ReplicateObject", onObject},
	{"s3:ReplicateTags", onObject},
	{"s3:RestoreObject", onObject},
	{"s3:TagResource", onBucket},
	{"s3:UntagResource", onBucket},
}

// levels tells what the actions that fit a pattern are about, together, and
// whether there is any.
func levels(p *pattern) (l level, known bool) {
	for i := range actions {
		if p.match(actions[i].name, nil, true) {
			l |= actions[i].level
			known = true
		}
	}
	return l, known
}

// ofObjectOwner tells whether an action is the object owner's to allow: when
// somebody else than the bucket's owner owns the object, neither the bucket's
// owner nor the bucket policy can give it
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html).
// Writing, deleting, and object lock remain the bucket owner's.
func ofObjectOwner(action string) bool {
	switch action {
	case "s3:GetObject", "s3:GetObjectVersion",
		"s3:GetObjectAcl", "s3:GetObjectVersionAcl",
		"s3:PutObjectAcl", "s3:PutObjectVersionAcl",
		"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes",
		"s3:GetObjectTagging", "s3:GetObjectVersionTagging",
		"s3:PutObjectTagging", "s3:PutObjectVersionTagging",
		"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging",
		"s3:GetObjectTorrent", "s3:GetObjectVersionTorrent":
		return true
	}
	return false
}
