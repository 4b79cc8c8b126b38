package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// postObject stores the file of a browser's form
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html). The
// form is signed by its fields, or not at all, when the bucket lets everyone
// write. The fields stand for the headers of the PutObject it amounts to.
func postObject(c *call) error {
	boundary, err := boundaryOf(c.r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	form, err := readForm(c.auth.Body, boundary)
	if err != nil {
		return err
	}
	auth, err := c.f.Accounts.VerifyPOST(c.ctx, c.f.Verifier, form.fields, c.now, c.remoteIP())
	if err != nil {
		return err
	}
	if err := c.signedBy(auth); err != nil {
		return err
	}
	key, err := form.key()
	if err != nil {
		return err
	}
	if c.b, err = c.f.Repo.Bucket(c.ctx, c.bucket); err != nil {
		return err
	}
	if err := c.corsHeaders(); err != nil {
		return err
	}
	if err := auth.Policy.Check(form.fields, c.bucket, key); err != nil {
		return err
	}
	stored, err := c.storeForm(form, key, sized(form.file, auth.Policy))
	if err != nil {
		return err
	}
	return c.posted(form, stored)
}

// signedBy makes the form's signer the one who asks. A form without a signature
// leaves whoever signed the request itself.
func (c *call) signedBy(auth *sigv4.PostAuth) error {
	if auth.Anonymous {
		return nil
	}
	p, ok := auth.Key.Owner.(*catalog.Principal)
	if !ok || p.Anonymous() {
		return s3err.InternalError.Say("The form's access key has no owner.")
	}
	c.principal = p
	c.auth = &sigv4.Request{
		Key: auth.Key, Time: auth.Time, Region: auth.Region,
		AuthType: auth.AuthType, SignatureVersion: auth.SignatureVersion,
		Length: -1, Body: c.auth.Body,
	}
	return nil
}

// key is the key that the form asks for, with ${filename} replaced when the file
// has a name.
func (p *postForm) key() (string, error) {
	key, ok := p.fields["key"]
	if !ok {
		return "", badArgument("key", "", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	}
	if p.filename != "" {
		key = strings.ReplaceAll(key, "${filename}", p.filename)
	}
	switch {
	case key == "":
		return "", badArgument("key", "", "User key must have a length greater than 0.")
	case len(key) > repo.MaxKeyBytes:
		return "", s3err.KeyTooLong
	case !utf8.ValidString(key):
		return "", s3err.InvalidURI
	}
	return key, nil
}

// sized holds a file to the length that the policy allows.
func sized(file io.Reader, policy *sigv4.Policy) io.Reader {
	s := &sizedReader{r: file, most: repo.MaxPutSize}
	if least, most, ok := policy.LengthRange(); ok {
		s.least, s.most = least, min(most, s.most)
	}
	return s
}

// storeForm does what PutObject does, with the form's fields as headers.
func (c *call) storeForm(form *postForm, key string, file io.Reader) (*catalog.Object, error) {
	h, err := form.header(c.r.Header)
	if err != nil {
		return nil, err
	}
	r := *c.r
	r.Header = h
	c.r, c.key, c.context = &r, key, nil
	if err := c.authorize("s3:PutObject", key, nil, nil); err != nil {
		return nil, err
	}
	c.mayTakeTime()
	d, err := c.digest()
	if err != nil {
		return nil, err
	}
	if d.Algorithm == "" {
		d.Algorithm = defaultAlgorithm
	}
	o, err := c.objectFromHeaders()
	if err != nil {
		return nil, err
	}
	encrypt, err := c.chosenKey()
	if err != nil {
		return nil, err
	}
	return c.f.Repo.PutObject(c.ctx, repo.PutObjectInput{
		Bucket: c.b, Key: key, Body: file, Size: -1, Object: o, Encrypt: encrypt, Digest: d,
	})
}

// postedXML is the answer when the form asks for 201.
type postedXML struct {
	XMLName  xml.Name `xml:"PostResponse"`
	Location string
	Bucket   string
	Key      string
	ETag     string
}

// posted answers as the form asks: with a redirection, a document or nothing.
func (c *call) posted(form *postForm, o *catalog.Object) error {
	location := strings.TrimSuffix(c.location(), "/") + (&url.URL{Path: "/" + c.key}).EscapedPath()
	c.describeWritten(o)
	c.describeChecksum(o.Checksum, 0)
	if to := form.redirect(c.bucket, c.key, quoted(o.ETag)); to != "" {
		c.set("Location", to)
		return c.empty(http.StatusSeeOther)
	}
	c.set("Location", location)
	switch form.get("success_action_status") {
	case "200":
		return c.empty(http.StatusOK)
	case "201":
		return c.xml(http.StatusCreated, &postedXML{Location: location, Bucket: c.bucket, Key: c.key, ETag: quoted(o.ETag)})
	}
	return c.empty(http.StatusNoContent)
}

// redirect is where the form wants the browser to go, "" when it names no URL
// of the web.
func (p *postForm) redirect(bucket, key, etag string) string {
	target := p.get("success_action_redirect")
	if target == "" {
		target = p.get("redirect")
	}
	u, err := url.Parse(target)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return ""
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "bucket=" + url.QueryEscape(bucket) + "&key=" + url.QueryEscape(key) + "&etag=" + url.QueryEscape(etag)
	return u.String()
}
