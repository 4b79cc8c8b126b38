package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/s3err"
)

// configOperations are the operations on the settings of buckets and objects,
// the CORS preflight and the browser upload.
var configOperations = append(bucketSettings(), append(objectSettings(), notOfferedSettings()...)...)

// bucketSettings are the operations on a bucket's settings.
func bucketSettings() []operation {
	return []operation{
		{name: "GetBucketVersioning", method: "GET", level: bucket, query: "versioning", action: "s3:GetBucketVersioning", handle: getBucketVersioning},
		{name: "PutBucketVersioning", method: "PUT", level: bucket, query: "versioning", action: "s3:PutBucketVersioning", body: true, handle: putBucketVersioning},
		{name: "GetBucketTagging", method: "GET", level: bucket, query: "tagging", action: "s3:GetBucketTagging", handle: getBucketTagging},
		{name: "PutBucketTagging", method: "PUT", level: bucket, query: "tagging", action: "s3:PutBucketTagging", body: true, handle: putBucketTagging},
		{name: "DeleteBucketTagging", method: "DELETE", level: bucket, query: "tagging", action: "s3:PutBucketTagging", handle: deleteBucketTagging},
		{name: "GetBucketAcl", method: "GET", level: bucket, query: "acl", action: "s3:GetBucketAcl", handle: getBucketACL},
		{name: "PutBucketAcl", method: "PUT", level: bucket, query: "acl", action: "s3:PutBucketAcl", body: true, handle: putBucketACL},
		{name: "GetBucketPolicy", method: "GET", level: bucket, query: "policy", action: "s3:GetBucketPolicy", handle: getPolicy},
		{name: "PutBucketPolicy", method: "PUT", level: bucket, query: "policy", action: "s3:PutBucketPolicy", body: true, handle: putPolicy},
		{name: "DeleteBucketPolicy", method: "DELETE", level: bucket, query: "policy", action: "s3:DeleteBucketPolicy", handle: deletePolicy},
		{name: "GetBucketPolicyStatus", method: "GET", level: bucket, query: "policyStatus", action: "s3:GetBucketPolicyStatus", handle: getPolicyStatus},
		{name: "GetBucketCors", method: "GET", level: bucket, query: "cors", action: "s3:GetBucketCORS", handle: getCORS},
		{name: "PutBucketCors", method: "PUT", level: bucket, query: "cors", action: "s3:PutBucketCORS", body: true, handle: putCORS},
		{name: "DeleteBucketCors", method: "DELETE", level: bucket, query: "cors", action: "s3:PutBucketCORS", handle: deleteCORS},
		{name: "PreflightOPTIONS", method: "OPTIONS", level: bucket, noBucket: true, unsigned: true, handle: preflight},
		{name: "PostObject", method: "POST", level: bucket, noBucket: true, body: true, handle: postObject},
		{name: "GetBucketLifecycleConfiguration", method: "GET", level: bucket, query: "lifecycle", action: "s3:GetLifecycleConfiguration", handle: getLifecycle},
		{name: "PutBucketLifecycleConfiguration", method: "PUT", level: bucket, query: "lifecycle", action: "s3:PutLifecycleConfiguration", body: true, handle: putLifecycle},
		{name: "DeleteBucketLifecycle", method: "DELETE", level: bucket, query: "lifecycle", action: "s3:PutLifecycleConfiguration", handle: deleteLifecycle},
		{name: "GetBucketOwnershipControls", method: "GET", level: bucket, query: "ownershipControls", action: "s3:GetBucketOwnershipControls", handle: getOwnershipControls},
		{name: "PutBucketOwnershipControls", method: "PUT", level: bucket, query: "ownershipControls", action: "s3:PutBucketOwnershipControls", body: true, handle: putOwnershipControls},
		{name: "DeleteBucketOwnershipControls", method: "DELETE", level: bucket, query: "ownershipControls", action: "s3:PutBucketOwnershipControls", handle: deleteOwnershipControls},
		{name: "GetPublicAccessBlock", method: "GET", level: bucket, query: "publicAccessBlock", action: "s3:GetBucketPublicAccessBlock", handle: getPublicAccessBlock},
		{name: "PutPublicAccessBlock", method: "PUT", level: bucket, query: "publicAccessBlock", action: "s3:PutBucketPublicAccessBlock", body: true, handle: putPublicAccessBlock},
		{name: "DeletePublicAccessBlock", method: "DELETE", level: bucket, query: "publicAccessBlock", action: "s3:PutBucketPublicAccessBlock", handle: deletePublicAccessBlock},
		{name: "GetObjectLockConfiguration", method: "GET", level: bucket, query: "object-lock", action: "s3:GetBucketObjectLockConfiguration", handle: getLockConfig},
		{name: "PutObjectLockConfiguration", method: "PUT", level: bucket, query: "object-lock", action: "s3:PutBucketObjectLockConfiguration", body: true, handle: putLockConfig},
		{name: "GetBucketEncryption", method: "GET", level: bucket, query: "encryption", action: "s3:GetEncryptionConfiguration", handle: getEncryption},
		{name: "PutBucketEncryption", method: "PUT", level: bucket, query: "encryption", action: "s3:PutEncryptionConfiguration", handle: putEncryption},
		{name: "DeleteBucketEncryption", method: "DELETE", level: bucket, query: "encryption", action: "s3:PutEncryptionConfiguration", handle: deleteEncryption},
		{name: "GetBucketRequestPayment", method: "GET", level: bucket, query: "requestPayment", action: "s3:GetBucketRequestPayment", handle: getRequestPayment},
		{name: "PutBucketRequestPayment", method: "PUT", level: bucket, query: "requestPayment", action: "s3:PutBucketRequestPayment", body: true, handle: putRequestPayment},
	}
}

