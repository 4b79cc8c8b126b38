package access

import (
	"errors"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func seeds(f *testing.F, add func(string)) {
	f.Helper()
	for _, doc := range []string{
		"", "{", "{}", `{"Statement":null}`, `{"Statement":[null]}`, `{"Statement":[[]]}`, `{"Statement":{}}`, "{\"Statement\":\"\xff\"}",
		one(allowAll + `"Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}*?"`),
		one(`"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::1:user/a/b","x"],"CanonicalUser":"c","Service":"s"},"NotAction":["s3:Get*"],"NotResource":["arn:aws:s3:::*"]`),
		one(allowAll + `"Action":"s3:ListBucket","Resource":"*","Condition":{"ForAllValues:StringLikeIfExists":{"s3:prefix":["a*","${s3:prefix,'x'}"]},"NumericLessThan":{"s3:max-keys":1e3},"DateEquals":{"aws:CurrentTime":"2024"},"IpAddress":{"aws:SourceIp":"::ffff:1.2.3.4/100"},"Null":{"s3:delimiter":true},"BinaryEquals":{"aws:UserAgent":"eA=="},"ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:*"},"Bool":{"aws:SecureTransport":false}}`),
	} {
		add(doc)
	}
}

// Whatever is put, the answer is a policy or MalformedPolicy; what is taken can
// be read again when it is stored.
func FuzzParsePolicy(f *testing.F) {
	seeds(f, func(doc string) { f.Add(doc) })
	f.Fuzz(func(t *testing.T, doc string) {
		p, err := ParsePolicy([]byte(doc), "b")
		if err != nil {
			if !errors.Is(err, s3err.MalformedPolicy) {
				t.Fatalf("%v", err)
			}
			return
		}
		p.Principals()
		again, err := (*PolicyCache)(nil).bucket(doc)
		if err != nil || again.IsPublic() != p.IsPublic() {
			t.Fatalf("read again: %v", err)
		}
	})
}

// Whatever is stored, Decide answers, and never lets a stranger change the policy
// of a bucket that gives nobody anything.
func FuzzDecide(f *testing.F) {
	seeds(f, func(doc string) {
		f.Add(doc, doc, "s3:ListBucket", "", "s3:prefix", "a", "other")
		f.Add(doc, "", "s3:GetObject", "k", "aws:sourceip", "1.2.3.4", "")
	})
	f.Fuzz(func(t *testing.T, policy, session, action, key, name, value, who string) {
		b := &catalog.Bucket{Name: "b", Owner: "owner", Policy: policy, Ownership: catalog.ObjectWriter}
		p := principal(who)
		p.SessionPolicies = []string{session}
		q := Request{Principal: p, Action: action, Bucket: b, Key: key, Context: map[string][]string{name: {value}}}
		d := (Site{}).Decide(q)
		if d.Reason == "" {
			t.Fatal("no reason")
		}
		if d.Allow && d.ExplicitDeny != "" {
			t.Fatalf("%+v", d)
		}
		q.Bucket = nil
		(Site{}).Decide(q)
		b.Policy, q.Bucket = "", b
		if d := (Site{}).Decide(q); d.Allow && who != "owner" && who != "op" {
			t.Fatalf("private, yet %+v", d)
		}
	})
}

func BenchmarkDecideOwner(b *testing.B) {
	q := Request{Principal: principal("owner"), Action: "s3:GetObject", Bucket: &catalog.Bucket{Name: "b", Owner: "owner"}, Key: "k"}
	b.ReportAllocs()
	for b.Loop() {
		Site{}.Decide(q)
	}
}

func BenchmarkDecidePublicPolicy(b *testing.B) {
	q := Request{Principal: principal(""), Action: "s3:GetObject", Key: "some/long/key/of/an/object.root",
		Bucket: &catalog.Bucket{Name: "b", Owner: "owner", Policy: one(allowAll + `"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`)}}
	s := Site{Policies: NewPolicyCache(16)}
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(q)
	}
}
