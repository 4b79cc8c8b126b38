package sts

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/session"
	"github.com/mucura/mucura/core/x509sig"
)

// Way B: the protocol of IAM Roles Anywhere, whose clients
// (aws_signing_helper) work unchanged
// (https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html).

type roleCredentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
	Expiration      string `json:"expiration"`
}

type assumedRoleUser struct {
	Arn           string `json:"arn"`
	AssumedRoleID string `json:"assumedRoleId"`
}

type credentialSet struct {
	Credentials      roleCredentials `json:"credentials"`
	AssumedRoleUser  assumedRoleUser `json:"assumedRoleUser"`
	PackedPolicySize int             `json:"packedPolicySize"`
	RoleArn          string          `json:"roleArn"`
	SourceIdentity   string          `json:"sourceIdentity"`
}

type sessionsAnswer struct {
	CredentialSet []credentialSet `json:"credentialSet"`
	SubjectArn    string          `json:"subjectArn"`
}

// sessions answers POST /sessions.
func (c *call) sessions() error {
	c.ev.Op = "CreateSession"
	if c.s.Signed == nil {
		return refuse(http.StatusNotImplemented, "NotOffered", "This site does not accept requests signed with certificates.")
	}
	chain, err := c.s.Signed.Verify(c.r, c.body, c.now)
	if err != nil {
		return c.refusedSignature(err)
	}
	var in struct {
		DurationSeconds int64  `json:"durationSeconds"`
		SessionName     string `json:"roleSessionName"`
	}
	if len(c.body) > 0 {
		if err := json.Unmarshal(c.body, &in); err != nil {
			return &fault{status: http.StatusBadRequest, code: "ValidationException", message: "The body is not JSON as expected.", cause: err}
		}
	}
	if in.DurationSeconds != 0 {
		c.form.set("DurationSeconds", strconv.FormatInt(in.DurationSeconds, 10))
	}
	res, acct, err := c.owner(chain)
	if err != nil {
		return err
	}
	spec := c.spec(res, acct)
	spec.Name = in.SessionName
	creds, sess, err := c.issue(acct, spec)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, c.sessionsAnswer(acct, sess, creds))
}

func (c *call) sessionsAnswer(acct *catalog.Account, sess *catalog.Session, creds session.Credentials) sessionsAnswer {
	u := newRoleUser(acct, sess)
	return sessionsAnswer{
		CredentialSet: []credentialSet{{
			Credentials:     roleCredentials{creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, isoTime(creds.Expiration)},
			AssumedRoleUser: assumedRoleUser{u.Arn, u.AssumedRoleID},
			RoleArn:         c.form.get("roleArn"),
			SourceIdentity:  acct.Name,
		}},
		SubjectArn: "arn:aws:rolesanywhere:" + "mucura:" + acct.ID + ":subject/" + acct.ID,
	}
}

// SignedFor verifies requests signed with a certificate's key that are for one
// of these hosts. It implements Signed.
type SignedFor []string

// Verify implements Signed.
func (hosts SignedFor) Verify(r *http.Request, body []byte, now time.Time) ([][]byte, error) {
	return x509sig.Verify(r, body, now, hosts)
}
