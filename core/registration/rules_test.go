package registration

import (
	"reflect"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
)

func rule(t testing.TB, text string) Rule {
	t.Helper()
	r, err := ParseRule(text, config.ParseSize)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseRule(t *testing.T) {
	ten, hundred, none := int64(10<<30), int64(100<<30), int64(-1)
	for text, want := range map[string]Rule{
		"dn:OU=People,O=Some Lab,C=FR":                        {Kind: "dn", Value: "OU=People,O=Some Lab,C=FR"},
		"vo:vo.example.org quota=10GiB cap=100GiB":            {Kind: "vo", Value: "vo.example.org", Quota: &ten, Cap: &hundred},
		"email:lab.example quota=-1 member=/a member=/b":      {Kind: "email", Value: "lab.example", Quota: &none, Groups: []string{"/b", "/a"}},
		"claim:https://l.example affiliation=staff@l.example": {Kind: "claim", Value: "https://l.example", Claim: "affiliation", Want: "staff@l.example"},
		"claim:https://l.example a=b quota=10GiB":             {Kind: "claim", Value: "https://l.example", Claim: "a", Want: "b", Quota: &ten},
		" invitation: ": {Kind: "invitation"},
		"all: cap=-1":   {Kind: "all", Cap: &none},
	} {
		if got := rule(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{"", "x", "host:a", "vo:", "dn: quota=1GiB", "claim:https://l.example", "claim:x y", "all:x", "invitation:abc", "vo:a quota=much", "vo:a cap=-2"} {
		if r, err := ParseRule(text, config.ParseSize); err == nil {
			t.Errorf("%q is taken as %+v", text, r)
		}
	}
}

func TestApproves(t *testing.T) {
	cert := Applicant{
		Subject: catalog.Subject{Kind: catalog.SubjectCertificate, Name: "CN=Ana,OU=People,DC=lab,DC=example", Issuer: "CN=Lab CA,DC=lab,DC=example"},
		VO:      "vo.example.org", Groups: []string{"/vo.example.org/users/Role=pilot"}, Email: "ana@LAB.example",
	}
	web := Applicant{
		Subject: catalog.Subject{Kind: catalog.SubjectOIDC, Name: "s1", Issuer: "https://l.example"},
		Groups:  []string{"/physics"}, Claims: map[string]any{"aff": []any{"member", "staff"}, "mfa": true, "one": "x"},
	}
	invited := Applicant{Subject: catalog.Subject{Kind: catalog.SubjectPassword}, Invitation: &catalog.Invitation{}}
	for _, c := range []struct {
		rule                  string
		cert, web, invitation bool
	}{
		{"dn:OU=People,DC=lab,DC=example", true, false, false},
		{"dn:CN=Ana,OU=People,DC=lab,DC=example", true, false, false},
		{"dn:People,DC=lab,DC=example", false, false, false},
		{"dn:OU=Robots,DC=lab,DC=example", false, false, false},
		{"ca:CN=Lab CA,DC=lab,DC=example", true, false, false},
		{"ca:DC=lab,DC=example", false, false, false},
		{"vo:vo.example.org", true, false, false},
		{"vo:vo.example", false, false, false},
		{"group:/vo.example.org/users", true, false, false},
		{"group:/vo.example.org/use", false, false, false},
		{"group:/physics", false, true, false},
		{"email:lab.example", true, false, false},
		{"email:example", false, false, false},
		{"oidc:https://l.example", false, true, false},
		{"oidc:https://l.example/", false, false, false},
		{"claim:https://l.example aff=staff", false, true, false},
		{"claim:https://l.example mfa=true", false, true, false},
		{"claim:https://l.example one=x", false, true, false},
		{"claim:https://l.example aff=stuff", false, false, false},
		{"claim:https://other.example aff=staff", false, false, false},
		{"invitation:", false, false, true},
		{"all:", true, true, false},
	} {
		r := rule(t, c.rule)
		if got := [3]bool{r.approves(&cert), r.approves(&web), r.approves(&invited)}; got != [3]bool{c.cert, c.web, c.invitation} {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range [][3]string{
		{"ana.b@lab.example", "Ana B", "ana.b"}, {"", "Ana Brown", "ana.brown"}, {"+@x", "Zoë", "zo"}, {"", "..", ""}, {"Ana_B+x@l", "", "ana_bx"},
	} {
		if got := Suggest(c[0], c[1]); got != c[2] {
			t.Errorf("Suggest(%q, %q) is %q, want %q", c[0], c[1], got, c[2])
		}
	}
	for cn, want := range map[string]string{"Ana Brown 12345": "Ana Brown", "4711 Ana Brown": "Ana Brown", "Ana": "Ana", "123": "123"} {
		if got := personOf(cn); got != want {
			t.Errorf("personOf(%q) is %q, want %q", cn, got, want)
		}
	}
}