// objectSettings are the operations on what may change of a stored version.
// They authorize themselves: the version's owner, ACL and tags count.
func objectSettings() []operation {
	return []operation{
		{name: "PreflightOPTIONS", method: "OPTIONS", level: object, noBucket: true, unsigned: true, handle: preflight},
		{name: "GetObjectTagging", method: "GET", level: object, query: "tagging", handle: getObjectTagging},
		{name: "PutObjectTagging", method: "PUT", level: object, query: "tagging", body: true, handle: putObjectTagging},
		{name: "DeleteObjectTagging", method: "DELETE", level: object, query: "tagging", handle: deleteObjectTagging},
		{name: "GetObjectAcl", method: "GET", level: object, query: "acl", handle: getObjectACL},
		{name: "PutObjectAcl", method: "PUT", level: object, query: "acl", body: true, handle: putObjectACL},
		{name: "GetObjectRetention", method: "GET", level: object, query: "retention", handle: getRetention},
		{name: "PutObjectRetention", method: "PUT", level: object, query: "retention", body: true, handle: putRetention},
		{name: "GetObjectLegalHold", method: "GET", level: object, query: "legal-hold", handle: getLegalHold},
		{name: "PutObjectLegalHold", method: "PUT", level: object, query: "legal-hold", body: true, handle: putLegalHold},
		{name: "RestoreObject", method: "POST", level: object, query: "restore", handle: restoreObject},
	}
}

// notOfferedSettings are settings that are always as on a fresh bucket.
func notOfferedSettings() []operation {
	get := func(name, query, action string, handle func(*call) error) operation {
		return operation{name: name, method: http.MethodGet, level: bucket, query: query, action: action, handle: handle}
	}
	put := func(name, query, action string, handle func(*call) error) operation {
		return operation{name: name, method: http.MethodPut, level: bucket, query: query, action: action, body: true, handle: handle}
	}
	del := func(name, query, action string) operation {
		return operation{name: name, method: http.MethodDelete, level: bucket, query: query, action: action, handle: gone}
	}
	return []operation{
		get("GetBucketWebsite", "website", "s3:GetBucketWebsite", notThere(s3err.NoSuchWebsiteConfiguration)),
		put("PutBucketWebsite", "website", "s3:PutBucketWebsite", notOffered),
		del("DeleteBucketWebsite", "website", "s3:DeleteBucketWebsite"),
		get("GetBucketReplication", "replication", "s3:GetReplicationConfiguration", notThere(s3err.ReplicationConfigurationNotFound)),
		put("PutBucketReplication", "replication", "s3:PutReplicationConfiguration", notOffered),
		del("DeleteBucketReplication", "replication", "s3:PutReplicationConfiguration"),
		get("GetBucketLogging", "logging", "s3:GetBucketLogging", emptyDocument("BucketLoggingStatus")),
		put("PutBucketLogging", "logging", "s3:PutBucketLogging", putIfEmpty("BucketLoggingStatus")),
		get("GetBucketNotificationConfiguration", "notification", "s3:GetBucketNotification", emptyDocument("NotificationConfiguration")),
		put("PutBucketNotificationConfiguration", "notification", "s3:PutBucketNotification", putIfEmpty("NotificationConfiguration")),
		get("GetBucketAccelerateConfiguration", "accelerate", "s3:GetAccelerateConfiguration", emptyDocument("AccelerateConfiguration")),
		put("PutBucketAccelerateConfiguration", "accelerate", "s3:PutAccelerateConfiguration", putIfEmpty("AccelerateConfiguration")),
		get("ListBucketAnalyticsConfigurations", "analytics", "s3:GetAnalyticsConfiguration", emptyList("ListBucketAnalyticsConfigurationResult")),
		put("PutBucketAnalyticsConfiguration", "analytics", "s3:PutAnalyticsConfiguration", notOffered),
		del("DeleteBucketAnalyticsConfiguration", "analytics", "s3:PutAnalyticsConfiguration"),
		get("ListBucketInventoryConfigurations", "inventory", "s3:GetInventoryConfiguration", emptyList("ListInventoryConfigurationsResult")),
		put("PutBucketInventoryConfiguration", "inventory", "s3:PutInventoryConfiguration", notOffered),
		del("DeleteBucketInventoryConfiguration", "inventory", "s3:PutInventoryConfiguration"),
		get("ListBucketMetricsConfigurations", "metrics", "s3:GetMetricsConfiguration", emptyList("ListMetricsConfigurationsResult")),
		put("PutBucketMetricsConfiguration", "metrics", "s3:PutMetricsConfiguration", notOffered),
		del("DeleteBucketMetricsConfiguration", "metrics", "s3:PutMetricsConfiguration"),
		get("ListBucketIntelligentTieringConfigurations", "intelligent-tiering", "s3:GetIntelligentTieringConfiguration", emptyList("ListBucketIntelligentTieringConfigurationsOutput")),
		put("PutBucketIntelligentTieringConfiguration", "intelligent-tiering", "s3:PutIntelligentTieringConfiguration", notOffered),
		del("DeleteBucketIntelligentTieringConfiguration", "intelligent-tiering", "s3:PutIntelligentTieringConfiguration"),
	}
}
