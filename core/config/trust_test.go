package config

import (
	"strings"
	"testing"
)

func TestTrustSettings(t *testing.T) {
	for _, c := range []struct {
		environ []string
		want    string // "": accepted
	}{
		{[]string{"MUCURA_TRUST_DIR=/etc/grid-security/certificates", "MUCURA_VOMSDIR=/etc/grid-security/vomsdir"}, ""},
		{[]string{"MUCURA_TRUST_DIR=/var/task/trust.tgz"}, ""},
		{[]string{"MUCURA_TRUST_DIR=https://files.example.org/trust.tgz?signature=hush"}, ""},
		{[]string{"MUCURA_TRUST_DIR=http://files.example.org/trust.tgz?signature=hush"}, "trust-dir: the URL"},
		{[]string{"MUCURA_TRUST_DIR=https://u:hush@files.example.org/trust.tgz"}, "trust-dir: the URL"},
		{[]string{"MUCURA_TRUST_DIR=https:///trust.tgz"}, "trust-dir: the URL"},
		{[]string{"MUCURA_TRUST_DIR=/t.tar", "MUCURA_VOMSDIR=/v"}, "vomsdir: the archive"},
	} {
		_, _, err := Parse("serve", nil, c.environ, nil)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%q: %v, want %q", c.environ, err, c.want)
		}
	}
}
