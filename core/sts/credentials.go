package sts

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/session"
)

// maxPolicy bounds one session policy, bytes, as in AWS's STS.
const maxPolicy = 2048

// isoTime writes an expiration.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// issue makes a session as the request's DurationSeconds and Policy say.
func (c *call) issue(acct *catalog.Account, spec accounts.SessionSpec) (session.Credentials, *catalog.Session, error) {
	var none session.Credentials
	var err error
	if spec.Lifetime, err = c.lifetime(c.form.get("DurationSeconds")); err != nil {
		return none, nil, err
	}
	if p := c.form.get("Policy"); p != "" {
		if err := checkPolicy(p); err != nil {
			return none, nil, err
		}
		spec.Policies = append(spec.Policies[:len(spec.Policies):len(spec.Policies)], p)
	}
	if spec.Name == "" {
		spec.Name = c.form.get("RoleSessionName")
	}
	if len(spec.Name) > 64 {
		return none, nil, validation("RoleSessionName must have length less than or equal to 64")
	}
	spec.Address, spec.Agent = c.ev.Remote, c.ev.UserAgent
	c.ev.Account, c.ev.Name = acct.ID, acct.Name
	creds, sess, err := c.s.Accounts.Issue(c.ctx, spec)
	switch {
	case errors.Is(err, accounts.ErrNotActive):
		return none, nil, refuse(http.StatusForbidden, "AccessDenied", accounts.NotActive(acct))
	case errors.Is(err, accounts.ErrNotFound): // removed this moment
		return none, nil, refuse(http.StatusForbidden, "AccessDenied", "There is no such account.")
	case errors.Is(err, accounts.ErrTooMany):
		return none, nil, &fault{status: http.StatusBadRequest, code: "PackedPolicyTooLarge", cause: err,
			message: "The session policies, groups or sessions got from one another are too many for a session token."}
	case err != nil:
		return none, nil, unavailable(err)
	}
	c.ev.Session = sess
	return creds, sess, nil
}

// lifetime reads the seconds asked for; 0 when none are.
func (c *call) lifetime(seconds string) (time.Duration, error) {
	if seconds == "" {
		return 0, nil
	}
	longest := int64(c.s.Accounts.LongestSession() / time.Second)
	n, err := strconv.ParseInt(seconds, 10, 64)
	least := int64(accounts.MinSession / time.Second)
	if err != nil || n < least || n > longest {
		return 0, validation("DurationSeconds must be a number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(longest, 10))
	}
	return time.Duration(n) * time.Second, nil
}

func validation(text string) error { return refuse(http.StatusBadRequest, "ValidationError", text) }

func checkPolicy(p string) error {
	if len(p) > maxPolicy {
		return refuse(http.StatusBadRequest, "PackedPolicyTooLarge", "The session policy is longer than "+strconv.Itoa(maxPolicy)+" bytes.")
	}
	if _, err := access.ParseSessionPolicy([]byte(p)); err != nil {
		return &fault{status: http.StatusBadRequest, code: "MalformedPolicyDocument", message: "The session policy is malformed.", cause: err}
	}
	return nil
}

// credentialsJSON serves a credential_process of the AWS SDKs and their
// container provider alike
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
type credentialsJSON struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Token           string // the same, as the container provider names it
	Expiration      string
}

// credentials answers GET and POST /credentials: way A.
func (c *call) credentials() error {
	c.ev.Op = "GetCredentials"
	chain, err := c.chain()
	if err != nil {
		return err
	}
	creds, err := c.forChain(chain)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, credentialsJSON{
		1, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, creds.SessionToken, isoTime(creds.Expiration),
	})
}

// forChain issues a session to the owner of a chain.
func (c *call) forChain(chain [][]byte) (session.Credentials, error) {
	res, acct, err := c.owner(chain)
	if err != nil {
		return session.Credentials{}, err
	}
	creds, _, err := c.issue(acct, c.spec(res, acct))
	return creds, err
}
