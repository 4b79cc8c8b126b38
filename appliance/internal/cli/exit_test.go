package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// member is somebody with an account of her own on the shared server.
func (p *person) member(name string, args ...string) *person {
	p.Helper()
	id, secret := "KEY"+strings.ToUpper(name), "secret-of-"+name
	if _, err := server.Run(append([]string{"account", "add", name, "--access-key-id", id, "--secret-access-key", secret}, args...)...); err != nil {
		p.Fatal(err)
	}
	other := personOn(p.T, server.Endpoint)
	return other.with("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
}

func TestExitStatus(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	at := "s3://" + bucket
	p.write("file", []byte("content"))
	p.want(0, "cp", "file", at+"/file")
	small := p.member("small", "--quota", "1000000")
	mine := small.bucket()
	small.write("big", random(2_000_000))
	small.write("file", []byte("content"))

	for _, c := range []struct {
		name   string
		who    *person
		status int
		stderr string
		args   []string
	}{
		{"success", p, 0, "", []string{"ls", at}},
		{"no verb of this name", p, 2, "unknown command", []string{"frobnicate"}},
		{"no flag of this name", p, 2, "unknown flag", []string{"ls", "--frobnicate"}},
		{"too few arguments", p, 2, "arg", []string{"cp", "file"}},
		{"two local paths", p, 2, "is in the repository", []string{"cp", "file", "other"}},
		{"a directory without -r", p, 2, "give -r", []string{"cp", ".", at}},
		{"no server", p.with("MUCURA_SERVER="), 2, "no server is named", []string{"ls"}},
		{"no such profile", p, 2, "there is no profile", []string{"ls", "--profile", "nobody"}},
		{"no keys", p.with("AWS_ACCESS_KEY_ID="), 3, "no credentials", []string{"ls"}},
		{"unknown key", p.with("AWS_ACCESS_KEY_ID=NOBODY"), 3, "InvalidAccessKeyId", []string{"ls"}},
		{"wrong secret", p.with("AWS_SECRET_ACCESS_KEY=wrong"), 3, "SignatureDoesNotMatch", []string{"ls", at}},
		{"wrong secret, told by HEAD", p.with("AWS_SECRET_ACCESS_KEY=wrong"), 3, "SignatureDoesNotMatch", []string{"stat", at + "/file"}},
		{"bad session token", p.with("AWS_SESSION_TOKEN=nonsense"), 3, "InvalidToken", []string{"ls", at}},
		{"no such bucket", p, 4, "NoSuchBucket", []string{"ls", "s3://no-such-bucket-here"}},
		{"no such object", p, 4, "no such object", []string{"cp", at + "/nothing", "."}},
		{"no such object to cat", p, 4, "", []string{"cat", at + "/nothing"}},
		{"no such object to delete", p, 4, "", []string{"rm", at + "/nothing"}},
		{"nothing below", p, 4, "nothing is there", []string{"ls", at + "/nothing/"}},
		{"nothing matches", p, 4, "--literal", []string{"ls", at + "/*.root"}},
		{"no such file", p, 4, "no such file", []string{"cp", "nothing", at}},
		{"another's bucket", small, 5, "AccessDenied", []string{"ls", at}},
		{"another's object", small, 5, "AccessDenied", []string{"stat", at + "/file"}},
		{"writing to another's bucket", small, 5, "AccessDenied", []string{"cp", "file", at}},
		{"over the quota", small, 6, "QuotaExceeded", []string{"cp", "big", "s3://" + mine}},
		{"over the quota, in parts", small, 6, "QuotaExceeded", []string{"cp", "-", "s3://" + mine + "/x"}},
		{"bucket exists", small, 7, "BucketAlreadyExists", []string{"mkdir", at}},
		{"bucket not empty", p, 7, "BucketNotEmpty", []string{"rm", "--bucket", at}},
		{"object exists", p, 7, "PreconditionFailed", []string{"cp", "-n", "file", at}},
		{"file exists", p, 7, "such a file", []string{"cp", "-n", at + "/file", "."}},
		{"nobody listens", p.with("MUCURA_SERVER=http://127.0.0.1:1"), 8, "refused", []string{"ls", "--attempts", "2"}},
		{"not HTTP over TLS", p.with("MUCURA_SERVER=https" + strings.TrimPrefix(server.Endpoint, "http")), 8, "TLS", []string{"ls"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := c.who.cmd(c.args...)
			cmd.Stdin = bytes.NewReader(random(12 << 20))
			o := c.who.finish(cmd)
			if o.status != c.status || !strings.Contains(o.stderr, c.stderr) {
				t.Errorf("mucura %v: exit status %d, want %d with %q\n%s%s", c.args, o.status, c.status, c.stderr, o.stdout, o.stderr)
			}
			// The same as a record.
			if c.status == 0 || c.status == 2 {
				return
			}
			cmd = c.who.cmd(append([]string{"--json"}, c.args...)...)
			cmd.Stdin = bytes.NewReader(random(12 << 20))
			o = c.who.finish(cmd)
			var r struct {
				Type, Message string
				Exit          int
			}
			if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || r.Type != "error" || r.Exit != c.status || r.Message == "" {
				t.Errorf("--json: %v %q", err, o.stdout)
			}
		})
	}
	// Nothing of what was refused is left to fill the quota.
	if out := small.want(0, "uploads", "ls", "s3://"+mine); out != "" {
		t.Errorf("left: %s", out)
	}
}

// A server that stays busy, and one that says nothing any more.
func TestNetworkTrouble(t *testing.T) {
	b := newBetween(t, server.Endpoint)
	p := personOn(t, b.URL)
	bucket := p.bucket()
	b.set(func(w http.ResponseWriter, _ *http.Request) bool { busy(w); return true }, nil)
	p.want(8, "ls", "s3://"+bucket, "--attempts", "2")

	b.set(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, nil)
	o := p.run("ls", "s3://"+bucket, "--attempts", "1", "--stall", "100ms")
	if o.status != 8 || !strings.Contains(o.stderr, "too long") {
		t.Errorf("%d %s", o.status, o.stderr)
	}
	// One that answers with a page for people.
	b.set(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write([]byte("<html>Please log in to the network</html>"))
		return true
	}, nil)
	p.want(8, "ls", "--attempts", "1")
}

