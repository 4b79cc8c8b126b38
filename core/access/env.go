package access

import "strings"

// existingTag begins the condition keys that are the tags of the object concerned.
const existingTag = "s3:existingobjecttag/"

// anonymous is aws:userid when nobody signed the request.
const anonymous = "anonymous"

// env answers what a policy asks about a request.
type env struct {
	q        *Request
	resource string // bucket, or bucket/key; made when first needed
}

// target is the resource of the request without "arn:aws:s3:::".
func (e *env) target() string {
	if e.resource == "" {
		e.resource = e.q.bucketName()
		if e.q.Key != "" {
			e.resource += "/" + e.q.Key
		}
	}
	return e.resource
}

// policyNames are the names of the bucket's policy.
func (e *env) policyNames() map[string]string {
	if e.q.Bucket == nil {
		return nil
	}
	return e.q.Bucket.PolicyNames
}

// values gives the values of a condition key; none when the request lacks it.
// What is known of principal and object goes before what the caller says.
func (e *env) values(key string) []string {
	if v, own := e.own(key); own {
		if v == "" {
			return nil
		}
		return []string{v}
	}
	if tag, ok := strings.CutPrefix(key, existingTag); ok {
		return e.tag(tag)
	}
	return e.q.Context[key]
}

// single gives a key's value when it has exactly one, as policy variables need.
func (e *env) single(key string) (string, bool) {
	if e == nil {
		return "", false
	}
	if v := e.values(key); len(v) == 1 {
		return v[0], true
	}
	return "", false
}

// own tells whether a key is one that the caller does not give, and its value.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
// lists what principals have. Every account is a user under itself here.
func (e *env) own(key string) (v string, own bool) {
	p := e.q.Principal
	switch key {
	case "aws:principaltype", "aws:userid":
		if p.Anonymous() {
			if key == "aws:userid" {
				return anonymous, true
			}
			return "Anonymous", true
		}
		if key == "aws:userid" {
			return p.Account.ID, true
		}
		return "User", true
	case "aws:username", "aws:principalarn", "aws:principalaccount":
		if p.Anonymous() {
			return "", true
		}
		switch key {
		case "aws:username":
			return p.Account.Name, true
		case "aws:principalarn":
			return arn(p.Account), true
		}
		return p.Account.ID, true
	case "aws:resourceaccount", "s3:resourceaccount":
		if e.q.Bucket == nil {
			return "", true
		}
		return e.q.Bucket.Owner, true
	}
	return "", false
}

func (e *env) tag(name string) []string {
	if e.q.Object == nil {
		return nil
	}
	for i := range e.q.Object.Tags {
		if t := &e.q.Object.Tags[i]; t.Key == name {
			return []string{t.Value}
		}
	}
	return nil
}

// conditionKey is how a condition key is looked up: in lower case, except for
// the tag's name behind a slash.
func conditionKey(s string) string {
	name, rest, slash := strings.Cut(s, "/")
	if !slash {
		return strings.ToLower(s)
	}
	return strings.ToLower(name) + "/" + rest
}
