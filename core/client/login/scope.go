package login

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Policy makes a session policy of scopes such as s3://bucket/prefix:rw (or :r,
// :w), which allows what they name and nothing else.
func Policy(scopes []string) (string, error) {
	type condition map[string]map[string][]string
	type statement struct {
		Effect    string
		Action    []string
		Resource  []string
		Condition condition `json:",omitempty"`
	}
	var all []statement
	for _, scope := range scopes {
		at := strings.LastIndexByte(scope, ':')
		place, ok := strings.CutPrefix(scope[:max(at, 0)], "s3://")
		mode := scope[at+1:]
		bucket, prefix, _ := strings.Cut(place, "/")
		if !ok || bucket == "" || mode != "r" && mode != "w" && mode != "rw" || strings.ContainsAny(place, "*?$") {
			return "", fmt.Errorf("scope %q is not s3://BUCKET[/PREFIX]:r, :w or :rw", scope)
		}
		var actions []string
		if strings.Contains(mode, "r") {
			actions = append(actions, "s3:GetObject*")
		}
		if strings.Contains(mode, "w") {
			actions = append(actions, "s3:PutObject*", "s3:DeleteObject*", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
		}
		all = append(all, statement{Effect: "Allow", Action: actions, Resource: []string{"arn:aws:s3:::" + bucket + "/" + prefix + "*"}})
		list := statement{Effect: "Allow", Action: []string{"s3:ListBucket", "s3:GetBucketLocation"}, Resource: []string{"arn:aws:s3:::" + bucket}}
		if prefix != "" {
			list.Action = []string{"s3:ListBucket"}
			list.Condition = condition{"StringLike": {"s3:prefix": {prefix + "*"}}}
		}
		all = append(all, list)
	}
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	return string(b), err
}