// An interrupt says so, and what is there can be resumed.
func TestInterrupt(t *testing.T) {
	for _, c := range []struct {
		signal os.Signal
		status int
	}{{os.Interrupt, 130}, {syscall.SIGTERM, 143}} {
		b := newBetween(t, server.Endpoint)
		p := personOn(t, b.URL)
		bucket := p.bucket()
		content := random(4 * part)
		p.write("big", content)
		args := []string{"cp", "--part-size", "5MiB", "--parallel", "1", "big", "s3://" + bucket + "/big"}
		hold, reached := holdAfter(2, isPart)
		b.set(hold, nil)
		cmd := p.cmd(args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-reached:
		case <-time.After(time.Minute):
			t.Error("the command did not come so far")
		}
		_ = cmd.Process.Signal(c.signal)
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%v: exit status %d, want %d", c.signal, got, c.status)
		}
		if !strings.Contains(stderr.String(), "interrupted; the same command again goes on") {
			t.Errorf("%v: %s", c.signal, &stderr)
		}
		b.set(nil, nil)
		p.want(0, args...)
		if b.sent() != 2 {
			t.Errorf("%d parts were sent again, 2 were missing", b.sent())
		}
		p.wantObject(bucket, "big", content)
	}
}

// An interrupt ends an upload whose input does not come, and leaves no object.
func TestInterruptWaiting(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	for _, size := range []int{4, 9 << 20} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		cmd := p.cmd("cp", "-q", "-", "s3://"+bucket+"/endless")
		cmd.Stdin = r
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if _, err := w.Write(random(size)); err != nil {
			t.Fatal(err)
		}
		awaitRead(t, w)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killed := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killed.Stop()
		if got := cmd.ProcessState.ExitCode(); got != 143 {
			t.Errorf("with %d bytes: exit status %d", size, got)
		}
		p.want(4, "stat", "s3://"+bucket+"/endless")
	}
}

// awaitRead waits until all that was written to a pipe has been read.
func awaitRead(t *testing.T, pipe *os.File) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		left, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ) // also of pipes
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes are not read", left)
		}
	}
}

// Keys from the files of the AWS tools and from a profile; the environment
// before them, unless a profile is asked for.
func TestWhereKeysComeFrom(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	bare := p.with("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "MUCURA_SERVER=")
	right := "aws_access_key_id = " + harness.RootKey + "\naws_secret_access_key = " + harness.RootSecret + "\n"
	p.write(".aws/config", []byte("[profile lab]\nregion = mucura\nendpoint_url = "+server.Endpoint+"\ns3 =\n  addressing_style = path\n"))
	p.write(".aws/credentials", []byte("[lab]\n"+right+"[broken]\naws_access_key_id = NOBODY\naws_secret_access_key = x\n"))
	bare.want(0, "ls", "s3://"+bucket, "--profile", "lab")
	bare.with("AWS_PROFILE=lab").want(0, "ls", "s3://"+bucket)
	bare.with("MUCURA_PROFILE=lab", "AWS_ACCESS_KEY_ID=NOBODY", "AWS_SECRET_ACCESS_KEY=x").want(0, "ls", "s3://"+bucket)
	bare.with("AWS_PROFILE=broken", "MUCURA_SERVER="+server.Endpoint).want(3, "ls")
	p.with("AWS_PROFILE=broken").want(0, "ls", "s3://"+bucket)

	p.write(".config/mucura/config", []byte("# mine\n[default]\nserver = "+server.Endpoint+"\naccess_key_id = "+harness.RootKey+"\nsecret_access_key = "+harness.RootSecret+"\nhome = "+bucket+"\n"))
	bare.want(0, "ls", "s3://"+bucket)
	bare.feed([]byte("x"), 0, "cp", "-", "me:/dir/x")
	if out := bare.want(0, "ls", "-1", "-r", "me:"); out != "dir/x\n" {
		t.Errorf("home has %q", out)
	}
	bare.with("XDG_CONFIG_HOME=/nowhere").want(2, "ls")
	bare.with("AWS_ENDPOINT_URL="+server.Endpoint).want(0, "ls", "s3://"+bucket)
}
