package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// block is an indented block of a document: under which heading it stands, and
// what the text before it calls it, if that is the name of a file.
type block struct{ heading, file, text string }

// fileBefore is the end of a paragraph that names the file that follows.
var fileBefore = regexp.MustCompile("`([^` ]+)`[^`]{0,14}:$")

// blocks are the indented blocks of a document, in their order.
func blocks(text string) (all []block) {
	heading, before, inside := "", "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		shown, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "#"):
			heading, before, inside = strings.TrimLeft(line, "# "), "", false
		case indented && inside:
			all[len(all)-1].text += shown + "\n"
		case indented:
			b := block{heading: heading, text: shown + "\n"}
			if m := fileBefore.FindStringSubmatch(before); m != nil {
				b.file = m[1]
			}
			all, inside, before = append(all, b), true, ""
		case line == "" && inside:
			all[len(all)-1].text += "\n" // within a block, if another indented line follows
		case line != "":
			before, inside = line, false
		}
	}
	return all
}

// TestUsersDocument does what docs/users.md tells people to do: every settings
// file is written, and every command line run, with each client that is there.
func TestUsersDocument(t *testing.T) {
	b, err := os.ReadFile("../../../docs/users.md")
	if err != nil {
		t.Fatal(err)
	}
	g := newGrid(t)
	p := g.operator()
	made := strings.SplitN(p.want(0, "admin", "accounts", "add", "ida", "--quota", "1GiB", "--key", "--json"), "\n", 2)[1]
	id, secret := field(t, made, "id"), field(t, made, "secret_access_key")
	for _, name := range []string{"ada", "bob"} {
		p.want(0, "admin", "accounts", "add", name)
	}
	ca := g.file(filepath.Join(p.home, "ca.pem"), gridtest.CertPEM(g.world.Root.DER))
	home := g.person()
	for _, dir := range []string{"Documents", "mnt", "mucura", "gfal2"} {
		if err := os.Mkdir(home.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home.write("Documents/a.txt", []byte("hello\n"))
	home.write("report.pdf", []byte("%PDF\n"))
	home.write("events.root", []byte("root\n"))
	host := strings.TrimPrefix(g.s3, "https://")
	davix := "--s3accesskey " + id + " --s3secretkey " + secret + " --s3region mucura --s3alternate --capath " + g.certDir
	words := strings.NewReplacer("https://s3.lab.example", g.s3, "S3.LAB.EXAMPLE", strings.ToUpper(strings.Split(host, ":")[0]), "s3.lab.example", host,
		"YOUR-KEY-ID", id, "YOUR-SECRET", secret, "--s3alternate \\", "--s3alternate --capath "+g.certDir+" \\", "davix-ls …", "davix-ls "+davix,
		"file:///data/x", "file://"+home.path("report.pdf"), "/my-files/x", "/my-files/x")
	python, _ := exec.LookPath("python3")
	env := []string{"PATH=" + filepath.Dir(command) + ":" + os.Getenv("PATH"), "AWS_CA_BUNDLE=" + ca, "AWS_EC2_METADATA_DISABLED=true", "CURL_CA_BUNDLE=" + ca,
		"GFAL_CONFIG_DIR=" + home.path("gfal2"), "GFAL_PYTHONBIN=/usr/bin/python3", "X509_CERT_DIR=" + g.certDir, "MUCURA_SERVER=", "MUCURA_AUTH=", "SSL_CERT_FILE=" + ca, "PYENV_VERSION=" + os.Getenv("PYENV_VERSION")}
	// What each part of the document wants to be there, and what tells the
	// program which authority to trust.
	parts := map[string]struct{ program, env string }{
		"mucura": {"mucura", "MUCURA_CA_FILE=" + ca}, "aws, boto3 and other AWS SDKs": {"aws", ""}, "rclone": {"rclone", "AWS_CA_BUNDLE="},
		"s3cmd": {"s3cmd", ""}, "restic": {"restic", ""}, "duplicity": {"duplicity", ""}, "s3fs": {"s3fs", ""}, "davix": {"davix-put", ""}, "gfal2": {"gfal-copy", ""},
		"curl": {"curl", ""}, "Sharing": {"aws", ""}, "Versions and undelete": {"aws", ""}, "Encryption": {"aws", ""},
	}
	// Older ones, such as Debian's, know no endpoint_url in a profile.
	version, _ := exec.Command("aws", "--version").CombinedOutput()
	var major, minor int
	_, _ = fmt.Sscanf(string(version), "aws-cli/%d.%d", &major, &minor)
	oldAWS := major == 2 && minor < 13 || major == 1 && minor < 29
	run := func(t *testing.T, script, stdin string, more ...string) string {
		t.Helper()
		if oldAWS {
			script = "aws() { command aws --endpoint-url " + g.s3 + " \"$@\"; }\n" + script
		}
		cmd := home.with(env...).with(more...).with("AWS_EC2_METADATA_DISABLED=true").cmd()
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-ec", script}
		cmd.Stdin = strings.NewReader(stdin)
		o := home.finish(cmd)
		if o.status != 0 {
			t.Errorf("%s\nexit status %d\n%s%s", script, o.status, o.stdout, o.stderr)
		}
		return o.stdout
	}
	seen := map[string]bool{}
	for _, b := range blocks(string(b)) {
		part, ok := parts[b.heading]
		if !ok {
			t.Errorf("nothing is known of the part %q", b.heading)
			continue
		}
		seen[b.heading] = true
		script := strings.TrimRight(words.Replace(b.text), "\n")
		t.Run(b.heading, func(t *testing.T) {
			if part.program != "mucura" {
				if _, err := exec.LookPath(part.program); err != nil {
					if os.Getenv("MUCURA_TEST_INSTALL") == "1" {
						t.Fatal(err)
					}
					t.Skip(err)
				}
			}
			switch {
			case strings.HasPrefix(b.file, "~/"), b.file == "policy.json":
				path := strings.TrimPrefix(b.file, "~/")
				home.secret(path, []byte(script+"\n"))
				if b.heading == "s3cmd" {
					run(t, "s3cmd put report.pdf s3://my-files/by-s3cmd && s3cmd get s3://my-files/by-s3cmd by-s3cmd && cmp report.pdf by-s3cmd", "")
				}
				return
			case b.heading == "gfal2":
				home.write("gfal2/mucura.conf", []byte(script+"\n"))
				run(t, "gfal-copy file://"+home.path("report.pdf")+" s3s://"+host+"/my-files/x && gfal-ls s3s://"+host+"/my-files/x", "")
				return
			case strings.HasPrefix(script, "import boto3"):
				if python == "" {
					t.Skip("no python3")
				}
				out := run(t, "python3 - <<'END'\n"+script+"\nEND\n", "", "AWS_PROFILE=mucura")
				if !strings.Contains(out, "report.pdf 5") {
					t.Errorf("printed %q", out)
				}
				return
			case b.heading == "s3fs", strings.Contains(script, "rclone mount"):
				if _, err := os.Stat("/dev/fuse"); err != nil {
					script = strings.Split(script, "rclone mount")[0]
					if b.heading == "s3fs" {
						t.Skip(err)
					}
					break
				}
				if b.heading == "s3fs" {
					run(t, script+"\necho x >> mnt/appended\nmv mnt/appended mnt/moved\ncat mnt/moved\nfusermount -u mnt || umount mnt", "")
					return
				}
				script = strings.Replace(script, "rclone mount", "rclone mount --daemon", 1) + "\nls ~/mucura/Documents\nfusermount -u ~/mucura || umount ~/mucura"
			case b.heading == "duplicity":
				script = strings.Replace(script, "full Documents", "--no-encryption full Documents", 1)
			case strings.Contains(script, "mucura cp --version"):
				keep, rest, _ := strings.Cut(script, "\n")
				remove := "mucura cp report.pdf s3://my-files/ && mucura rm s3://my-files/report.pdf"
				before, copied, _ := strings.Cut(rest, "\nmucura cp")
				script = keep + "\n" + remove + "\n" + before + "\nmucura cp report.pdf s3://my-files/\n" +
					"id=$(mucura versions --json s3://my-files/report.pdf | sed -n '2s/.*\"version_id\":\"\\([^\"]*\\)\".*/\\1/p')\nmucura cp" +
					strings.Replace(copied, "THE-VERSION-ID", "\"$id\"", 1)
				part.env = "MUCURA_CA_FILE=" + ca
			case strings.Contains(script, "THE-VERSION-ID"):
				run(t, "aws --profile mucura s3 cp report.pdf s3://my-files/ && aws --profile mucura s3 rm s3://my-files/report.pdf", "")
				list, remove, _ := strings.Cut(script, "\naws --profile mucura s3api delete-object")
				marker := strings.Fields(run(t, list, ""))
				if len(marker) != 2 {
					t.Fatalf("the marker is %q", marker)
				}
				script = strings.Replace("aws --profile mucura s3api delete-object"+remove, "THE-VERSION-ID", marker[1], 1) +
					"\naws --profile mucura s3api head-object --bucket my-files --key report.pdf"
			}
			script = strings.ReplaceAll(script, "\nrclone link", "\nunset AWS_CA_BUNDLE\nrclone link") // which it stops at
			run(t, script, id+"\n"+secret+"\n", strings.Fields(part.env)...)
		})
		if b.heading == "aws, boto3 and other AWS SDKs" && strings.Contains(b.text, "s3 mb") {
			run(t, "mucura mkdir -p s3://my-backup", "", "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "MUCURA_SERVER="+g.s3, "MUCURA_CA_FILE="+ca)
		}
	}
	for name := range parts {
		if !seen[name] {
			t.Errorf("the document has no part %q any more", name)
		}
	}
}
