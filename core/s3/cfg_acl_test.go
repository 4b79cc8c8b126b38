package s3

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// aclDoc makes an ACL document as the SDKs write it.
func aclDoc(owner string, grants ...string) string {
	return `<AccessControlPolicy xmlns="` + namespace + `"><AccessControlList>` + strings.Join(grants, "") +
		`</AccessControlList><Owner><ID>` + owner + `</ID></Owner></AccessControlPolicy>`
}

func grantDoc(kind, inner, permission string) string {
	return `<Grant><Grantee xmlns:xsi="` + schemaInstance + `" xsi:type="` + kind + `">` + inner +
		`</Grantee><Permission>` + permission + `</Permission></Grant>`
}

func TestParseACL(t *testing.T) {
	user := grantDoc(typeUser, "<ID>abc</ID><DisplayName>A</DisplayName>", "READ")
	many := make([]string, access.MaxGrants+1)
	for i := range many {
		many[i] = user
	}
	for _, test := range []struct {
		name, doc string
		code      *s3err.Code
		grants    []access.Grantee
	}{
		{"user", aclDoc("o", user), nil, []access.Grantee{{CanonicalID: "abc"}}},
		{"none", aclDoc("o"), nil, nil},
		{"group and e-mail", aclDoc("o",
			grantDoc(typeGroup, "<URI>"+catalog.AllUsers+"</URI>", "WRITE_ACP"),
			grantDoc(typeEmail, "<EmailAddress>a@example.org</EmailAddress>", "FULL_CONTROL")),
			nil, []access.Grantee{{URI: catalog.AllUsers}, {Email: "a@example.org"}}},
		{"most grants", aclDoc("o", many[1:]...), nil, nil},
		{"too many grants", aclDoc("o", many...), s3err.MalformedACL, nil},
		{"no owner", strings.Replace(aclDoc("o", user), "<Owner><ID>o</ID></Owner>", "", 1), s3err.MalformedACL, nil},
		{"empty owner", strings.Replace(aclDoc("o", user), "<ID>o</ID>", "", 1), s3err.MalformedACL, nil},
		{"no list", "<AccessControlPolicy><Owner><ID>o</ID></Owner></AccessControlPolicy>", s3err.MalformedACL, nil},
		{"no grantee", aclDoc("o", "<Grant><Permission>READ</Permission></Grant>"), s3err.MalformedACL, nil},
		{"wrong type", aclDoc("o", grantDoc("Person", "<ID>a</ID>", "READ")), s3err.MalformedACL, nil},
		{"no ID", aclDoc("o", grantDoc(typeUser, "", "READ")), s3err.MalformedACL, nil},
		{"ID of a group", aclDoc("o", grantDoc(typeGroup, "<ID>a</ID>", "READ")), s3err.MalformedACL, nil},
		{"unknown group", aclDoc("o", grantDoc(typeGroup, "<URI>http://example.org/</URI>", "READ")), s3err.InvalidArgument, nil},
		{"wrong permission", aclDoc("o", grantDoc(typeUser, "<ID>a</ID>", "EVERYTHING")), s3err.MalformedACL, nil},
		{"other document", "<Tagging/>", s3err.MalformedACL, nil},
		{"not XML", "READ", s3err.MalformedACL, nil},
	} {
		in, err := parseACL([]byte(test.doc))
		checkError(t, test.name, err, test.code, "")
		if test.code != nil || test.grants == nil {
			continue
		}
		if len(in.List.Grants) != len(test.grants) {
			t.Errorf("%s: %d grants", test.name, len(in.List.Grants))
			continue
		}
		for i, want := range test.grants {
			if got, err := in.List.Grants[i].grantee(); err != nil || got != want {
				t.Errorf("%s: got %+v, %v, want %+v", test.name, got, err, want)
			}
		}
	}
}

func TestACLDocument(t *testing.T) {
	doc := &aclXML{Xmlns: namespace, Owner: personXML{"id1", "One & Only"}, Grants: []grantXML{
		{granteeXML{Xsi: schemaInstance, Type: typeGroup, URI: catalog.AllUsers}, catalog.PermRead},
		{granteeXML{Xsi: schemaInstance, Type: typeUser, ID: "id1", DisplayName: "One & Only"}, catalog.PermFullControl},
	}}
	got, err := xml.Marshal(doc)
	const want = `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>id1</ID><DisplayName>One &amp; Only</DisplayName></Owner>` +
		`<AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>` +
		`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>id1</ID><DisplayName>One &amp; Only</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s (%v)", got, want, err)
	}
	if in, err := parseACL(got); err != nil || len(in.List.Grants) != 2 || in.Owner.ID != "id1" {
		t.Errorf("what is shown does not read back: %+v, %v", in, err)
	}
}

func FuzzACLXML(f *testing.F) {
	f.Add([]byte(aclDoc("o", grantDoc(typeUser, "<ID>abc</ID>", "READ"))))
	f.Add([]byte(aclDoc("o", grantDoc(typeGroup, "<URI>"+catalog.LogDelivery+"</URI>", "WRITE"))))
	f.Add([]byte(`<AccessControlPolicy><Owner><ID>a</ID></Owner><AccessControlList><Grant/></AccessControlList></AccessControlPolicy>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><AccessControlPolicy/>`))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, doc []byte) {
		in, err := parseACL(doc)
		if err != nil {
			if s3err.From(err).Code == s3err.InternalError {
				t.Fatalf("%v has no row", err)
			}
			return
		}
		if in.Owner.ID == "" || len(in.List.Grants) > access.MaxGrants {
			t.Fatalf("passed: %+v", in)
		}
		for i := range in.List.Grants {
			who, err := in.List.Grants[i].grantee()
			if err != nil || who == (access.Grantee{}) {
				t.Fatalf("a grant without grantee passed: %v", err)
			}
		}
	})
}
