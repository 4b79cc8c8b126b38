package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// parsePolicy reads a policy in base64. Errors are InvalidPolicyDocument.
func parsePolicy(encoded string) (*Policy, error) {
	document, err := decodePolicy(encoded)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(document, &members) != nil {
		return nil, invalidJSON()
	}
	rawExpiration, ok := members["expiration"]
	if !ok {
		return nil, invalidPolicy("Policy missing expiration.")
	}
	rawConditions, ok := members["conditions"]
	if !ok {
		return nil, invalidPolicy("Policy missing conditions.")
	}
	if len(members) > 2 {
		return nil, invalidPolicy("Unexpected: " + strconv.Quote(unexpectedMember(members)))
	}
	p := new(Policy)
	var conditions []json.RawMessage
	if json.Unmarshal(rawConditions, &conditions) != nil || conditions == nil {
		return nil, invalidPolicy("Invalid 'conditions' value: must be a List.")
	}
	expiration, ok := jsonString(rawExpiration)
	if !ok {
		return nil, invalidJSON()
	}
	if p.expiration, err = time.Parse(time.RFC3339, expiration); err != nil {
		return nil, invalidPolicy("Invalid 'expiration' value: '" + expiration + "'")
	}
	for _, raw := range conditions {
		if err := p.add(bytes.TrimSpace(raw)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func decodePolicy(encoded string) ([]byte, error) {
	encoded = strings.TrimSpace(encoded)
	if encoded == "" {
		return nil, invalidPolicy("Expecting '{' but found End-of-Input")
	}
	document, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		document, err = base64.RawStdEncoding.DecodeString(encoded)
	}
	if err != nil {
		return nil, invalidPolicy("invalid Base64 encoding.")
	}
	return document, nil
}

func unexpectedMember(members map[string]json.RawMessage) string {
	var names []string
	for name := range members {
		if name != "expiration" && name != "conditions" {
			names = append(names, name)
		}
	}
	return slices.Min(names)
}

// add reads one condition: {"acl": "private"}, or a list.
func (p *Policy) add(raw []byte) error {
	switch raw[0] {
	case '{':
		return p.addSimple(raw)
	case '[':
		return p.addList(raw)
	}
	return invalidPolicy("Invalid condition test: must be a List or Object.")
}

func (p *Policy) addSimple(raw []byte) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return invalidJSON()
	}
	if len(members) != 1 {
		return invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for field, raw := range members {
		value, ok := jsonString(raw)
		if !ok {
			return invalidPolicy("Invalid Simple-Condition: value must be a string.")
		}
		text := `["eq", "$` + field + `", "` + value + `"]`
		p.conditions = append(p.conditions, condition{field: strings.ToLower(field), value: value, text: text})
	}
	return nil
}

func (p *Policy) addList(raw []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return invalidJSON()
	}
	if len(list) == 0 {
		return invalidPolicy("Invalid Condition: missing operation identifier.")
	}
	operation, ok := jsonString(list[0])
	if !ok {
		return invalidJSON()
	}
	op := strings.ToLower(operation)
	if op != "eq" && op != "starts-with" && op != "content-length-range" {
		return invalidPolicy("Invalid Condition: unknown operation '" + operation + "'.")
	}
	if len(list) != 3 {
		return invalidPolicy("Invalid " + operation + ": wrong number of arguments.")
	}
	if op == "content-length-range" {
		return p.addRange(list[1], list[2])
	}
	field, ok1 := jsonString(list[1])
	value, ok2 := jsonScalar(list[2])
	if !ok1 || !ok2 {
		return invalidJSON()
	}
	name, ok := strings.CutPrefix(field, "$")
	if !ok || name == "" {
		return conditionFailed(string(raw))
	}
	p.conditions = append(p.conditions, condition{
		field: strings.ToLower(name), value: value, prefix: op == "starts-with", text: string(raw),
	})
	return nil
}

func (p *Policy) addRange(rawLeast, rawMost []byte) error {
	least, ok1 := jsonInteger(rawLeast)
	most, ok2 := jsonInteger(rawMost)
	if !ok1 || !ok2 {
		return invalidJSON()
	}
	if least < 0 || most < 0 {
		return invalidPolicy("Invalid content-length-range: lengths must not be negative.")
	}
	if p.ranged {
		least, most = max(least, p.min), min(most, p.max)
	}
	p.min, p.max, p.ranged = least, most, true
	return nil
}

func jsonString(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// jsonScalar takes a number for the string of its digits.
func jsonScalar(raw []byte) (string, bool) {
	if s, ok := jsonString(raw); ok {
		return s, true
	}
	var n json.Number
	err := json.Unmarshal(raw, &n)
	return n.String(), err == nil && n != ""
}

// jsonInteger takes an integer, or a string that is one.
func jsonInteger(raw []byte) (int64, bool) {
	s, ok := jsonScalar(raw)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func invalidPolicy(text string) error {
	return s3err.InvalidPolicyDocument.Say("%s", "Invalid Policy: "+text)
}

func invalidJSON() error { return invalidPolicy("Invalid JSON.") }
