package sigv4

import (
	"context"
	"crypto/hmac"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// PostAuth is what the fields of a form say of who sends it.
type PostAuth struct {
	// Key is the zero Key when the form has neither policy nor signature: the
	// request is anonymous.
	Key       Key
	Anonymous bool
	// Policy is what the form may contain; nil when anonymous. The caller has
	// yet to Check it.
	Policy *Policy
	// Time, Region, AuthType and SignatureVersion are as in Request. A form
	// signed with Version 2 has no time and no region.
	Time                       time.Time
	Region                     string
	AuthType, SignatureVersion string
}

// VerifyPOST authenticates a browser's form
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html)
// by its fields, whose names are in lower case, and reads its policy. Forms
// signed with Version 4 and with Version 2 are taken. It returns s3err errors.
func (v *Verifier) VerifyPOST(ctx context.Context, fields map[string]string, now time.Time) (*PostAuth, error) {
	var auth *PostAuth
	var err error
	switch {
	case hasAny(fields, formFieldsV4[:]...):
		auth, err = v.postV4(ctx, fields, now)
	case hasAny(fields, "awsaccesskeyid", "signature"):
		auth, err = v.postV2(ctx, fields)
	case hasAny(fields, "policy"):
		err = requireFields(fields, postFields[:]...)
	default:
		return &PostAuth{Anonymous: true, AuthType: authPost}, nil
	}
	if err != nil {
		return nil, err
	}
	auth.AuthType = authPost
	if auth.Policy, err = parsePolicy(fields["policy"]); err != nil {
		return nil, err
	}
	if now.After(auth.Policy.expiration) {
		return nil, policyExpired()
	}
	return auth, nil
}

// formFieldsV4 are the fields of which any makes a form one of Version 4.
var formFieldsV4 = [...]string{"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}

// postFields are the fields that sign a form, in the order S3 looks for them.
var postFields = [...]string{"policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}

func (v *Verifier) postV4(ctx context.Context, fields map[string]string, now time.Time) (*PostAuth, error) {
	if err := requireFields(fields, postFields[:]...); err != nil {
		return nil, err
	}
	if alg := fields["x-amz-algorithm"]; alg != algorithm {
		return nil, invalidArgument("X-Amz-Algorithm", alg, "Only AWS4-HMAC-SHA256 is supported")
	}
	t, ok := parseStamp(fields["x-amz-date"])
	if !ok {
		return nil, invalidArgument("X-Amz-Date", fields["x-amz-date"], "X-Amz-Date must be formated via ISO8601 Long format")
	}
	if now.Sub(t) > maxExpires { // as long as a signing key lives
		return nil, policyExpired()
	}
	refuse := func(format string, args ...any) error {
		return s3err.InvalidArgument.Say(format, args...).
			Field("ArgumentName", "x-amz-credential").Field("ArgumentValue", fields["x-amz-credential"])
	}
	c, err := parseCredential(fields["x-amz-credential"], service, refuse)
	if err != nil {
		return nil, err
	}
	if err := v.checkRegion(c, refuse); err != nil {
		return nil, err
	}
	if t.Format(dayLayout) != c.day {
		return nil, refuse("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.day, t.Format(dayLayout))
	}
	key, err := v.key(ctx, c.id, fields["x-amz-security-token"])
	if err != nil {
		return nil, err
	}
	scope := keyScope{c.id, key.Secret, c.day, c.region, service}
	signing, cached := v.signingKeys.get(scope)
	var sig signature
	policy, given := fields["policy"], fields["x-amz-signature"]
	if signing.sign(&sig, []byte(policy)); !sig.is(given) {
		return nil, signatureMismatch(c.id, given, []byte(policy), nil)
	}
	if !cached {
		v.signingKeys.put(scope, signing)
	}
	return &PostAuth{Key: key, Time: t, Region: c.region, SignatureVersion: algorithm}, nil
}

// postV2 takes a form signed with Version 2, whose string to sign is the
// policy alone.
func (v *Verifier) postV2(ctx context.Context, fields map[string]string) (*PostAuth, error) {
	if err := requireFields(fields, "policy", "AWSAccessKeyId", "signature"); err != nil {
		return nil, err
	}
	id, policy, given := fields["awsaccesskeyid"], fields["policy"], fields["signature"]
	key, err := v.key(ctx, id, fields["x-amz-security-token"])
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(signV2(key.Secret, policy)), []byte(given)) {
		return nil, signatureMismatch(id, given, []byte(policy), nil)
	}
	return &PostAuth{Key: key, SignatureVersion: "AWS"}, nil
}

func hasAny(fields map[string]string, names ...string) bool {
	for _, name := range names {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

// requireFields names the first field that is missing.
func requireFields(fields map[string]string, names ...string) error {
	for _, name := range names {
		if !hasAny(fields, string(appendLower(nil, name))) {
			return invalidArgument(name, "", "Bucket POST must contain a field named '"+name+"'.  If it is specified, please check the order of the fields.")
		}
	}
	return nil
}
