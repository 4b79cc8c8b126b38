package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/s3err"
)

// strangerTime is how long a body may take in all while nobody has a right to send
// it. A few bytes a minute would else hold a place among the requests that are served
// at once for days.
const strangerTime = 30 * time.Second

// bodyWatch counts a body and gives up on one that pauses too long.
type bodyWatch struct {
	io.ReadCloser
	c       *call
	control *http.ResponseController // nil: no limit
	renewed time.Time
	until   time.Time // end of strangerTime; zero: there is none
}

// watchBody puts a bodyWatch before the request's body. The request is copied
// for it, because the server looks into its own to see what is left to read.
func (c *call) watchBody() {
	if c.r.Body == nil || c.r.Body == http.NoBody {
		return
	}
	w := &bodyWatch{ReadCloser: c.r.Body, c: c}
	if c.f.BodyIdle > 0 {
		w.control = http.NewResponseController(c.w)
		w.until = time.Now().Add(strangerTime)
		w.renew() // it holds, too, when the body is never read and the server discards it
	}
	c.r = c.r.WithContext(c.ctx)
	c.r.Body, c.watch = w, w
}

// mayTakeTime gives the body all the time it needs: who sends it is known, or may
// do what she does as a stranger.
func (c *call) mayTakeTime() {
	if c.watch != nil {
		c.watch.until, c.watch.renewed = time.Time{}, time.Time{}
	}
}

// renew moves the deadline, when a quarter of it has passed, so most reads pay
// nothing.
func (w *bodyWatch) renew() {
	if now := time.Now(); now.Sub(w.renewed) > w.c.f.BodyIdle/4 {
		w.renewed = now
		end := now.Add(w.c.f.BodyIdle)
		if !w.until.IsZero() && w.until.Before(end) {
			end = w.until
		}
		w.control.SetReadDeadline(end) //nolint:errcheck // a writer without deadlines has none
	}
}

// Read reads. At the end the deadline is taken away, because the server goes
// on watching the connection and would take it for the client's going. After
// an error it stays, so that nobody waits for the rest of the body.
func (w *bodyWatch) Read(p []byte) (int, error) {
	if w.control != nil {
		w.renew()
	}
	n, err := w.ReadCloser.Read(p)
	w.c.bytesIn += int64(n)
	switch {
	case err == nil || w.control == nil:
	case err == io.EOF:
		w.control.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.c.idle = true
	}
	return n, err
}

// readBody reads the whole payload, at most max bytes, and verifies every
// digest that came with it. MaxMessageLengthExceeded beyond.
func (c *call) readBody(max int64) ([]byte, error) {
	d, err := c.digest()
	if err != nil {
		return nil, err
	}
	b, err := c.readPlainBody(max)
	if err != nil {
		return nil, err
	}
	if d.MD5 != nil {
		if sum := md5.Sum(b); !bytes.Equal(sum[:], d.MD5) {
			return nil, s3err.BadDigest
		}
	}
	if d.Want == nil || d.Want() == "" {
		return b, nil
	}
	h := checksum.New(d.Algorithm)
	h.Write(b)
	if checksum.Encode(h.Sum(nil)) != d.Want() {
		return nil, errChecksum(d.Algorithm)
	}
	return b, nil
}

// readPlainBody reads the whole payload; only what the signature covers is verified.
// Chunked payloads are for objects and parts only, as in S3.
func (c *call) readPlainBody(max int64) ([]byte, error) {
	if strings.HasPrefix(c.auth.ContentSHA256, "STREAMING-") {
		return nil, s3err.InvalidRequest.Say("The value of x-amz-content-sha256 header is invalid.")
	}
	if c.auth.Length > max {
		return nil, s3err.MaxMessageLengthExceeded.Field("MaxMessageLengthBytes", strconv.FormatInt(max, 10))
	}
	b, err := io.ReadAll(io.LimitReader(c.auth.Body, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, s3err.MaxMessageLengthExceeded.Field("MaxMessageLengthBytes", strconv.FormatInt(max, 10))
	}
	return b, nil
}

// errChecksum is what S3 says of a payload that does not match its checksum.
func errChecksum(algorithm string) error {
	return s3err.BadDigest.Say("The %s you specified did not match the calculated checksum.", algorithm)
}

// readXML reads a document of at most max bytes into v, with every digest
// verified. Names are matched without regard to namespace when v's tags have
// none. MalformedXML for anything that is not one well-formed document.
func (c *call) readXML(v any, max int64) error {
	b, err := c.readBody(max)
	if err != nil {
		return err
	}
	if err := parseXML(b, v); err != nil {
		return s3err.MalformedXML.With(err)
	}
	return nil
}

// maxDepth of a document; S3's deepest has about eight levels.
const maxDepth = 24

// tokens passes on XML tokens, refusing what no S3 document contains.
type tokens struct {
	d     *xml.Decoder
	depth int
}

var (
	errDirective = errors.New("XML directive")
	errDepth     = errors.New("XML nested too deeply")
	errTrailing  = errors.New("data after the XML document")
)

// Token implements xml.TokenReader.
func (t *tokens) Token() (xml.Token, error) {
	tok, err := t.d.RawToken()
	switch tok.(type) {
	case xml.Directive:
		return nil, errDirective
	case xml.StartElement:
		if t.depth++; t.depth > maxDepth {
			return nil, errDepth
		}
	case xml.EndElement:
		t.depth--
	}
	return tok, err
}

// parseXML decodes exactly one document.
func parseXML(b []byte, v any) error {
	d := xml.NewTokenDecoder(&tokens{d: xml.NewDecoder(bytes.NewReader(b))})
	if err := d.Decode(v); err != nil {
		return err
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errTrailing
			}
		default:
			return errTrailing
		}
	}
}
