package s3

import (
	"encoding/xml"
	"errors"
	"slices"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// maxACLDoc bounds an ACL document: 100 grants with long names and addresses.
const maxACLDoc = 128 << 10

// Types of grantees in documents.
const (
	typeUser  = "CanonicalUser"
	typeEmail = "AmazonCustomerByEmail"
	typeGroup = "Group"
)

const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// aclXML is the answer of the operations that read an ACL.
type aclXML struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Xmlns   string   `xml:"xmlns,attr"`
	Owner   personXML
	Grants  []grantXML `xml:"AccessControlList>Grant"`
}

type personXML struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

type grantXML struct {
	Grantee    granteeXML
	Permission catalog.Permission
}

type granteeXML struct {
	Xsi         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`
	URI         string `xml:",omitempty"`
}

// person is how an account is shown. One that is no longer there is shown by
// its ID alone.
func (c *call) person(accountID string) (personXML, error) {
	a, err := c.f.Accounts.Account(c.ctx, accountID)
	if errors.Is(err, meta.ErrNotFound) {
		return personXML{ID: accountID}, nil
	}
	if err != nil {
		return personXML{}, err
	}
	return personXML{ID: a.CanonicalID, DisplayName: a.Display()}, nil
}

// aclDocument makes the document of an ACL; nil is private. Groups come first,
// as in other servers.
func (c *call) aclDocument(acl *catalog.ACL, owner string) (*aclXML, error) {
	who, err := c.person(owner)
	if err != nil {
		return nil, err
	}
	doc := &aclXML{Xmlns: namespace, Owner: who, Grants: []grantXML{}}
	if acl == nil {
		acl = &catalog.ACL{Grants: []catalog.Grant{{Account: owner, Permission: catalog.PermFullControl}}}
	}
	users := make([]grantXML, 0, len(acl.Grants))
	for _, g := range acl.Grants {
		if g.Group != "" {
			doc.Grants = append(doc.Grants, grantXML{granteeXML{Xsi: schemaInstance, Type: typeGroup, URI: g.Group}, g.Permission})
			continue
		}
		if who, err = c.person(g.Account); err != nil {
			return nil, err
		}
		users = append(users, grantXML{granteeXML{schemaInstance, typeUser, who.ID, who.DisplayName, ""}, g.Permission})
	}
	doc.Grants = slices.Concat(doc.Grants, users)
	return doc, nil
}

// aclInput is an ACL as a client sends it. It has types of its own because what
// a client leaves out must be told from what is empty.
type aclInput struct {
	XMLName xml.Name   `xml:"AccessControlPolicy"`
	Owner   *personXML `xml:"Owner"`
	List    *struct {
		Grants []grantInput `xml:"Grant"`
	} `xml:"AccessControlList"`
}

type grantInput struct {
	Grantee *struct {
		Type         string `xml:"type,attr"`
		ID           string
		URI          string
		EmailAddress string
	}
	Permission catalog.Permission
}

// parseACL reads an ACL document: MalformedACLError when it does not follow the
// schema. Grantees are not looked up.
func parseACL(doc []byte) (*aclInput, error) {
	in := new(aclInput)
	if err := parseXML(doc, in); err != nil {
		return nil, s3err.MalformedACL.With(err)
	}
	if in.Owner == nil || in.Owner.ID == "" || in.List == nil || len(in.List.Grants) > access.MaxGrants {
		return nil, s3err.MalformedACL
	}
	for i := range in.List.Grants {
		if _, err := in.List.Grants[i].grantee(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// grantee is who a grant names.
func (g *grantInput) grantee() (who access.Grantee, err error) {
	if g.Grantee == nil || !access.ValidPermission(g.Permission) {
		return who, s3err.MalformedACL
	}
	switch in := g.Grantee; {
	case in.Type == typeUser && in.ID != "":
		who.CanonicalID = in.ID
	case in.Type == typeEmail && in.EmailAddress != "":
		who.Email = in.EmailAddress
	case in.Type == typeGroup && in.URI != "":
		if !access.ValidGroup(in.URI) {
			return who, badArgument("Group/URI", in.URI, "Invalid group uri")
		}
		who.URI = in.URI
	default:
		return who, s3err.MalformedACL
	}
	return who, nil
}

// aclFromXML reads an ACL document for something that belongs to the account
// owner. The owner cannot be changed: InvalidArgument when the document names
// nobody known, AccessDenied when it names somebody else.
func (c *call) aclFromXML(doc []byte, owner string) (*catalog.ACL, error) {
	in, err := parseACL(doc)
	if err != nil {
		return nil, err
	}
	named, err := c.resolve(access.Grantee{CanonicalID: in.Owner.ID}, "Owner/ID")
	if err != nil {
		return nil, err
	}
	if named.Account != owner {
		return nil, s3err.AccessDenied
	}
	acl := &catalog.ACL{Grants: make([]catalog.Grant, 0, len(in.List.Grants))}
	for i := range in.List.Grants {
		g := &in.List.Grants[i]
		who, err := g.grantee()
		if err != nil {
			return nil, err
		}
		grant, err := c.resolve(who, "CanonicalUser/ID")
		if err != nil {
			return nil, err
		}
		grant.Permission = g.Permission
		acl.Grants = append(acl.Grants, grant)
	}
	return acl, nil
}
