package gridproxy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sharedCase is one row of a manifest of cases made elsewhere.
type sharedCase struct {
	ID, File, Expect, Reason, Type, Identity, Note string

	CADir         string `json:"ca_dir"`
	IdentitySlash string `json:"identity_slash"`
	Limited       bool
	Depth         int        `json:"proxy_depth"`
	NotAfter      *time.Time `json:"not_after"`
	VOMS          string
	FQANs         []string
	Legacy        string `json:"expect_if_legacy_allowed"`
}

// TestManifest runs the cases of the directory that MUCURA_TEST_GRID_CASES
// names: manifest.json, chains as proxy files, a trust directory and a vomsdir.
func TestManifest(t *testing.T) {
	root := os.Getenv("MUCURA_TEST_GRID_CASES")
	if root == "" {
		t.Skip("MUCURA_TEST_GRID_CASES names no directory of cases")
	}
	var manifest struct {
		VOMSDir    string    `json:"vomsdir"`
		VerifyTime time.Time `json:"verify_time"`
		Cases      []sharedCase
	}
	text, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range manifest.Cases {
		t.Run(c.ID, func(t *testing.T) {
			trust, err := LoadDir(filepath.Join(root, c.CADir), filepath.Join(root, manifest.VOMSDir), manifest.VerifyTime)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(root, c.File))
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, text, manifest.VerifyTime, trust, Options{}, c.Expect)
			if c.Legacy != "" {
				c.check(t, text, manifest.VerifyTime, trust, Options{AllowLegacy: true}, c.Legacy)
			}
		})
	}
}

func (c sharedCase) check(t *testing.T, text []byte, at time.Time, trust *Trust, o Options, expect string) {
	var r *Result
	chain, err := ParsePEM(text)
	if err == nil {
		r, err = Verify(chain, at, trust, o)
	}
	t.Logf("%s: %v", c.Reason, err)
	if err != nil {
		if expect == "accept" {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if expect == "reject" {
		t.Fatalf("accepted, not refused for %s (%s)", c.Reason, c.Note)
	}
	if c.Identity == "" {
		return // the manifest does not say
	}
	if r.Identity != c.Identity || r.IdentitySlash != c.IdentitySlash || string(r.Type) != c.Type ||
		r.Limited != c.Limited || r.Depth != c.Depth || !r.NotAfter.Equal(*c.NotAfter) {
		t.Errorf("got %q %q %s limited %v depth %d until %v", r.Identity, r.IdentitySlash, r.Type, r.Limited, r.Depth, r.NotAfter)
	}
	if c.VOMS == "" {
		c.VOMS = string(VOMSNone)
	}
	if string(r.VOMS) != c.VOMS && c.VOMS != "either" {
		t.Errorf("VOMS %s (%s), want %s", r.VOMS, r.VOMSError, c.VOMS)
	}
	var want []string
	for _, f := range c.FQANs {
		f = strings.ReplaceAll(f, "/Role=NULL", "")
		want = append(want, strings.ReplaceAll(f, "/Capability=NULL", ""))
	}
	if r.VOMS == VOMSValid && !slices.Equal(r.FQANs, want) {
		t.Errorf("FQANs %q, want %q", r.FQANs, want)
	}
}
