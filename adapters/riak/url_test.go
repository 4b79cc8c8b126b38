package riak

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	for url, want := range map[string]Options{
		"riak://one":                            {Hosts: []string{"one:8098"}},
		"riak://one:1,two:2/":                   {Hosts: []string{"one:1", "two:2"}},
		"riak://[::1]:8098,[::2]/?type=t":       {Hosts: []string{"[::1]:8098", "[::2]:8098"}, Type: "t"},
		"riak://one?type=t&name=n":              {Hosts: []string{"one:8098"}, Type: "t", Name: "n"},
		"riak+https://u:p%40:%2F@one:8096,two/": {Hosts: []string{"one:8096", "two:8098"}, TLS: true, User: "u", Password: "p@:/"},
		"riak+https://u@one/":                   {Hosts: []string{"one:8098"}, TLS: true, User: "u", Password: "from outside"},
		"riak://one/?sync=one&confirms=3&timeout=2s&quorum=sloppy&cas=none&scan-lag=5s": {
			Hosts: []string{"one:8098"}, Sync: "one", Confirms: 3, Timeout: 2 * time.Second, Sloppy: true, CAS: "none", ScanLag: 5 * time.Second,
		},
	} {
		if got, err := ParseURL(url, "from outside"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", url, got, err, want)
		}
	}
	for _, url := range []string{
		"", "riak", "http://one", "riak://", "riak://,", "riak://:8098", "riak://one,,two", "riak://one:", "riak://one/?tpye=t",
		"riak://one/?type=a/b", "riak://one/?type=", "riak://one/?sync=never", "riak://one/?confirms=0", "riak://one/?confirms=x",
		"riak://one/?timeout=0s", "riak://one/?scan-lag=0s", "riak://one/?scan-lag=2m", "riak://one/?quorum=no", "riak://one/?cas=yes", "riak+https://u@one/?password-file=/does/not/exist",
	} {
		if got, err := ParseURL(url, ""); err == nil {
			t.Errorf("%s is accepted: %+v", url, got)
		}
	}
}

// TestErrorsHideThePassword: whatever is wrong with a URL, its password is not told.
func TestErrorsHideThePassword(t *testing.T) {
	for _, url := range []string{
		"riak+https://u:s3cret@one:1:2/", "riak+https://u:s3cret%zz@one/", "riak+https://u:s3cret@one/?x=1", "rak://u:s3cret@one/",
		"riak+https://u:s3cret@/", "riak+https://u:s3cret@one/?type=%zz",
	} {
		if _, err := ParseURL(url, ""); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
	if _, err := newClient(Options{Hosts: []string{"one:1"}, User: "u", Password: "s3cret"}); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a password over plain HTTP: %v", err)
	}
}
