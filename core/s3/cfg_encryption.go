package s3

import "github.com/mucura/mucura/core/s3err"

// Default encryption is not honoured yet, so it is never accepted: a setting
// that is stored but not kept would be a promise broken. When objects can be
// sealed, these three handlers read and write catalog.Bucket.Encryption.

// getEncryption is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
func getEncryption(c *call) error {
	return s3err.ServerSideEncryptionNotFound.Field("BucketName", c.bucket)
}

// putEncryption is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
func putEncryption(*call) error {
	return s3err.NotImplemented.Say("Default encryption of buckets is not implemented.")
}
