package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// field is a member of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

var errDocument = errors.New("not one JSON object with distinct members")

// objectFields reads one JSON object. Unlike encoding/json it refuses members
// of the same name, of which one would silently be lost.
func objectFields(raw []byte) ([]field, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errDocument
	}
	var out []field
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		f := field{name: t.(string)} // a decoder gives nothing else here
		if err := d.Decode(&f.value); err != nil {
			return nil, err
		}
		if seen[f.name] {
			return nil, errDocument
		}
		seen[f.name] = true
		out = append(out, f)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errDocument
	}
	return out, nil
}

// stringList reads a string or a list of strings.
func stringList(raw json.RawMessage) ([]string, bool) {
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		if one == nil {
			return nil, false // null
		}
		return []string{*one}, true
	}
	var many []*string
	if json.Unmarshal(raw, &many) != nil {
		return nil, false
	}
	out := make([]string, len(many))
	for i, s := range many {
		if s == nil {
			return nil, false
		}
		out[i] = *s
	}
	return out, true
}

// scalarList is stringList that takes numbers and booleans, too, as condition
// values may be.
func scalarList(raw json.RawMessage) ([]string, bool) {
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil {
		many = []json.RawMessage{raw}
	}
	out := make([]string, 0, len(many))
	for _, v := range many {
		s, ok := scalar(v)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func scalar(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), true // a number, true or false
}
