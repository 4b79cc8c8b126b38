package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"sync"

	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// Limits of DeleteObjects.
const (
	maxDeletes     = 1000
	maxDeleteDoc   = 2 << 20 // bytes; a key of 1024 bytes may be escaped
	deletesAtATime = 16      // so that a store with group commit can gather them
)

// deleteXML is the body of DeleteObjects.
type deleteXML struct {
	XMLName xml.Name        `xml:"Delete"`
	Quiet   bool            `xml:"Quiet"`
	Objects []*deleteTarget `xml:"Object"`
}

// deleteTarget is one version to delete, and what came of it.
type deleteTarget struct {
	Key              string
	VersionID        string `xml:"VersionId"`
	ETag             string
	LastModifiedTime string
	Size             string

	in  repo.DeleteInput
	res repo.DeleteResult
	err error
}

// deleteObjects deletes up to 1000 versions
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
// Each is authorized and answered by itself.
func (c *call) deleteObjects() error {
	if err := c.requireDigest(); err != nil {
		return err
	}
	var doc deleteXML
	if err := c.readXML(&doc, maxDeleteDoc); err != nil {
		return err
	}
	if len(doc.Objects) == 0 || len(doc.Objects) > maxDeletes {
		return s3err.MalformedXML
	}
	for _, t := range doc.Objects {
		t.err = c.prepareDelete(t)
	}
	c.deleteAll(doc.Objects)
	return c.document(http.StatusOK, deleteResult(&doc))
}

// prepareDelete checks and authorizes one deletion.
func (c *call) prepareDelete(t *deleteTarget) error {
	switch {
	case t.Key == "":
		return s3err.UserKeyMustBeSpecified
	case len(t.Key) > repo.MaxKeyBytes:
		return s3err.KeyTooLong
	}
	if err := c.authorize(deleteAction(t.VersionID), t.Key, nil, versionKey(t.VersionID)); err != nil {
		return err
	}
	cond := repo.WriteCond{IfMatch: unquoted(t.ETag)}
	if t.LastModifiedTime != "" {
		at, ok := parseDate(t.LastModifiedTime)
		if !ok {
			return s3err.MalformedXML
		}
		cond.IfMatchModified = at
	}
	if t.Size != "" {
		n, err := strconv.ParseInt(t.Size, 10, 64)
		if err != nil || n < 0 {
			return s3err.MalformedXML
		}
		cond.IfMatchSize = &n
	}
	t.in = repo.DeleteInput{
		Bucket: c.b, Key: t.Key, VersionID: t.VersionID, Cond: cond,
		Owner: c.principal.ID(), BypassGovernance: c.mayBypass(t.Key, t.VersionID),
	}
	return nil
}

// deleteAll deletes what is prepared, several at a time.
func (c *call) deleteAll(targets []*deleteTarget) {
	todo := make(chan *deleteTarget)
	var wg sync.WaitGroup
	for range min(deletesAtATime, len(targets)) {
		wg.Go(func() {
			for t := range todo {
				t.res, t.err = c.f.Repo.DeleteObject(c.ctx, t.in)
			}
		})
	}
	for _, t := range targets {
		if t.err == nil {
			todo <- t
		}
	}
	close(todo)
	wg.Wait()
}

// deleteResult makes the answer, in the order of the request.
func deleteResult(doc *deleteXML) []byte {
	b := make([]byte, 0, 256+128*len(doc.Objects))
	b = append(b, xmlHeader+`<DeleteResult xmlns="`+namespace+`">`...)
	for _, t := range doc.Objects {
		switch {
		case t.err != nil:
			b = appendDeleteError(b, t)
		case !doc.Quiet:
			b = appendDeleted(b, t)
		}
	}
	return append(b, "</DeleteResult>"...)
}

func appendDeleteError(b []byte, t *deleteTarget) []byte {
	e := translate(t.err)
	b = append(b, "<Error>"...)
	b = appendElement(b, "Key", t.Key)
	if t.VersionID != "" {
		b = appendElement(b, "VersionId", t.VersionID)
	}
	b = appendElement(b, "Code", e.Code.Code)
	b = appendElement(b, "Message", e.Message())
	return append(b, "</Error>"...)
}

func appendDeleted(b []byte, t *deleteTarget) []byte {
	b = append(b, "<Deleted>"...)
	b = appendElement(b, "Key", t.Key)
	if t.VersionID != "" {
		b = appendElement(b, "VersionId", t.VersionID)
	}
	if t.res.DeleteMarker {
		b = append(b, "<DeleteMarker>true</DeleteMarker>"...)
		b = appendElement(b, "DeleteMarkerVersionId", t.res.VersionID)
	}
	return append(b, "</Deleted>"...)
}
