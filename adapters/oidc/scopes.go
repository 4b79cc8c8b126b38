package oidc

import (
	"encoding/json"
	"slices"
	"strings"
)

// The storage scopes of the WLCG token profile and the actions they give. stage
// is reading: contents are always on disk here. create is for new objects only.
var storageScopes = map[string][]string{
	"storage.read":   readActions,
	"storage.stage":  readActions,
	"storage.create": {"s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
	"storage.modify": {"s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
	"storage.poll":   nil, // of tape, which there is none of
}

// sciScopes are those of SciTokens (https://scitokens.org/technical_docs/Claims), a
// token of which has them with a path; write there is any change.
var sciScopes = map[string]string{"read": "storage.read", "write": "storage.modify"}

var readActions = []string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectTagging"}

// listActions go with every storage scope, so that clients can look around
// where they may work.
var listActions = []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}

type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// storagePolicy makes a session policy of a token's storage scopes. A token
// without any is not narrowed: "". The path of a scope is /BUCKET/PREFIX, and
// ends at a slash or at the end of a name, as directories do.
func storagePolicy(scopes []string) (string, error) {
	var all []statement
	narrowed := false
	for _, scope := range scopes {
		name, path, hasPath := strings.Cut(scope, ":")
		if sci, ok := sciScopes[name]; ok && strings.HasPrefix(path, "/") {
			name = sci
		}
		if !strings.HasPrefix(name, "storage.") {
			continue
		}
		actions, known := storageScopes[name]
		if !known {
			return "", refuse("The scope %.200q is unknown.", scope)
		}
		if !hasPath || !strings.HasPrefix(path, "/") {
			return "", refuse("The scope %.200q has no path.", scope)
		}
		if !plainPath(path) {
			return "", refuse("The path of the scope %.200q is not a plain one.", scope)
		}
		narrowed = true
		if len(actions) > 0 {
			all = append(all, statements(name, strings.Trim(path, "/"), actions)...)
		}
	}
	if !narrowed {
		return "", nil
	}
	all = append(all, statement{Effect: "Allow", Action: []string{"s3:ListAllMyBuckets", "s3:GetBucketLocation"}, Resource: []string{"arn:aws:s3:::*"}})
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", all})
	return string(text), err
}

// plainPath tells whether a path means what it says: nothing in it is a
// pattern, a variable, or leads elsewhere.
func plainPath(path string) bool {
	if strings.ContainsAny(path, "*?$\\\"") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return path == "/" || !slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." })
}

// statements allows actions below a path, without its slashes at both ends.
func statements(scope, path string, actions []string) []statement {
	const arn = "arn:aws:s3:::"
	bucket, prefix, _ := strings.Cut(path, "/")
	objects := []string{arn + bucket + "/*"}
	list := statement{Effect: "Allow", Action: listActions, Resource: []string{arn + bucket}}
	switch {
	case bucket == "":
		objects, list.Resource = []string{arn + "*/*"}, []string{arn + "*"}
	case prefix != "":
		objects = []string{arn + path, arn + path + "/*"}
		list.Condition = map[string]map[string][]string{"StringLike": {"s3:prefix": {prefix, prefix + "/*"}}}
	}
	use := statement{Effect: "Allow", Action: actions, Resource: objects}
	if scope == "storage.create" {
		// Only where there is nothing yet: the write must say so itself.
		use.Condition = map[string]map[string][]string{"StringEquals": {"s3:if-none-match": {"*"}}}
	}
	return []statement{use, list}
}
