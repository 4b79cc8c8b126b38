package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// getPolicy answers with the policy as it was put
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html).
func getPolicy(c *call) error {
	if c.b.Policy == "" {
		return s3err.NoSuchBucketPolicy.Field("BucketName", c.bucket)
	}
	c.set("Content-Type", "application/json")
	return c.bytes(http.StatusOK, []byte(c.b.Policy))
}

// putPolicy is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
// x-amz-confirm-remove-self-bucket-access needs no attention: the bucket's
// owner can always change the policy.
func putPolicy(c *call) error {
	doc, err := c.readBody(access.MaxPolicySize)
	if errors.Is(err, s3err.MaxMessageLengthExceeded) {
		return s3err.MalformedPolicy.Say("Normalized policy document exceeds the maximum allowed size of %d bytes.", access.MaxPolicySize)
	}
	if err != nil {
		return err
	}
	policy, err := access.ParsePolicy(doc, c.bucket)
	if err != nil {
		return err
	}
	names, err := c.checkPrincipals(policy.Principals())
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		if err := c.f.Site.CheckPolicy(b, policy); err != nil {
			return err
		}
		b.Policy, b.PolicyNames = string(doc), names
		return nil
	})
}

// checkPrincipals finds out whether the accounts that a policy names exist:
// MalformedPolicy when one does not, as a misspelt name would silently give
// nothing to anyone. It tells whose the names are.
func (c *call) checkPrincipals(refs []access.PrincipalRef) (names map[string]string, err error) {
	names = map[string]string{}
	checked := map[access.PrincipalRef]bool{}
	for _, ref := range refs {
		if checked[ref] {
			continue
		}
		checked[ref] = true
		known, id, err := c.knownPrincipal(ref)
		switch {
		case err != nil:
			return nil, err
		case !known && !ref.Root:
			return nil, s3err.MalformedPolicy.Say("Invalid principal in policy").Field("Detail", ref.Name)
		case id != "" || !known:
			names[ref.Name] = id
		}
	}
	return names, nil
}

// knownPrincipal tells whether a name means an account, and whose it is when it is
// an account's name.
func (c *call) knownPrincipal(ref access.PrincipalRef) (known bool, id string, err error) {
	a := c.f.Accounts
	known, err = found(a.ByCanonicalID(c.ctx, ref.Name))
	if known || err != nil || ref.Canonical {
		return known, "", err
	}
	if known, err = found(a.Account(c.ctx, ref.Name)); known || err != nil {
		return known, "", err
	}
	acct, err := a.ByName(c.ctx, ref.Name)
	if known, err = found(acct, err); known || err != nil {
		if known {
			id = acct.ID
		}
		return known, id, err
	}
	if ref.Root {
		return false, "", nil
	}
	_, err = a.Key(c.ctx, ref.Name, "")
	if errors.Is(err, s3err.InvalidAccessKeyID) {
		return false, "", nil
	}
	if errors.Is(err, s3err.AccessDenied) { // of an account that is not active now
		return true, "", nil
	}
	return err == nil, "", err
}

// found turns the result of a look-up into an answer; that there is no such
// account is no error.
func found(a *catalog.Account, err error) (bool, error) {
	if errors.Is(err, meta.ErrNotFound) {
		return false, nil
	}
	return a != nil, err
}

// deletePolicy is
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html
func deletePolicy(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *catalog.Bucket) error {
		b.Policy, b.PolicyNames = "", nil
		return nil
	})
}

// policyStatusXML is the answer of GetBucketPolicyStatus.
type policyStatusXML struct {
	XMLName  xml.Name `xml:"PolicyStatus"`
	Xmlns    string   `xml:"xmlns,attr"`
	IsPublic bool
}

// getPolicyStatus tells whether the bucket is public
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html).
// It answers also when there is no policy: a public ACL makes a bucket public too.
func getPolicyStatus(c *call) error {
	return c.xml(http.StatusOK, &policyStatusXML{Xmlns: namespace, IsPublic: c.f.Site.IsPublic(c.b)})
}
