package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

type versionLine struct {
	Key, VersionID  string
	Deleted, Latest bool
}

// versions lists the versions of a name; JSON's names do not match Go's.
func (p *person) versions(args ...string) (all []versionLine) {
	p.Helper()
	for line := range strings.Lines(p.want(0, append([]string{"versions", "--json"}, args...)...)) {
		v := decodeLine[struct {
			Key       string
			VersionID string `json:"version_id"`
			Deleted   bool
			Latest    bool
		}](p.T, line)
		all = append(all, versionLine(v))
	}
	return all
}

// TestVersions: what a bucket keeps is listed, copied back by its version, and brought
// back after it was deleted.
func TestVersions(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	at := "s3://" + bucket + "/"
	put := func(key, content string) { p.feed([]byte(content), 0, "cp", "-q", "-", at+key) }
	put("d/a b", "before") // its version is null
	p.want(2, "versions", "--keep", at+"d/a b")
	p.want(2, "versions", "--keep", "--stop", at)
	p.want(0, "versions", "--keep", at)
	put("d/a b", "two")
	put("d/a b", "three")
	put("d/a b c", "another")
	put("da", "not below d")
	all := p.versions(at + "d/a b")
	if len(all) != 3 || !all[0].Latest || all[1].Latest || all[2].VersionID != "null" {
		t.Fatalf("%+v", all)
	}
	p.want(0, "cp", "--version", all[1].VersionID, at+"d/a b", at+"copy")
	p.wantObject(bucket, "copy", []byte("two"))
	p.want(0, "cp", "--version", "null", at+"d/a b", at+"copy")
	p.wantObject(bucket, "copy", []byte("before"))
	p.want(2, "cp", at+"copy", at+"copy")
	p.want(0, "cp", "--version", p.versions(at + "copy")[1].VersionID, at+"copy", at+"copy")
	p.wantObject(bucket, "copy", []byte("two"))
	p.want(4, "versions", at+"none")

	p.want(4, "undelete", at+"d/a b")
	p.want(0, "rm", at+"d/a b")
	p.want(0, "rm", "-f", at+"d/a b") // a second marker
	p.want(0, "rm", at+"d/a b c")
	p.want(0, "rm", at+"da")
	if v := p.versions(at + "d/a b")[0]; !v.Deleted || !v.Latest {
		t.Errorf("%+v", v)
	}
	if out := p.want(0, "undelete", "--dry-run", at+"d/a b"); out != "would undelete "+at+"d/a b\n" {
		t.Errorf("%q", out)
	}
	p.want(4, "stat", at+"d/a b")
	p.want(2, "undelete", at)
	p.want(0, "undelete", at+"d/a b")
	p.wantObject(bucket, "d/a b", []byte("three"))
	p.want(0, "rm", at+"d/a b")
	if out := p.want(0, "undelete", "-r", at+"d"); out != fmt.Sprintf("undelete %[1]sd/a b\nundelete %[1]sd/a b c\n", at) {
		t.Errorf("%q", out)
	}
	p.want(4, "stat", at+"da")
	p.want(0, "versions", "--stop", at)
}

// TestVersionsOfManyKeys: a listing of several pages is in order and whole, with keys
// that XML cannot carry.
func TestVersionsOfManyKeys(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	p.want(0, "versions", "--keep", "s3://"+bucket)
	c := server.NewClient()
	var want []string
	for i := range 1100 {
		key := fmt.Sprintf("k%04d\x01 +%%", i)
		if _, err := c.Must(t.Context(), "PUT", bucket, key, "", nil, 200); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	var got []string
	for _, v := range p.versions("s3://" + bucket) {
		got = append(got, v.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d versions are listed, %d were made", len(got), len(want))
	}
}

// TestLink: a link opens one object to anybody, and there is none for what is not there.
func TestLink(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	key := "näme with +%20&?"
	p.feed([]byte("shared"), 0, "cp", "-q", "--literal", "-", "s3://"+bucket+"/"+key)
	link := strings.TrimSpace(p.want(0, "link", "--expires-in", "7d", "s3://"+bucket+"/"+key))
	get := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if status, body := get(link); status != 200 || body != "shared" {
		t.Errorf("%s: %d %s", link, status, body)
	}
	if status, _ := get(strings.Replace(link, "7E", "7F", 1) + "0"); status != 403 {
		t.Errorf("an altered link: %d", status)
	}
	p.want(2, "link", "--expires-in", "8d", "s3://"+bucket+"/"+key)
	p.want(2, "link", "s3://"+bucket)
	if o := p.run("link", "s3://"+bucket+"/none"); o.status != 4 || !strings.Contains(o.stderr, "there is no such object") {
		t.Errorf("%d %s", o.status, o.stderr)
	}
}

// TestCopyOfShared: who may read objects of a bucket with versions, and no versions by
// name, copies them within the server.
func TestCopyOfShared(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	p.want(0, "versions", "--keep", "s3://"+bucket)
	p.feed([]byte("shared"), 0, "cp", "-q", "-", "s3://"+bucket+"/shared/x")
	name := bucket + "-friend"
	out := p.want(0, "admin", "accounts", "add", name, "--key", "--json")
	key := decodeLine[struct {
		ID     string
		Secret string `json:"secret_access_key"`
	}](t, out[strings.Index(out, "\n")+1:])
	policy := fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/shared/*"}]}`, name, bucket)
	if _, err := server.NewClient().Must(t.Context(), "PUT", bucket, "", "policy", []byte(policy), 200, 204); err != nil {
		t.Fatal(err)
	}
	friend := p.with("AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret)
	friend.want(0, "cp", "s3://"+bucket+"/shared/x", "me:/x")
	if got := friend.want(0, "cat", "me:/x"); got != "shared" {
		t.Errorf("%q", got)
	}
	friend.want(5, "cp", "--version", "null", "s3://"+bucket+"/shared/x", "me:/y")
}
