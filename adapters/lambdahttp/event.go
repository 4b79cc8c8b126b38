package lambdahttp

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
)

// door is what stands between the client and the function.
type door int

const (
	noDoor door = iota
	// loadBalancer keeps the encoding of path and query, but not the order of
	// parameters of different names; without multi-value headers it keeps the
	// last of equal parameters and headers only.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
	loadBalancer
	// httpAPI decodes the path once, and cuts it at a question mark that comes
	// out of that. So a slash of a key that was sent as %2F is taken for a plain
	// one, keys with a question mark cannot be reached, and neither can keys that
	// are not UTF-8: a signature over any of these does not verify.
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
	httpAPI
	// functionURL keeps path and query as they were sent.
	// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
	functionURL
)

// doorNames are for people.
var doorNames = [...]string{"", "load balancer", "HTTP API", "Function URL"}

func (d door) String() string { return doorNames[d] }

// event is any event: each kind fills its own fields. The body lies in the text
// that was parsed.
type event struct {
	job, budget string // of a scheduled event

	// Of a load balancer. One of each pair is there, as multi-value headers are
	// configured.
	method                 string
	path                   string
	query, multiValueQuery []parameter

	headers, multiValueHeaders http.Header

	// Of payload format 2.0.
	rawPath, rawQuery string
	cookies           []string

	// Of the request's context.
	elb                                bool
	domainName, httpMethod, sourceAddr string

	body   []byte // as JSON: a string, or nothing
	base64 bool
}

// parse reads an event.
func (e *event) parse(text []byte) error {
	p := &reader{b: text}
	is, err := p.object(func(name []byte) (err error) {
		switch string(name) {
		case "job":
			e.job, err = p.text()
		case "budget":
			e.budget, err = p.text()
		case "httpMethod":
			e.method, err = p.text()
		case "path":
			e.path, err = p.text()
		case "queryStringParameters":
			e.query, err = p.parameters(false)
		case "multiValueQueryStringParameters":
			e.multiValueQuery, err = p.parameters(true)
		case "headers":
			e.headers, err = p.headers(false)
		case "multiValueHeaders":
			e.multiValueHeaders, err = p.headers(true)
		case "rawPath":
			e.rawPath, err = p.text()
		case "rawQueryString":
			e.rawQuery, err = p.text()
		case "cookies":
			e.cookies, err = p.texts()
		case "requestContext":
			err = e.parseContext(p)
		case "body":
			e.body, err = p.skip()
		case "isBase64Encoded":
			e.base64, err = p.flag()
		default:
			_, err = p.skip()
		}
		return err
	})
	if err == nil && (!is || p.peek() != 0) {
		err = errEvent
	}
	return err
}

func (e *event) parseContext(p *reader) error {
	_, err := p.object(func(name []byte) (err error) {
		switch string(name) {
		case "elb":
			e.elb, err = p.object(func([]byte) error { _, err := p.skip(); return err })
		case "domainName":
			e.domainName, err = p.text()
		case "http":
			_, err = p.object(func(name []byte) (err error) {
				switch string(name) {
				case "method":
					e.httpMethod, err = p.text()
				case "sourceIp":
					e.sourceAddr, err = p.text()
				default:
					_, err = p.skip()
				}
				return err
			})
		default:
			_, err = p.skip()
		}
		return err
	})
	return err
}

// door tells where the event came from. It believes the request context alone,
// which the service makes, and nothing that a client sends.
func (e *event) door() door {
	switch {
	case e.elb:
		return loadBalancer
	case e.httpMethod == "":
		return noDoor
	case strings.Contains(e.domainName, ".lambda-url."):
		return functionURL
	}
	return httpAPI
}

// multi tells whether a load balancer has multi-value headers: the answer has
// to have the same form.
func (e *event) multi() bool { return e.multiValueHeaders != nil }

// content gives the body's bytes.
func (e *event) content() ([]byte, error) {
	if len(e.body) == 0 || string(e.body) == "null" {
		return nil, nil
	}
	p := &reader{b: e.body}
	raw, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if !e.base64 || bytes.IndexByte(raw, '\\') >= 0 {
		text, err := unquote(raw)
		if err != nil || !e.base64 {
			return []byte(text), err
		}
		raw = []byte(text)
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Decode(out, raw)
	return out[:n], err
}
