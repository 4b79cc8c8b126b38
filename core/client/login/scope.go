package login

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Scope is a part of the repository and what may be done there.
type Scope struct {
	Bucket, Prefix string
	Read, Write    bool
}

// ParseScope reads s3://bucket/prefix:rw, or :r or :w at the end.
func ParseScope(text string) (s Scope, err error) {
	at := strings.LastIndexByte(text, ':')
	place, ok := strings.CutPrefix(text[:max(at, 0)], "s3://")
	mode := text[at+1:]
	s.Bucket, s.Prefix, _ = strings.Cut(place, "/")
	s.Read, s.Write = strings.Contains(mode, "r"), strings.Contains(mode, "w")
	if !ok || s.Bucket == "" || mode != "r" && mode != "w" && mode != "rw" || strings.ContainsAny(place, "*?$") {
		return s, fmt.Errorf("scope %q is not s3://BUCKET[/PREFIX]:r, :w or :rw", text)
	}
	return s, nil
}

type condition map[string]map[string][]string

type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition condition `json:",omitempty"`
}

// Policy makes a session policy of scopes, which allows what they name and
// nothing else.
func Policy(scopes []string) (string, error) {
	var all []statement
	for _, text := range scopes {
		s, err := ParseScope(text)
		if err != nil {
			return "", err
		}
		all = append(all, s.statements()...)
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	return string(b), err
}

func (s *Scope) statements() []statement {
	var actions []string
	if s.Read {
		actions = append(actions, "s3:GetObject*")
	}
	if s.Write {
		actions = append(actions, "s3:PutObject*", "s3:DeleteObject*", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
	}
	list := statement{Effect: "Allow", Action: []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, Resource: []string{"arn:aws:s3:::" + s.Bucket}}
	if s.Prefix != "" {
		list.Condition = condition{"StringLike": {"s3:prefix": {s.Prefix + "*"}}}
	}
	return []statement{{Effect: "Allow", Action: actions, Resource: []string{"arn:aws:s3:::" + s.Bucket + "/" + s.Prefix + "*"}}, list}
}
