package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/appliance/internal/hosttest"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// worker is a machine on which docs/grid-jobs.md is followed: the command lies
// beside the job, and there is a proxy.
type worker struct {
	*grid
	*person         // on the machine, as somebody who set nothing
	known   *person // the same with the servers' names
	blocks  []block
}

func newWorker(t *testing.T) *worker {
	t.Helper()
	text, err := os.ReadFile("../../../docs/grid-jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	g := newGrid(t)
	g.enrol("ada", g.world.Alice)
	p := g.person()
	p = p.with("X509_USER_PROXY="+p.secret(".x509up", gridtest.NewLimited(g.world.Alice).PEM()), "MUCURA_SERVER=", "MUCURA_AUTH=")
	if err := os.Symlink(command, p.path("mucura")); err != nil {
		t.Fatal(err)
	}
	w := &worker{grid: g, person: p, known: p.with("MUCURA_SERVER="+g.s3, "MUCURA_AUTH="+g.auth), blocks: blocks(string(text))}
	w.known.feed([]byte("b\n"), 0, "cp", "-", "me:/runs/17/in/1")
	w.known.feed([]byte("a\n"), 0, "cp", "-", "me:/runs/17/in/2")
	return w
}

// block is the one under a heading that has some text in it, for this site.
func (w *worker) block(heading, has string) string {
	w.person.Helper()
	for _, b := range w.blocks {
		if b.heading == heading && strings.Contains(b.text, has) {
			return strings.NewReplacer("https://s3.lab.example", w.s3, "https://auth.lab.example", w.auth,
				"/etc/grid-security/certificates", w.certDir).Replace(b.text)
		}
	}
	w.person.Fatalf("docs/grid-jobs.md has no %q under %q", has, heading)
	return ""
}

// sh runs a script, which must succeed.
func (w *worker) sh(p *person, script string) string {
	p.Helper()
	cmd := p.cmd()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-ec", script}
	o := p.finish(cmd)
	if o.status != 0 {
		p.Errorf("%s\nexit status %d\n%s%s", script, o.status, o.stdout, o.stderr)
	}
	return o.stdout
}

// The job of docs/grid-jobs.md does what it says, on a machine with nothing else.
func TestJobScript(t *testing.T) {
	w := newWorker(t)
	w.write("job.sh", []byte(w.block("The job", "# job.sh RUN")))
	cmd := w.cmd()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "job.sh", "17"}
	if o := w.finish(cmd); o.status != 0 || o.stdout+o.stderr != "" {
		t.Fatalf("%d %s%s", o.status, o.stdout, o.stderr)
	}
	if out := w.known.want(0, "cat", "me:/runs/17/result.txt"); out != "a\nb\n" {
		t.Errorf("result %q", out)
	}
}

