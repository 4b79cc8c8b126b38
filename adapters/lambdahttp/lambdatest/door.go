package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Door is a service in front of a function.
type Door int

// The doors.
const (
	// LoadBalancer is an Application Load Balancer with multi-value headers.
	LoadBalancer Door = iota
	// PlainBalancer is one without: equal headers and parameters are lost.
	PlainBalancer
	// HTTPAPI is an API Gateway HTTP API, payload format 2.0.
	HTTPAPI
	// FunctionURL has InvokeMode BUFFERED.
	FunctionURL
	// StreamURL has InvokeMode RESPONSE_STREAM.
	StreamURL
)

// Doors are all of them.
var Doors = []Door{LoadBalancer, PlainBalancer, HTTPAPI, FunctionURL, StreamURL}

var doorNames = [...]string{"balancer", "plain-balancer", "http-api", "url", "stream-url"}

func (d Door) String() string { return doorNames[d] }

// The limits of the services, bytes; see the table of docs/functions.md.
const (
	balancerLimit = 1 << 20
	eventLimit    = 6 << 20
	streamLimit   = 200 << 20
)

// errTooLarge: the service refuses the request itself, with 413.
var errTooLarge = errors.New("request too large for the service")

// Event makes the event of a request, as the service does: with its losses.
func (d Door) Event(r *http.Request) ([]byte, error) {
	limit := int64(eventLimit)
	if d.balancer() {
		limit = balancerLimit
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, errTooLarge
	}
	e := map[string]any{}
	if d.balancer() {
		d.balancerEvent(e, r)
	} else {
		d.formatTwo(e, r)
	}
	if len(body) > 0 || d.balancer() {
		binary := !isText(r.Header)
		e["isBase64Encoded"], e["body"] = binary, string(body) // json replaces what is not UTF-8
		if binary {
			e["body"] = base64.StdEncoding.EncodeToString(body)
		}
	}
	event, err := json.Marshal(e)
	if err == nil && len(event) > eventLimit {
		err = errTooLarge
	}
	return event, err
}

func (d Door) balancer() bool { return d == LoadBalancer || d == PlainBalancer }

// isText tells whether a service passes a body on as text.
func isText(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if h.Get("Content-Encoding") != "" {
		return false
	}
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/xml" || kind == "application/javascript"
}

// arrived gives the headers as the service has them, names in lower case: with
// the host, and with what it adds.
func arrived(r *http.Request) map[string][]string {
	h := map[string][]string{"host": {r.Host}}
	for name, values := range r.Header {
		switch strings.ToLower(name) {
		case "connection", "transfer-encoding", "keep-alive", "x-forwarded-proto", "x-forwarded-port":
		default:
			h[strings.ToLower(name)] = values
		}
	}
	if r.ContentLength > 0 {
		h["content-length"] = []string{r.Header.Get("Content-Length")}
		if h["content-length"][0] == "" {
			h["content-length"] = []string{jsonNumber(r.ContentLength)}
		}
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr) // of net/http: it is one
	h["x-forwarded-for"] = []string{strings.TrimPrefix(strings.Join(r.Header["X-Forwarded-For"], ", ")+", "+ip, ", ")}
	h["x-forwarded-proto"] = []string{"https"}
	h["x-forwarded-port"] = []string{"443"}
	h["x-amzn-trace-id"] = []string{"Root=1-00000000-000000000000000000000000"}
	return h
}

func jsonNumber(n int64) string {
	b, _ := json.Marshal(n) // a number
	return string(b)
}

func (d Door) balancerEvent(e map[string]any, r *http.Request) {
	h := arrived(r)
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 { // mutual TLS, passthrough
		var chain []byte
		for _, c := range r.TLS.PeerCertificates {
			chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		// Only what RFC 3986 wants encoded is: + = and / stand for themselves.
		h["x-amzn-mtls-clientcert"] = []string{strings.NewReplacer(" ", "%20", "\n", "%0A").Replace(string(chain))}
	}
	query := map[string][]string{}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if name, value, _ := strings.Cut(part, "="); part != "" {
			query[name] = append(query[name], value) // not decoded
		}
	}
	e["requestContext"] = map[string]any{"elb": map[string]string{"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/mucura/0"}}
	e["httpMethod"] = r.Method
	e["path"], _, _ = strings.Cut(r.RequestURI, "?")
	if d == LoadBalancer {
		e["multiValueHeaders"], e["multiValueQueryStringParameters"] = h, query
		return
	}
	e["headers"], e["queryStringParameters"] = lastOf(h), lastOf(query)
}

func lastOf(m map[string][]string) map[string]string {
	out := map[string]string{}
	for name, values := range m {
		out[name] = values[len(values)-1]
	}
	return out
}

func (d Door) formatTwo(e map[string]any, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	domain := "abcdefghij.execute-api.eu-central-1.amazonaws.com"
	if d == HTTPAPI {
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
		path, _, _ = strings.Cut(path, "?") // also one that was encoded
	} else {
		domain = "abcdefghij.lambda-url.eu-central-1.on.aws"
	}
	h := arrived(r)
	if cookies := h["cookie"]; len(cookies) > 0 {
		e["cookies"] = strings.Split(strings.Join(cookies, "; "), "; ")
		delete(h, "cookie")
	}
	joined := map[string]string{}
	for name, values := range h {
		joined[name] = strings.Join(values, ",")
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr) // of net/http: it is one
	e["version"], e["routeKey"], e["rawPath"], e["rawQueryString"], e["headers"] = "2.0", "$default", path, query, joined
	e["requestContext"] = map[string]any{
		"domainName": domain, "stage": "$default", "requestId": "id",
		"http": map[string]string{"method": r.Method, "path": path, "protocol": "HTTP/1.1", "sourceIp": ip, "userAgent": r.UserAgent()},
	}
	e["isBase64Encoded"] = false
}
