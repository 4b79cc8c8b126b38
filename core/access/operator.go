package access

import "strings"

// kind is what an operator compares.
type kind uint8

const (
	kindString kind = iota
	kindNumber
	kindDate
	kindBool
	kindAddress
	kindArn
	kindBinary
	kindNull
)

// order is how numbers and dates are compared: value of the request, then of the policy.
type order uint8

const (
	same order = iota
	less
	lessOrSame
	more
	moreOrSame
)

// set is how an operator treats several values of the request.
type set uint8

const (
	setNone set = iota
	setAny
	setAll
)

// operator is a condition operator, taken apart.
type operator struct {
	kind     kind
	order    order
	negated  bool
	fold     bool // without regard to case
	wild     bool // '*' and '?' in the policy's value
	set      set
	ifExists bool
}

// parseOperator reads an operator's name, which counts exactly as written:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func parseOperator(name string) (operator, bool) {
	set := setNone
	base, ok := strings.CutPrefix(name, "ForAnyValue:")
	if ok {
		set = setAny
	} else if base, ok = strings.CutPrefix(name, "ForAllValues:"); ok {
		set = setAll
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	op, ok := baseOperator(base)
	if op.kind == kindNull && (ifExists || set != setNone) {
		return operator{}, false
	}
	op.set, op.ifExists = set, ifExists
	return op, ok
}

func baseOperator(name string) (operator, bool) {
	switch name {
	case "StringEquals":
		return operator{kind: kindString}, true
	case "StringNotEquals":
		return operator{kind: kindString, negated: true}, true
	case "StringEqualsIgnoreCase":
		return operator{kind: kindString, fold: true}, true
	case "StringNotEqualsIgnoreCase":
		return operator{kind: kindString, fold: true, negated: true}, true
	case "StringLike":
		return operator{kind: kindString, wild: true}, true
	case "StringNotLike":
		return operator{kind: kindString, wild: true, negated: true}, true
	case "ArnEquals", "ArnLike":
		return operator{kind: kindArn, wild: true}, true
	case "ArnNotEquals", "ArnNotLike":
		return operator{kind: kindArn, wild: true, negated: true}, true
	case "IpAddress":
		return operator{kind: kindAddress}, true
	case "NotIpAddress":
		return operator{kind: kindAddress, negated: true}, true
	case "Bool":
		return operator{kind: kindBool}, true
	case "BinaryEquals":
		return operator{kind: kindBinary}, true
	case "Null":
		return operator{kind: kindNull}, true
	}
	if rest, ok := strings.CutPrefix(name, "Numeric"); ok {
		return orderOperator(kindNumber, rest)
	}
	if rest, ok := strings.CutPrefix(name, "Date"); ok {
		return orderOperator(kindDate, rest)
	}
	return operator{}, false
}

func orderOperator(k kind, rest string) (operator, bool) {
	op := operator{kind: k}
	switch rest {
	case "Equals":
	case "NotEquals":
		op.negated = true
	case "LessThan":
		op.order = less
	case "LessThanEquals":
		op.order = lessOrSame
	case "GreaterThan":
		op.order = more
	case "GreaterThanEquals":
		op.order = moreOrSame
	default:
		return op, false
	}
	return op, true
}

// holds tells whether a comparison's outcome (negative: the request's value is
// less) is what the order asks.
func (o order) holds(cmp int) bool {
	switch o {
	case less:
		return cmp < 0
	case lessOrSame:
		return cmp <= 0
	case more:
		return cmp > 0
	case moreOrSame:
		return cmp >= 0
	}
	return cmp == 0
}
