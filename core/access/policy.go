package access

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/mucura/mucura/core/s3err"
)

// MaxPolicySize is the most bytes of a bucket policy
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html).
const MaxPolicySize = 20 << 10

// maxOnes is the most '?' of one policy. S3 knows no such limit; each makes every
// request to the bucket dearer, and nobody writes so many.
const maxOnes = 256

// Policy is a policy document made ready for questions. It never changes, so
// any number of requests may share one.
type Policy struct {
	statements []statement
	public     bool
	parts      int // of all patterns: how much memory it takes
	ones       int // of these, how many '?'
}

// statement is one statement of a policy.
type statement struct {
	name           string // for people: its Sid, or its place
	allow          bool
	everybody      bool // no Principal: a session policy
	notPrincipal   bool
	principals     []who
	notAction      bool
	actions        []pattern
	notResource    bool
	resources      []pattern // without "arn:aws:s3:::"
	conditions     []condition
	allows, denies string // the reason it gives, made once
}

// ParsePolicy reads the policy of a bucket and checks it as S3 does when it is
// put: s3err.MalformedPolicy with S3's words, for whoever wrote the document.
// Whether the accounts it names exist is for the caller to find out, from
// Principals. The language is that of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
func ParsePolicy(doc []byte, bucket string) (*Policy, error) {
	if len(doc) > MaxPolicySize {
		return nil, s3err.MalformedPolicy.Say("Normalized policy document exceeds the maximum allowed size of %d bytes.", MaxPolicySize)
	}
	p, err := compile(doc, false)
	if err != nil {
		return nil, err
	}
	if err := p.checkOnes(); err != nil {
		return nil, err
	}
	return p, p.validate(bucket)
}

func (p *Policy) checkOnes() error {
	if p.ones > maxOnes {
		return s3err.MalformedPolicy.Say("The policy has more than %d wildcards ?.", maxOnes)
	}
	return nil
}

// ParseSessionPolicy reads a policy that narrows what a session may do: as a
// bucket policy, but without principals, and not bound to one bucket.
func ParseSessionPolicy(doc []byte) (*Policy, error) {
	p, err := compile(doc, true)
	if err != nil {
		return nil, err
	}
	return p, p.checkOnes()
}

// Principals lists the accounts that the policy names, as often as it does.
func (p *Policy) Principals() []PrincipalRef {
	var out []PrincipalRef
	for i := range p.statements {
		for _, w := range p.statements[i].principals {
			if !w.everyone && !w.never {
				out = append(out, w.ref)
			}
		}
	}
	return out
}

// IsPublic tells whether the policy gives something to the public, in S3's
// sense: see statement.public.
func (p *Policy) IsPublic() bool { return p.public }

func malformed(text string) error { return &s3err.Error{Code: s3err.MalformedPolicy, Text: text} }

// compile reads a document. It refuses what cannot be evaluated; what could be
// but makes no sense is left to validate, so that a stored policy never becomes
// unreadable when validation grows stricter.
func compile(doc []byte, session bool) (*Policy, error) {
	if doc = bytes.TrimSpace(doc); len(doc) == 0 || doc[0] != '{' {
		return nil, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	fields, err := objectFields(doc)
	if err != nil {
		return nil, malformed("This policy contains invalid Json")
	}
	vars := false
	var list json.RawMessage
	for _, f := range fields {
		switch f.name {
		case "Version":
			if vars, err = parseVersion(f.value); err != nil {
				return nil, err
			}
		case "Id":
			if !isString(f.value) {
				return nil, malformed("This policy contains invalid Json")
			}
		case "Statement":
			list = f.value
		default:
			return nil, malformed("Unknown field " + f.name)
		}
	}
	return compileStatements(list, vars, session)
}

// parseVersion tells whether the language has variables, as only the newer of
// its two versions does.
func parseVersion(raw json.RawMessage) (vars bool, err error) {
	var v string
	if json.Unmarshal(raw, &v) == nil {
		switch v {
		case "2012-10-17":
			return true, nil
		case "2008-10-17":
			return false, nil
		}
	}
	return false, malformed("The policy must contain a valid version string")
}

func compileStatements(raw json.RawMessage, vars, session bool) (*Policy, error) {
	if raw == nil {
		return nil, malformed("Missing required field Statement")
	}
	list := []json.RawMessage{raw}
	if raw = bytes.TrimSpace(raw); raw[0] == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, malformed("This policy contains invalid Json")
		}
	}
	if len(list) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	p := &Policy{statements: make([]statement, 0, len(list))}
	for i, one := range list {
		st, err := compileStatement(one, vars, session)
		if err != nil {
			return nil, err
		}
		if st.name == "" {
			st.name = strconv.Itoa(i + 1)
		}
		st.allows, st.denies = " statement "+st.name+" allows", " statement "+st.name+" denies"
		p.statements = append(p.statements, st)
		p.public = p.public || st.public()
		p.weigh(&st)
	}
	return p, nil
}

// weigh counts the parts of a statement's patterns.
func (p *Policy) weigh(st *statement) {
	count := func(list ...pattern) {
		for i := range list {
			p.parts += len(list[i].parts)
			p.ones += list[i].ones
		}
	}
	count(st.actions...)
	count(st.resources...)
	for i := range st.conditions {
		for j := range st.conditions[i].values {
			v := &st.conditions[i].values[j]
			count(v.text)
			count(v.arn...)
		}
	}
}

func isString(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '"'
}

// evaluate finds the first statement that denies, else the first that allows,
// else nil.
func (p *Policy) evaluate(e *env) *statement {
	var allow *statement
	for i := range p.statements {
		st := &p.statements[i]
		if st.allow && allow != nil || !st.applies(e) {
			continue
		}
		if !st.allow {
			return st
		}
		allow = st
	}
	return allow
}

// applies tells whether everything in the statement fits the request.
func (st *statement) applies(e *env) bool {
	if !st.everybody && matchesAny(st.principals, e.q.Principal, e.policyNames()) == st.notPrincipal ||
		fits(st.actions, e.q.Action, e, true) == st.notAction ||
		fits(st.resources, e.target(), e, false) == st.notResource {
		return false
	}
	for i := range st.conditions {
		if !st.conditions[i].holds(e) {
			return false
		}
	}
	return true
}

func fits(list []pattern, s string, e *env, fold bool) bool {
	for i := range list {
		if list[i].match(s, e, fold) {
			return true
		}
	}
	return false
}
