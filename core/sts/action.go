package sts

import (
	"encoding/xml"
	"net/http"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/session"
)

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// credentialsXML is the element Credentials of an answer.
type credentialsXML struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func newCredentialsXML(c session.Credentials) credentialsXML {
	return credentialsXML{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, isoTime(c.Expiration)}
}

// roleUser is the element AssumedRoleUser: the session as a principal.
type roleUser struct {
	Arn           string
	AssumedRoleID string `xml:"AssumedRoleId"`
}

func newRoleUser(a *catalog.Account, s *catalog.Session) *roleUser {
	name := s.Name
	if name == "" {
		name = s.ID
	}
	return &roleUser{"arn:aws:sts::" + a.ID + ":assumed-role/" + a.Name + "/" + name, a.ID + ":" + name}
}

// issued is the result of the actions that issue a session.
type issued struct {
	Credentials                 credentialsXML
	SubjectFromWebIdentityToken string    `xml:",omitempty"`
	Audience                    string    `xml:",omitempty"`
	Provider                    string    `xml:",omitempty"`
	AssumedRoleUser             *roleUser `xml:",omitempty"`
	PackedPolicySize            *int      `xml:",omitempty"`
}

// action answers a request for an action of STS, of which query and body
// together have the parameters.
func (c *call) action() error {
	name := c.form.get("Action")
	actions := map[string]func() (any, error){
		"AssumeRoleWithCertificate": c.withCertificate,
		"AssumeRoleWithWebIdentity": c.withWebIdentity,
		"AssumeRole":                c.assumeRole,
		"GetSessionToken":           c.getSessionToken,
		"GetCallerIdentity":         c.getCallerIdentity,
	}
	run := actions[name]
	if run == nil {
		return refuse(http.StatusBadRequest, "InvalidAction", "There is no such action. There are AssumeRoleWithCertificate, AssumeRoleWithWebIdentity, AssumeRole, GetSessionToken and GetCallerIdentity.")
	}
	c.ev.Op = name
	if v := c.form.get("Version"); v != "" && v != "2011-06-15" {
		return validation("Version must be 2011-06-15")
	}
	if c.r.Method != http.MethodPost && name != "GetCallerIdentity" {
		return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "Credentials are issued to POST only.")
	}
	result, err := run()
	if err != nil {
		return err
	}
	return c.result(name, result)
}

// result answers with the document of an action.
func (c *call) result(action string, result any) error {
	type metadata struct {
		RequestID string `xml:"RequestId"`
	}
	doc := struct {
		XMLName  xml.Name
		Result   any
		Metadata metadata `xml:"ResponseMetadata"`
	}{
		XMLName:  xml.Name{Space: namespace, Local: action + "Response"},
		Result:   named{action + "Result", result},
		Metadata: metadata{c.ev.ID},
	}
	b, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, "text/xml", b)
}

// named writes a value as an element of a name.
type named struct {
	name  string
	value any
}

// MarshalXML implements xml.Marshaler.
func (n named) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(n.value, xml.StartElement{Name: xml.Name{Local: n.name}})
}

// withCertificate is AssumeRoleWithCertificate, as MinIO has it: way A.
func (c *call) withCertificate() (any, error) {
	chain, err := c.chain()
	if err != nil {
		return nil, err
	}
	creds, err := c.forChain(chain)
	if err != nil {
		return nil, err
	}
	return issued{Credentials: newCredentialsXML(creds)}, nil
}

// withWebIdentity is AssumeRoleWithWebIdentity: way D.
func (c *call) withWebIdentity() (any, error) {
	if c.s.OIDC == nil {
		return nil, refuse(http.StatusNotImplemented, "NotOffered", "This site does not accept OpenID Connect tokens.")
	}
	token := c.form.get("WebIdentityToken")
	if token == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "WebIdentityToken is missing.")
	}
	user, err := c.s.OIDC.Verify(c.ctx, token, c.form.get("WebIdentityAccessToken"))
	if err != nil {
		return nil, c.badToken(err)
	}
	c.ev.Auth, c.ev.Subject = catalog.ByOIDC, user.Subject
	acct, err := c.s.Accounts.ByOIDC(c.ctx, user.Issuer, user.Subject)
	if err != nil {
		return nil, c.noSuchUser(user, err)
	}
	spec := accounts.SessionSpec{
		Account: acct.ID, NotAfter: user.Expires, By: catalog.ByOIDC, Identity: user.Subject, Issuer: user.Issuer, Groups: user.Groups,
	}
	if user.Policy != "" {
		spec.Policies = []string{user.Policy}
	}
	creds, sess, err := c.issue(acct, spec)
	if err != nil {
		return nil, err
	}
	return issued{
		Credentials: newCredentialsXML(creds), SubjectFromWebIdentityToken: user.Subject, Audience: user.Audience,
		Provider: user.Issuer, AssumedRoleUser: newRoleUser(acct, sess),
	}, nil
}
