package s3

import (
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"net"
	"slices"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

// The headers that choose encryption with the site's keys
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-encryption.html)
// and those of SSE-KMS, which is not offered.
const (
	sseHeader        = "X-Amz-Server-Side-Encryption"
	sseKMSKeyHeader  = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	sseContextHeader = "X-Amz-Server-Side-Encryption-Context"
	sseName          = "x-amz-server-side-encryption" // as errors write it
)

// keyHeaders are the three headers that bring a customer's key
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-c-encryption.html).
type keyHeaders struct{ algorithm, key, md5 string }

// ownKey is for the object itself, sourceKey for the source of a copy.
func ownKey() keyHeaders {
	const p = "X-Amz-Server-Side-Encryption-Customer-"
	return keyHeaders{p + "Algorithm", p + "Key", p + "Key-Md5"}
}

func sourceKey() keyHeaders {
	const p = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
	return keyHeaders{p + "Algorithm", p + "Key", p + "Key-Md5"}
}

// brings tells whether the request has any of the headers.
func (c *call) brings(n keyHeaders) bool {
	h := c.r.Header
	return h[n.algorithm] != nil || h[n.key] != nil || h[n.md5] != nil
}

// errSSE is InvalidArgument about encryption.
func errSSE(value, message string) error { return badArgument(sseName, value, message) }

// customerKey reads a customer's key; nil when there is none. InvalidArgument
// and InvalidEncryptionAlgorithmError as S3 has them, InvalidRequest when it
// came over a connection that others may read.
func (c *call) customerKey(n keyHeaders) (*sse.Key, error) {
	if !c.brings(n) {
		return nil, nil
	}
	if !c.confidential() {
		return nil, s3err.InvalidRequest.Say("Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
	}
	h := c.r.Header
	algorithm, encoded, sum := h.Get(n.algorithm), h.Get(n.key), h.Get(n.md5)
	switch {
	case algorithm == "":
		return nil, errSSE("null", "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.")
	case algorithm != sse.Algorithm:
		return nil, s3err.InvalidEncryptionAlgorithm.Field("ArgumentName", sseName).Field("ArgumentValue", algorithm)
	case encoded == "":
		return nil, errSSE("null", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	case sum == "":
		return nil, errSSE("null", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errSSE("null", "The secret key was invalid for the specified algorithm.")
	}
	if d := md5.Sum(secret); base64.StdEncoding.EncodeToString(d[:]) != sum {
		return nil, errSSE("null", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	key, err := sse.NewCustomerKey(secret)
	if err != nil {
		return nil, errSSE("null", "The secret key was invalid for the specified algorithm.")
	}
	return key, nil
}

// confidential tells whether nobody on the way can read the request: it came by
// TLS, or from this machine, where a proxy may have ended the TLS, or the
// operator says that the network is safe.
func (c *call) confidential() bool {
	return c.r.TLS != nil || c.f.AllowPlainSSEC || net.ParseIP(c.remoteIP()).IsLoopback()
}

// givenKey reads the customer's key of a request that cannot choose how its
// object is encrypted, because that is decided: nil when it brings none.
// InvalidArgument when it tries to choose.
func (c *call) givenKey() (*sse.Key, error) {
	if v := c.r.Header[sseHeader]; v != nil {
		return nil, errSSE(v[0], sseName+" header is not supported for this operation.")
	}
	return c.ownKey()
}

// ownKey reads the customer's key for the object itself.
func (c *call) ownKey() (*sse.Key, error) {
	key, err := c.customerKey(ownKey())
	if key != nil {
		c.keyMD5 = c.r.Header.Get(ownKey().md5)
	}
	return key, err
}

// givenPartKey is givenKey for new parts of an upload.
func (c *call) givenPartKey() (*sse.Key, error) {
	key, err := c.givenKey()
	if err != nil {
		return nil, err
	}
	return key, c.mayBring(key)
}

// mayBring refuses customers' keys for new bytes in buckets that block them
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html).
func (c *call) mayBring(key *sse.Key) error {
	if key == nil || c.b.Encryption == nil || !slices.Contains(c.b.Encryption.Blocked, blockedSSEC) {
		return nil
	}
	return s3err.AccessDenied.Say("This bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type.")
}

// chosenKey tells how a new object is to be encrypted: as the request says,
// else as the bucket's default has it; nil for not at all.
func (c *call) chosenKey() (*sse.Key, error) {
	asked, err := c.siteEncryption()
	if err != nil {
		return nil, err
	}
	if !asked {
		if key, err := c.ownKey(); key != nil || err != nil {
			return key, cmp.Or(err, c.mayBring(key))
		}
		if c.b.Encryption == nil || c.b.Encryption.Algorithm == "" {
			return nil, nil
		}
	}
	return c.f.Repo.SiteKey("")
}

// siteEncryption tells whether the request asks for encryption with the site's
// keys. InvalidArgument for what contradicts itself, NotImplemented for SSE-KMS.
func (c *call) siteEncryption() (asked bool, err error) {
	h := c.r.Header
	method := h[sseHeader]
	if method == nil {
		if h[sseKMSKeyHeader] != nil || h[sseContextHeader] != nil {
			return false, errSSE("null", errNotKMS)
		}
		return false, nil
	}
	if c.brings(ownKey()) {
		return false, errSSE(method[0], "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	}
	switch method[0] {
	case sse.Algorithm:
		if h[sseKMSKeyHeader] != nil || h[sseContextHeader] != nil {
			return false, errSSE(method[0], errNotKMS)
		}
		return true, nil
	case "aws:kms", "aws:kms:dsse":
		return false, errKMS()
	}
	return false, errSSE(method[0], "The encryption method specified is not supported")
}

const errNotKMS = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"

// errKMS refuses SSE-KMS.
func errKMS() error {
	return s3err.NotImplemented.Say("Server-side encryption with AWS KMS keys is not implemented; use AES256.").Field("Header", sseName)
}

// unlockUpload judges the customer's key that comes with the completion of an
// upload. As in S3 it is needed where the upload has a checksum that was asked for
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
func (c *call) unlockUpload(up *catalog.Upload) error {
	key, err := c.givenKey()
	if err == nil && (key != nil || up.ChecksumAsked) {
		_, err = c.f.Repo.UploadKey(up, key)
	}
	return err
}

// copyKey is chosenKey for a copy of src. What was encrypted is not written
// plain because nobody said anything: as in S3, the site's keys are used then.
func (c *call) copyKey(src *repo.Handle) (*sse.Key, error) {
	key, err := c.chosenKey()
	if key == nil && err == nil && src.Encryption.Algorithm != "" {
		return c.f.Repo.SiteKey("")
	}
	return key, err
}

// choosesEncryption tells whether the request says how to encrypt.
func (c *call) choosesEncryption() bool {
	return c.r.Header[sseHeader] != nil || c.brings(ownKey())
}

// describeEncryption tells how an object is encrypted.
func (c *call) describeEncryption(e *catalog.Encryption) {
	switch {
	case e.Algorithm == "":
	case e.Customer():
		c.set("X-Amz-Server-Side-Encryption-Customer-Algorithm", e.Algorithm)
		c.set("X-Amz-Server-Side-Encryption-Customer-Key-Md5", c.keyMD5)
	default:
		c.set(sseHeader, e.Algorithm)
	}
}
