package s3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// What a policy gives a name it gives to whoever had the name then: not to somebody
// who registers under it when she is gone, and still to her when she has another.
func TestPolicyNamesThoseOfItsTime(t *testing.T) {
	s := newTestServer(t)
	a := s.inside().Accounts
	join := func(who, name string) *catalog.Account {
		t.Helper()
		acct, err := a.Add(t.Context(), accounts.NewAccount{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		k, err := a.AddKey(t.Context(), acct.ID, accounts.KeySpec{})
		if err != nil {
			t.Fatal(err)
		}
		s.as(who, sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret})
		return acct
	}
	s.want(200, "main", "PUT", "/box", "")
	s.want(200, "main", "PUT", "/box/k", "secret")
	join("ana", "ana")
	ben := join("ben", "ben")
	set := func(principals string) {
		t.Helper()
		s.want(204, "main", "PUT", "/box?policy", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%s},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}]}`, principals))
	}
	set(`["ana","arn:aws:iam:::user/ben","arn:aws:iam::zoe:root"]`)
	for _, who := range []string{"ana", "ben"} {
		s.want(200, who, "GET", "/box/k", "")
	}
	if _, err := a.Update(t.Context(), ben.ID, func(acct *catalog.Account) error { acct.Name = "benjamin"; return nil }); err != nil {
		t.Fatal(err)
	}
	s.want(200, "ben", "GET", "/box/k", "")
	if err := a.Remove(t.Context(), "ana"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ana", "ben", "zoe"} {
		join("other "+name, name)
		s.fails(s3err.AccessDenied, "other "+name, "GET", "/box/k", "")
	}
	set(`["ana","ben","arn:aws:iam::zoe:root"]`) // of now
	for _, name := range []string{"ana", "ben", "zoe"} {
		s.want(200, "other "+name, "GET", "/box/k", "")
	}
	s.fails(s3err.AccessDenied, "ben", "GET", "/box/k", "")
	s.want(204, "main", "DELETE", "/box?policy", "")
	if b, err := s.inside().Repo.Bucket(t.Context(), "box"); err != nil || b.PolicyNames != nil {
		t.Errorf("%v, %v", b, err)
	}
	// An ID is one whatever it is called, and is no name.
	set(fmt.Sprintf("%q", ben.ID))
	if b, err := s.inside().Repo.Bucket(t.Context(), "box"); err != nil || len(b.PolicyNames) != 0 || !strings.Contains(b.Policy, ben.ID) {
		t.Errorf("%v, %v", b, err)
	}
	s.want(200, "ben", "GET", "/box/k", "")
}
