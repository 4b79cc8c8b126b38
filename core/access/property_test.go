package access

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"pgregory.net/rapid"
)

// drawStatement makes a statement's text; who may be named is given.
func drawStatement(t *rapid.T, effect string, who []string) string {
	pick := func(label string, list ...string) string { return rapid.SampledFrom(list).Draw(t, label) }
	return fmt.Sprintf(`{"Effect":%q,"%s":%s,"%s":%q,"%s":%q%s}`,
		effect,
		pick("principal key", "Principal", "Principal", "NotPrincipal"), pick("principal", who...),
		pick("action key", "Action", "Action", "NotAction"), pick("action", "s3:*", "s3:Get*", "s3:PutObject", "s3:ListBucket", "s3:*Object*"),
		pick("resource key", "Resource", "Resource", "NotResource"), pick("resource", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::b/x*"),
		pick("condition", "", `,"Condition":{"StringLike":{"s3:prefix":"a*"}}`, `,"Condition":{"Null":{"s3:prefix":"true"}}`))
}

func drawBucket(t *rapid.T, statements []string) *catalog.Bucket {
	b := &catalog.Bucket{Name: "b", Owner: "owner"}
	b.Ownership = rapid.SampledFrom([]catalog.Ownership{"", catalog.ObjectWriter, catalog.BucketOwnerPreferred}).Draw(t, "ownership")
	if len(statements) > 0 {
		b.Policy = `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	return b
}

func drawACL(t *rapid.T, accounts, groups []string) *catalog.ACL {
	perms := []catalog.Permission{catalog.PermRead, catalog.PermWrite, catalog.PermReadACP, catalog.PermWriteACP, catalog.PermFullControl}
	a := &catalog.ACL{}
	for range rapid.IntRange(0, 3).Draw(t, "grants") {
		g := catalog.Grant{Permission: rapid.SampledFrom(perms).Draw(t, "permission")}
		if len(groups) > 0 && rapid.Bool().Draw(t, "group") {
			g.Group = rapid.SampledFrom(groups).Draw(t, "uri")
		} else {
			g.Account = rapid.SampledFrom(accounts).Draw(t, "account")
		}
		a.Grants = append(a.Grants, g)
	}
	return a
}

func drawRequest(t *rapid.T, b *catalog.Bucket, who string) Request {
	a := rapid.SampledFrom(actions[:]).Draw(t, "action")
	q := Request{Principal: principal(who), Action: a.name, Bucket: b}
	if a.level&onObject != 0 {
		q.Key = rapid.SampledFrom([]string{"x", "xy", "z"}).Draw(t, "key")
		q.Object = &catalog.Object{Owner: rapid.SampledFrom([]string{"", "owner", "other"}).Draw(t, "object owner")}
	}
	if rapid.Bool().Draw(t, "prefix") {
		q.Context = map[string][]string{"s3:prefix": {"abc"}}
	}
	return q
}

var (
	everyone = []string{`"*"`, `{"AWS":"owner"}`, `{"AWS":["other","op"]}`, `{"CanonicalUser":"canon-other"}`}
	named    = []string{`{"AWS":"owner"}`, `{"AWS":["other","op"]}`, `{"CanonicalUser":"canon-other"}`}
	people   = []string{"", "owner", "other", "op"}
)

// An explicit deny always wins: whatever else a policy says and whoever asks,
// when a statement that denies applies, the answer is no.
func TestPropertyDenyWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		deny := drawStatement(t, "Deny", everyone)
		list := []string{deny}
		for range rapid.IntRange(0, 3).Draw(t, "others") {
			list = append(list, drawStatement(t, "Allow", everyone))
		}
		b := drawBucket(t, rapid.Permutation(list).Draw(t, "order"))
		b.ACL = drawACL(t, people[1:], []string{catalog.AllUsers, catalog.AuthenticatedUsers})
		who := rapid.SampledFrom(people).Draw(t, "who")
		q := drawRequest(t, b, who)
		only, err := compile([]byte(`{"Version":"2012-10-17","Statement":[`+deny+`]}`), false)
		if err != nil {
			t.Fatal(err)
		}
		applies := only.evaluate(&env{q: &q}) != nil
		d := (Site{}).Decide(q)
		mends := mendsPolicy(q.Action) && (who == "owner" || who == "op")
		if applies && !mends && (d.Allow || d.ExplicitDeny == "") {
			t.Fatalf("%s: %+v", b.Policy, d)
		}
		if !applies && d.ExplicitDeny != "" {
			t.Fatalf("denied though nothing denies: %s: %+v", b.Policy, d)
		}
	})
}

// Nobody in particular gets anything unless somebody gave it to everyone: by an
// ACL for AllUsers, or a policy that IsPublic.
func TestPropertyAnonymous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []string
		for range rapid.IntRange(0, 3).Draw(t, "statements") {
			effect := rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect")
			list = append(list, drawStatement(t, effect, everyone))
		}
		b := drawBucket(t, list)
		groups := []string{catalog.AuthenticatedUsers, catalog.LogDelivery}
		b.ACL = drawACL(t, people[1:], groups)
		q := drawRequest(t, b, "")
		if q.Object != nil {
			q.Object.ACL = drawACL(t, people[1:], groups)
		}
		d := (Site{}).Decide(q)
		if !d.Allow {
			return
		}
		if p, err := compile([]byte(b.Policy), false); err != nil || !p.IsPublic() {
			t.Fatalf("%s: %+v", b.Policy, d)
		}
		if d := (Site{BlockPublicAccess: true}).Decide(q); d.Allow {
			t.Fatalf("public though the site blocks it: %+v", d)
		}
	})
}

// Where all are named, even a stranger with an account gets nothing.
func TestPropertyStranger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawStatement(t, "Allow", named)
		if strings.Contains(st, "NotPrincipal") {
			return
		}
		b := drawBucket(t, []string{st})
		b.ACL = drawACL(t, people[1:], nil)
		if d := (Site{}).Decide(drawRequest(t, b, "stranger")); d.Allow {
			t.Fatalf("%s: %+v", b.Policy, d)
		}
	})
}

func TestPolicyCache(t *testing.T) {
	c := NewPolicyCache(2)
	docs := []string{
		one(allowAll + `"Action":"s3:GetObject","Resource":"*"`),
		one(allowAll + `"Action":"s3:PutObject","Resource":"*"`),
		one(`"Effect":"Allow","Action":"s3:PutObject","Resource":"*"`),
		"{broken",
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				doc := docs[i%len(docs)]
				_, err := c.bucket(doc)
				if (err == nil) != (i%len(docs) < 2) {
					t.Errorf("%s: %v", doc, err)
				}
				// The same text is another thing as a session policy.
				if _, err := c.session(doc); (err == nil) != (i%len(docs) == 2) {
					t.Errorf("session: %s: %v", doc, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.kept); n > 2 {
		t.Errorf("%d documents kept", n)
	}
	a, _ := c.bucket(docs[0])
	b, _ := c.bucket(docs[0])
	if a != b {
		t.Error("parsed twice")
	}
	if _, err := NewPolicyCache(0).bucket(docs[0]); err != nil {
		t.Error(err)
	}
}
