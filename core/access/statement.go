package access

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// compileStatement reads one statement. A session policy has no principals, and
// may speak of services other than S3, which then apply to nothing.
func compileStatement(raw json.RawMessage, vars, session bool) (st statement, err error) {
	fields, err := objectFields(raw)
	if err != nil {
		return st, malformed("This policy contains invalid Json")
	}
	have := map[string]json.RawMessage{}
	for _, f := range fields {
		switch f.name {
		case "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction",
			"Resource", "NotResource", "Condition":
			have[f.name] = f.value
		default:
			return st, malformed("Unknown field " + f.name)
		}
	}
	for _, step := range [...]func(*statement, map[string]json.RawMessage) error{
		(*statement).setSid,
		(*statement).setEffect,
		func(st *statement, have map[string]json.RawMessage) error { return st.setPrincipal(have, session) },
		(*statement).setAction,
		func(st *statement, have map[string]json.RawMessage) error { return st.setResource(have, vars, session) },
	} {
		if err := step(&st, have); err != nil {
			return st, err
		}
	}
	if c := have["Condition"]; c != nil {
		st.conditions, err = parseConditions(c, vars)
	}
	return st, err
}

func (st *statement) setSid(have map[string]json.RawMessage) error {
	raw := have["Sid"]
	if raw == nil {
		return nil
	}
	var s string
	if !isString(raw) || json.Unmarshal(raw, &s) != nil {
		return malformed("This policy contains invalid Json")
	}
	if s != "" {
		st.name = strconv.Quote(s)
	}
	return nil
}

func (st *statement) setEffect(have map[string]json.RawMessage) error {
	raw := have["Effect"]
	if raw == nil {
		return malformed("Missing required field Effect")
	}
	var s string
	if !isString(raw) || json.Unmarshal(raw, &s) != nil {
		return malformed("This policy contains invalid Json")
	}
	st.allow = s == "Allow"
	if !st.allow && s != "Deny" {
		return s3err.MalformedPolicy.Say("Invalid effect: %s", s)
	}
	return nil
}

func (st *statement) setPrincipal(have map[string]json.RawMessage, session bool) error {
	raw, not := have["Principal"], have["NotPrincipal"]
	switch {
	case session && (raw != nil || not != nil):
		return malformed("Policy document should not specify a principal.")
	case session:
		st.everybody = true
		return nil
	case raw == nil && not == nil:
		return malformed("Missing required field Principal")
	case raw != nil && not != nil:
		return malformed("Invalid principal in policy")
	case not != nil:
		st.notPrincipal, raw = true, not
	}
	var ok bool
	if st.principals, ok = parsePrincipal(raw); !ok {
		return malformed("Invalid principal in policy")
	}
	return nil
}

func (st *statement) setAction(have map[string]json.RawMessage) error {
	list, not, err := either(have, "Action", "Policy has invalid action")
	if err != nil {
		return err
	}
	st.notAction = not
	for _, s := range list {
		st.actions = append(st.actions, compilePattern(s, true, false))
	}
	return nil
}

func (st *statement) setResource(have map[string]json.RawMessage, vars, session bool) error {
	list, not, err := either(have, "Resource", "Policy has invalid resource")
	if err != nil {
		return err
	}
	st.notResource = not
	for _, s := range list {
		name, ok := resourceName(s)
		switch {
		case ok:
			st.resources = append(st.resources, compilePattern(name, true, vars))
		case !session:
			return malformed("Policy has invalid resource")
		}
	}
	return nil
}

// either reads the strings under name or "Not"+name, of which a statement must
// have one, and not an empty one.
func either(have map[string]json.RawMessage, name, complaint string) (list []string, not bool, err error) {
	raw, inverse := have[name], have["Not"+name]
	switch {
	case raw == nil && inverse == nil:
		return nil, false, malformed("Missing required field " + name)
	case raw != nil && inverse != nil:
		return nil, false, malformed(complaint)
	case inverse != nil:
		raw, not = inverse, true
	}
	list, ok := stringList(raw)
	if !ok || len(list) == 0 {
		return nil, false, malformed(complaint)
	}
	for _, s := range list {
		if s == "" {
			return nil, false, malformed(complaint)
		}
	}
	return list, not, nil
}

// resourceName takes "arn:aws:s3:::" (of any partition) off a resource. "*" is
// everything.
func resourceName(s string) (string, bool) {
	if s == "*" {
		return s, true
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[1] != "*" && !strings.HasPrefix(f[1], "aws") ||
		f[2] != "s3" || f[3] != "" || f[4] != "" || f[5] == "" {
		return "", false
	}
	return f[5], true
}
