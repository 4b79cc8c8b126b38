package cli_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var testTime = time.Unix(1_700_000_000, 123)

// keys lists what a bucket has, one line a key.
func (p *person) keys(bucket string) string {
	return strings.ReplaceAll(strings.TrimSpace(p.want(0, "ls", "-r1", "s3://"+bucket)), "\n", " ")
}

func (p *person) wantKeys(bucket, want string) {
	p.Helper()
	if got := p.keys(bucket); got != want {
		p.Errorf("there is %q, want %q", got, want)
	}
}

func TestTrees(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	at := "s3://" + bucket
	for _, name := range []string{"d/a", "d/a.b", "d/a/../a-c", "d/sub/x", "d/sub/y.root", "d/sub.z"} {
		p.write(name, []byte(name))
	}
	p.want(0, "cp", "-r", "d", at+"/t")
	p.wantKeys(bucket, "t/a t/a-c t/a.b t/sub.z t/sub/x t/sub/y.root")
	p.want(0, "cp", at+"/t/**.root", at+"/t/?", at+"/picked")
	p.want(0, "cp", at+"/t/*", "flat/")
	if entries, _ := os.ReadDir(p.path("flat")); len(entries) != 4 {
		t.Errorf("* went over a slash, or did not match: %v", entries)
	}
	p.want(0, "rm", "-r", at+"/t/sub")
	p.wantKeys(bucket, "picked/a picked/sub/y.root t/a t/a-c t/a.b t/sub.z")
	p.want(0, "mv", "-r", at+"/t", at+"/u/")
	p.wantKeys(bucket, "picked/a picked/sub/y.root u/a u/a-c u/a.b u/sub.z")
	p.want(0, "mv", "-r", at+"/u", "back")
	p.wantKeys(bucket, "picked/a picked/sub/y.root")
	p.wantFile("back/a", []byte("d/a"))
	p.want(0, "mv", "back/a", at)
	p.wantNoFile("back/a")
	p.want(2, "mv", at+"/a", at+"/a")
	p.wantKeys(bucket, "a picked/a picked/sub/y.root")
	p.want(0, "rm", "--dry-run", "-r", at)
	p.want(0, "rm", at+"/picked/**")
	p.wantKeys(bucket, "a")
	// In a bucket with versions there is no rename.
	c := server.NewClient()
	versioned := []byte(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	if _, err := c.Must(t.Context(), "PUT", bucket, "", "versioning", versioned, 200); err != nil {
		t.Fatal(err)
	}
	p.want(0, "mv", at+"/a", at+"/moved")
	p.wantKeys(bucket, "moved")
}

func TestSync(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	at := "s3://" + bucket
	for i := range 20 {
		p.write(fmt.Sprintf("d/%d/f%d", i%3, i), []byte(fmt.Sprint(i)))
	}
	if err := os.Symlink("f0", p.path("d/0/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", p.path("d/0/circle")); err != nil {
		t.Fatal(err)
	}
	count := func(args ...string) int { return strings.Count(p.want(0, append([]string{"sync"}, args...)...), "\n") }
	for _, c := range []struct {
		what string
		want int
		args []string
	}{
		{"all is new", 21, []string{"d", at + "/s"}},
		{"all is there", 0, []string{"d", at + "/s"}},
		{"contents are the same", 0, []string{"--checksum", "d", at + "/s"}},
		{"down", 21, []string{at + "/s", "e"}},
		{"down again", 0, []string{at + "/s", "e"}},
		{"within the repository", 21, []string{at + "/s", at + "/t"}},
		{"within the repository again", 0, []string{"--checksum", at + "/s", at + "/t"}},
	} {
		if got := count(c.args...); got != c.want {
			t.Errorf("%s: %d copies, want %d", c.what, got, c.want)
		}
	}
	if o := p.run("sync", "-L", "d", at+"/s"); o.status != 1 || !strings.Contains(o.stderr, "circle") {
		t.Errorf("a circle of links: %d %s", o.status, o.stderr)
	}

	// Same size and an old time: only contents tell.
	path := p.write("d/1/f1", []byte("X"))
	_ = os.Chtimes(path, testTime, testTime)
	if n, m := count("d", at+"/s"), count("--checksum", "d", at+"/s"); n != 0 || m != 1 {
		t.Errorf("%d and %d copies, want 0 and 1", n, m)
	}
	p.write("e/extra/new", []byte("x"))
	_ = os.Remove(p.path("d/2/f2"))
	if out := p.want(0, "sync", "--delete", "--dry-run", "d", at+"/s"); out != "would delete "+at+"/s/2/f2\n" {
		t.Errorf("dry run: %q", out)
	}
	p.want(0, "stat", at+"/s/2/f2")
	p.want(0, "sync", "--delete", "d", at+"/s")
	p.want(4, "stat", at+"/s/2/f2")
	p.want(0, "sync", "--delete", "--checksum", at+"/s", "e") // it changed within a second, which times do not tell
	p.wantNoFile("e/extra/new")
	p.wantNoFile("e/2/f2")
	p.wantFile("e/1/f1", []byte("X"))

	// A source that is not there, or has nothing, deletes nothing.
	p.want(4, "sync", "--delete", "nothing", at+"/s")
	p.want(4, "sync", "--delete", at+"/typo", "e")
	p.wantFile("e/1/f1", []byte("X"))
	// Nor does one that cannot be read whole.
	p.want(4, "sync", "--delete", "s3://no-such-bucket-here", "e")
	p.wantFile("e/1/f1", []byte("X"))
}

// Bars are for terminals; a log gets none.
func TestProgress(t *testing.T) {
	p := newPerson(t)
	bucket := p.bucket()
	p.write("big", random(8*part))
	args := []string{"cp", "--part-size", "5MiB", "big", "s3://" + bucket + "/big"}
	if o := p.run(args...); o.stderr != "" || o.status != 0 {
		t.Errorf("without a terminal: %d %q", o.status, o.stderr)
	}
	for _, c := range []struct {
		env  string
		args []string
		want bool
	}{{"", args, true}, {"NO_COLOR=1", args, true}, {"", append([]string{"-q"}, args...), false}} {
		screen, status := p.with("TERM=xterm", c.env).onTerminal(c.args...)
		if status != 0 || strings.Contains(screen, "%") != c.want || strings.Contains(screen, "total") != c.want {
			t.Errorf("%v: %d %q", c.args, status, screen)
		}
		if strings.Contains(screen, "\x1b[3") || strings.Contains(screen, "\x1b[9") {
			t.Errorf("colours: %q", screen)
		}
		if c.want && !strings.Contains(screen, "upload big") {
			t.Errorf("nothing is said of the upload: %q", screen)
		}
	}
	// Content for the terminal is not mixed with bars.
	p.feed([]byte("hello\n"), 0, "cp", "-", "s3://"+bucket+"/hello")
	if screen, _ := p.with("TERM=xterm").onTerminal("cat", "s3://"+bucket+"/hello"); screen != "hello\r\n" {
		t.Errorf("cat: %q", screen)
	}
}

// onTerminal runs the command on a terminal of its own and gives what it shows.
func (p *person) onTerminal(args ...string) (screen string, status int) {
	p.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		p.Fatal(err)
	}
	defer master.Close()
	unlock := 0
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); errno != 0 {
		p.Fatal(errno)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		p.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		p.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		p.Fatal(err)
	}
	cmd := p.cmd(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	terminal.Close()
	shown := make(chan string)
	go func() {
		var b strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			b.Write(buf[:n])
			if err != nil { // EIO: the other side is closed
				shown <- b.String()
				return
			}
		}
	}()
	_ = cmd.Wait()
	return <-shown, cmd.ProcessState.ExitCode()
}