// Every other command line of docs/grid-jobs.md does what it says.
func TestJobDocument(t *testing.T) {
	w := newWorker(t)
	full := w.known.with("X509_USER_PROXY=" + w.secret("full", gridtest.NewProxy(w.world.Alice).PEM()))
	const tools = "Other tools in a job"

	out := w.sh(w.known, w.block(tools, "./mucura env --duration 12h")+"\necho \"$AWS_ACCESS_KEY_ID $AWS_SESSION_TOKEN\"\n")
	if len(strings.Fields(out)) != 2 {
		t.Errorf("env gives %q", out)
	}
	w.sh(w.known, w.block(tools, "./mucura config aws"))
	if _, err := exec.LookPath("aws"); err != nil {
		t.Logf("aws is not there: %v", err)
	} else {
		ca := w.file(filepath.Join(w.home, "ca.pem"), gridtest.CertPEM(w.world.Root.DER))
		p := w.known.with("PATH="+w.home+":"+os.Getenv("PATH"), "AWS_CA_BUNDLE="+ca)
		if out := w.sh(p, w.block(tools, "./mucura config aws")+"aws s3 cp s3://ada/runs/17/in/1 -"); out != "b\n" {
			t.Errorf("aws reads %q", out)
		}
		w.write("curl.config", fmt.Appendf(nil, "[profile mucura]\nregion = mucura\nendpoint_url = %s\ns3 =\n    addressing_style = path\n"+
			"credential_process = curl -sf --capath %s --cert %s %s/credentials\n", w.s3, w.certDir, w.path(".x509up"), w.auth))
		if out := w.sh(p.with("AWS_CONFIG_FILE="+w.path("curl.config"), "AWS_PROFILE=mucura"), "aws s3 cp s3://ada/runs/17/in/1 -"); out != "b\n" {
			t.Errorf("aws with curl reads %q", out)
		}
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Logf("curl is not there: %v", err)
	} else if out := w.sh(w.known, w.block(tools, "curl -sf --cert")); field(t, out, "SessionToken") == "" {
		t.Errorf("curl gets %q", out)
	}
	w.sh(w.known, w.block(tools, "mucura env --scope"))
	w.sh(w.known, ". ./job.env; unset X509_USER_PROXY; ./mucura cat s3://ada/runs/17/in/1")

	// Seeing what jobs do, and ending one.
	const seeing = "Seeing what jobs do"
	id := ""
	for line := range strings.Lines(full.want(0, "sessions")) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "*" {
			id = f[0] // not the one that asks
		}
	}
	if id == "" {
		t.Fatalf("no session in %s", full.want(0, "sessions"))
	}
	w.sh(full, strings.Replace(w.block(seeing, "mucura sessions revoke"), "revoke ID", "revoke "+id, 1))
}

// port is a free one, as text.
func port(t *testing.T) string {
	t.Helper()
	n, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n)
}

// cluster is Slurm on this machine alone.
type cluster struct {
	t   *testing.T
	dir string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	if err := exec.Command("mountpoint", "-q", "/sys/fs/cgroup").Run(); err != nil {
		t.Skip("SKIP: Slurm wants control groups, and none are mounted")
	}
	hosttest.Need(t, "munged", "munge", "slurmctld", "slurmctld", "slurmd", "slurmd", "sbatch", "slurm-client")
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ = strings.Cut(name, ".")
	dir, err := os.MkdirTemp("", "mucura-slurm-") // short: there is a socket in it
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t, dir}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // munged wants others to reach its socket
		t.Fatal(err)
	}
	file := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("munge.key", strings.Repeat("k", 128))
	conf := []string{"ClusterName=test", "SlurmctldHost=" + name + "(127.0.0.1)", "SlurmctldPort=" + port(t), "SlurmdPort=" + port(t), "AuthType=auth/munge",
		"AuthInfo=socket=DIR/munge.sock", "SlurmUser=root", "SlurmdUser=root", "StateSaveLocation=DIR/state", "SlurmdSpoolDir=DIR/spool",
		"SlurmctldPidFile=DIR/slurmctld.pid", "SlurmdPidFile=DIR/slurmd.pid", "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none",
		"JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none", "MpiDefault=none", "KillWait=3", "ReturnToService=2",
		"SchedulerType=sched/builtin", "NodeName=" + name + " NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN", "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP"}
	file("slurm.conf", strings.ReplaceAll(strings.Join(conf, "\n")+"\n", "DIR", dir))
	for _, d := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.start("munged", "--foreground", "--force", "--key-file="+dir+"/munge.key", "--socket="+dir+"/munge.sock", "--pid-file="+dir+"/munged.pid",
		"--log-file="+dir+"/munged.log", "--seed-file="+dir+"/munged.seed")
	c.eventually("munged", func() bool { _, err := os.Stat(dir + "/munge.sock"); return err == nil })
	c.start("slurmctld", "-D", "-f", dir+"/slurm.conf")
	c.start("slurmd", "-D", "-f", dir+"/slurm.conf")
	c.eventually("the node", func() bool { return strings.TrimSpace(c.try("sinfo", "-h", "-o", "%T")) == "idle" })
	return c
}

