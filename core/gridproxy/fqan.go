package gridproxy

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

var errFQAN = errors.New("malformed FQAN")

// normalizeFQAN checks /vo/group…[/Role=r][/Capability=c] of the VO and takes
// Role=NULL and Capability=NULL, which mean none, away.
func normalizeFQAN(fqan, vo string) (string, error) {
	rest, ok := strings.CutPrefix(fqan, "/")
	if !ok {
		return "", errFQAN
	}
	parts := strings.Split(rest, "/")
	if parts[0] != vo {
		return "", errors.New("an FQAN of another VO")
	}
	var out strings.Builder
	stage := 0 // 0: groups; 1: a role was there; 2: a capability
	for _, part := range parts {
		key, value, isPair := strings.Cut(part, "=")
		switch {
		case !goodPart(part):
			return "", errFQAN
		case !isPair && stage == 0:
			out.WriteString("/" + part)
			continue
		case key == "Role" && stage == 0 && value != "":
			stage = 1
		case key == "Capability" && stage < 2 && value != "":
			stage = 2
		default:
			return "", errFQAN
		}
		if value != "NULL" {
			out.WriteString("/" + part)
		}
	}
	return out.String(), nil
}

// goodPart tells whether a part of an FQAN is printable ASCII and no path
// element with a meaning.
func goodPart(part string) bool {
	if part == "" || part == "." || part == ".." {
		return false
	}
	for i := range len(part) {
		if part[i] <= ' ' || part[i] > '~' {
			return false
		}
	}
	return true
}

// authorityURI is <vo>://<host>:<port>; VO and host become path elements.
var authorityURI = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)://([A-Za-z0-9][A-Za-z0-9._-]*):([0-9]{1,5})$`)

// splitAuthority reads a policyAuthority.
func splitAuthority(uri string) (vo, host string, err error) {
	m := authorityURI.FindStringSubmatch(uri)
	if m == nil {
		return "", "", errors.New("malformed policyAuthority")
	}
	if port, err := strconv.Atoi(m[3]); err != nil || port < 1 || port > 65535 {
		return "", "", errors.New("malformed port in the policyAuthority")
	}
	return m[1], m[2], nil
}
