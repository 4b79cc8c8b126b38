package access

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// condition is one operator with one key and its values.
type condition struct {
	operator
	key    string
	values []value
}

// value is one value of a policy, ready to be compared.
type value struct {
	text   pattern
	arn    []pattern // the six fields, when it is an ARN
	number float64
	date   time.Time
	yes    bool
	net    netip.Prefix
	bytes  []byte
}

// parseConditions reads the value of Condition: {operator: {key: value or values}}.
func parseConditions(raw json.RawMessage, vars bool) ([]condition, error) {
	ops, err := objectFields(raw)
	if err != nil {
		return nil, malformed("Conditions must be a JSON object")
	}
	var out []condition
	for _, f := range ops {
		op, ok := parseOperator(f.name)
		if !ok {
			return nil, malformed("Invalid Condition type : " + f.name)
		}
		keys, err := objectFields(f.value)
		if err != nil {
			return nil, malformed("Conditions must be a JSON object")
		}
		for _, k := range keys {
			c, err := parseCondition(op, k, vars)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func parseCondition(op operator, f field, vars bool) (condition, error) {
	c := condition{operator: op, key: conditionKey(f.name)}
	values, ok := scalarList(f.value)
	if !ok || len(values) == 0 {
		return c, malformed("Invalid value in Conditions")
	}
	for _, s := range values {
		if addressKey(c.key) {
			if _, ok := parseNet(s); !ok {
				return c, malformed("Invalid IP address in Conditions")
			}
		}
		v, ok := parseValue(op, s, vars)
		if !ok && op.kind == kindAddress {
			return c, malformed("Invalid IP address in Conditions")
		}
		if !ok {
			// IAM would take it and never match; a statement that silently does
			// nothing helps nobody.
			return c, s3err.MalformedPolicy.Say("Invalid value in Conditions: %q", s)
		}
		c.values = append(c.values, v)
	}
	return c, nil
}

func parseValue(op operator, s string, vars bool) (v value, ok bool) {
	var err error
	switch op.kind {
	case kindString:
		v.text, ok = compilePattern(s, op.wild, vars), true
	case kindArn:
		v.text, ok = compilePattern(s, true, vars), true
		if f := strings.SplitN(s, ":", 6); len(f) == 6 {
			for _, x := range f {
				v.arn = append(v.arn, compilePattern(x, true, vars))
			}
		}
	case kindNumber:
		v.number, ok = parseNumber(s)
	case kindDate:
		v.date, ok = parseDate(s)
	case kindBool, kindNull:
		v.yes, ok = parseBool(s)
	case kindAddress:
		v.net, ok = parseNet(s)
	case kindBinary:
		v.bytes, err = base64.StdEncoding.DecodeString(s)
		ok = err == nil
	}
	return v, ok
}

// holds tells whether the condition is met. A key that the request lacks meets
// negated operators, ForAllValues and …IfExists, and nothing else.
func (c *condition) holds(e *env) bool {
	got := e.values(c.key)
	if c.kind == kindNull {
		for i := range c.values {
			if c.values[i].yes == (len(got) == 0) {
				return true
			}
		}
		return false
	}
	if len(got) == 0 {
		return c.ifExists || c.set == setAll || c.set == setNone && c.negated
	}
	every := c.set == setAll || c.set == setNone && c.negated
	for _, s := range got {
		if ok := c.any(s, e) != c.negated; ok != every {
			return ok
		}
	}
	return every
}

// any tells whether a value of the request fits some value of the policy.
func (c *condition) any(s string, e *env) bool {
	switch c.kind {
	case kindString:
		return c.some(func(v *value) bool { return v.text.match(s, e, c.fold) })
	case kindArn:
		return c.some(func(v *value) bool { return v.matchArn(s, e) })
	case kindNumber:
		n, ok := parseNumber(s)
		return ok && c.some(func(v *value) bool { return c.order.holds(cmp.Compare(n, v.number)) })
	case kindDate:
		t, ok := parseDate(s)
		return ok && c.some(func(v *value) bool { return c.order.holds(t.Compare(v.date)) })
	case kindBool:
		b, ok := parseBool(s)
		return ok && c.some(func(v *value) bool { return b == v.yes })
	case kindAddress:
		a, err := netip.ParseAddr(s)
		return err == nil && c.some(func(v *value) bool { return v.net.Contains(a.Unmap().WithZone("")) })
	case kindBinary:
		b, err := base64.StdEncoding.DecodeString(s)
		return err == nil && c.some(func(v *value) bool { return bytes.Equal(b, v.bytes) })
	}
	return false
}

func (c *condition) some(fits func(*value) bool) bool {
	for i := range c.values {
		if fits(&c.values[i]) {
			return true
		}
	}
	return false
}

// matchArn compares field by field, so that a '*' never spans a colon (except
// in the last field, which may hold colons).
func (v *value) matchArn(s string, e *env) bool {
	f := strings.SplitN(s, ":", 6)
	if len(v.arn) == 0 || len(f) != 6 {
		return v.text.shape == leading && v.text.prefix == "" // "*"
	}
	for i := range f {
		if !v.arn[i].match(f[i], e, false) {
			return false
		}
	}
	return true
}

func parseNumber(s string) (float64, bool) {
	if strings.Trim(s, "+-.eE0123456789") != "" { // no "inf", "nan", "0x", "_"
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func parseBool(s string) (yes, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseDate reads the forms of https://www.w3.org/TR/NOTE-datetime, and seconds
// since 1970.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// parseNet reads an address or a CIDR block.
func parseNet(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if a := p.Addr(); a.Is4In6() {
			if p.Bits() < 96 {
				return p.Masked(), true
			}
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}
