package s3

import (
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// owners writes accounts into a listing, each looked up once.
type owners struct {
	c    *call
	last string // account ID of text, the usual case: one owner for all
	text []byte // what is between <Owner> and </Owner>
	rest map[string][]byte
}

func (c *call) newOwners() *owners { return &owners{c: c} }

// append appends the element for an account.
func (o *owners) append(b []byte, element, account string) []byte {
	if o.text == nil || o.last != account {
		o.find(account)
	}
	b = append(b, '<')
	b = append(b, element...)
	b = append(b, '>')
	b = append(b, o.text...)
	b = append(b, '<', '/')
	b = append(b, element...)
	return append(b, '>')
}

// find makes the text of an account.
func (o *owners) find(account string) {
	if text, ok := o.rest[account]; ok {
		o.last, o.text = account, text
		return
	}
	id, name := account, ""
	if a := o.c.accountOf(account); a != nil {
		id, name = a.CanonicalID, a.Display()
	}
	text := appendElement(make([]byte, 0, 128), "ID", id)
	if name != "" {
		text = appendElement(text, "DisplayName", name)
	}
	if o.rest == nil {
		o.rest = map[string][]byte{}
	}
	o.rest[account], o.last, o.text = text, account, text
}

// accountOf reads an account; nil when there is none any more or it cannot be
// read: who owns something is shown beside what was asked for, and is not
// worth failing.
func (c *call) accountOf(id string) *catalog.Account {
	if id == "" {
		return nil
	}
	if id == c.principal.ID() {
		return c.principal.Account
	}
	a, err := c.f.Accounts.Account(c.ctx, id)
	if err != nil {
		return nil
	}
	return a
}

// expectOwner checks a header by which the client says whose bucket it means
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html).
// It may say the account's ID, canonical ID or name, or its own access key ID.
func (c *call) expectOwner(header string, b *catalog.Bucket) error {
	want := c.r.Header.Get(header)
	if want == "" || want == b.Owner || (want == c.principal.AccessKeyID && c.principal.ID() == b.Owner) {
		return nil
	}
	if a := c.accountOf(b.Owner); a != nil && (want == a.CanonicalID || want == a.Name) {
		return nil
	}
	return s3err.AccessDenied
}