// start runs a daemon as long as the test.
func (c *cluster) start(name string, args ...string) {
	c.t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if c.t.Failed() {
			c.t.Logf("%s said:\n%s", name, &said)
		}
	})
}

func (c *cluster) eventually(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(3 * time.Minute); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%s: not within three minutes", what)
		}
	}
}

// try runs one of Slurm's programs, and gives what it prints.
func (c *cluster) try(name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+c.dir+"/slurm.conf")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return ""
	}
	return string(out)
}

// submit hands a script in, as the person, and gives the number of the job.
func (c *cluster) submit(p *person, args ...string) string {
	c.t.Helper()
	cmd := p.cmd()
	sbatch, err := exec.LookPath("sbatch")
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Path, cmd.Args = sbatch, append([]string{"sbatch", "--parsable", "--output", "job.log"}, args...)
	cmd.Env = append(cmd.Env, "SLURM_CONF="+c.dir+"/slurm.conf")
	o := p.finish(cmd)
	if o.status != 0 {
		c.t.Fatalf("sbatch: %s", o.stderr)
	}
	return strings.TrimSpace(o.stdout)
}

// state is a field of what Slurm says of a job.
func (c *cluster) state(job, field string) string {
	for _, pair := range strings.Fields(c.try("scontrol", "show", "job", job)) {
		if v, ok := strings.CutPrefix(pair, field+"="); ok {
			return v
		}
	}
	return ""
}

// The scripts of docs/grid-jobs.md in a real Slurm: the job moves its files, and
// one that is told that its time is up ends as it should and waits for another
// run.
func TestSlurm(t *testing.T) {
	c := newCluster(t)
	w := newWorker(t)
	p := w.with("X509_USER_PROXY=")
	w.write("job.slurm", []byte(w.block("Slurm", "#SBATCH")))
	w.write("job.sh", []byte(w.block("The job", "# job.sh RUN")))
	if err := os.Chmod(w.path("job.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	job := c.submit(p, "job.slurm", "17")
	c.eventually("the job", func() bool {
		s := c.state(job, "JobState")
		return s != "PENDING" && s != "RUNNING" && s != "COMPLETING"
	})
	log, _ := os.ReadFile(w.path("job.log"))
	if s := c.state(job, "JobState"); s != "COMPLETED" || len(log) > 0 {
		t.Fatalf("the job is %s: %s", s, log)
	}
	if out := w.known.want(0, "cat", "me:/runs/17/result.txt"); out != "a\nb\n" {
		t.Errorf("result %q", out)
	}

	// An upload that does not end: its input is held open here.
	if err := syscall.Mkfifo(w.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(w.path("pipe"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := pipe.WriteString("some"); err != nil {
		t.Fatal(err)
	}
	w.write("job.sh", fmt.Appendf(nil, "#!/bin/sh\nset -e\nexport MUCURA_SERVER=%s MUCURA_AUTH=%s\ntouch started\n./mucura cp -q - me:/endless < pipe\ntouch done\n", w.s3, w.auth))
	job = c.submit(p, "job.slurm", "18")
	c.eventually("the start", func() bool { _, err := os.Stat(w.path("started")); return err == nil })
	awaitRead(t, pipe)
	c.t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(w.path("job.log"))
			t.Logf("%s\n%s", c.try("scontrol", "show", "job", job), log)
		}
	})
	c.try("scancel", "--signal=TERM", job)
	c.eventually("another run", func() bool { return c.state(job, "Restarts") == "1" && c.state(job, "JobState") == "PENDING" })
	c.try("scancel", job)
	if _, err := os.Stat(w.path("done")); err == nil {
		t.Error("the job went on after the signal")
	}
	w.known.want(4, "stat", "me:/endless")
}
