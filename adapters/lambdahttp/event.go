package lambdahttp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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

// event is any event: each kind fills its own fields.
type event struct {
	Job string `json:"job"` // of a scheduled event

	// Of a load balancer. One of each pair is there, as multi-value headers are
	// configured.
	HTTPMethod      string              `json:"httpMethod"`
	Path            string              `json:"path"`
	Query           map[string]string   `json:"queryStringParameters"`
	MultiValueQuery map[string][]string `json:"multiValueQueryStringParameters"`

	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`

	// Of payload format 2.0.
	RawPath        string   `json:"rawPath"`
	RawQueryString string   `json:"rawQueryString"`
	Cookies        []string `json:"cookies"`

	Context struct {
		ELB *struct {
			TargetGroupARN string `json:"targetGroupArn"`
		} `json:"elb"`
		DomainName string `json:"domainName"`
		HTTP       struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`

	Body            json.RawMessage `json:"body"` // a string, or nothing
	IsBase64Encoded bool            `json:"isBase64Encoded"`
}

// door tells where the event came from. It believes the request context alone,
// which the service makes, and nothing that a client sends.
func (e *event) door() door {
	switch {
	case e.Context.ELB != nil:
		return loadBalancer
	case e.Context.HTTP.Method == "":
		return noDoor
	case strings.Contains(e.Context.DomainName, ".lambda-url."):
		return functionURL
	}
	return httpAPI
}

// multi tells whether a load balancer has multi-value headers: the answer has
// to have the same form.
func (e *event) multi() bool { return e.MultiValueHeaders != nil }

// body gives the body's bytes.
func (e *event) body() ([]byte, error) {
	raw := bytes.TrimSpace(e.Body)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if e.IsBase64Encoded && len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		// The common case, and the large one: no copy as a string first.
		raw = raw[1 : len(raw)-1]
		out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
		n, err := base64.StdEncoding.Decode(out, raw)
		return out[:n], err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	if e.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(text)
	}
	return []byte(text), nil
}
