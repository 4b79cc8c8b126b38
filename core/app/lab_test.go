package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/localfs/faultfs"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/fsck"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/storewrap"
)

const (
	rootKey    = "ROOTROOTROOT"
	rootSecret = "root-secret-0123456789"
)

// lab is a whole repository behind a real listener. Its contents lie on a file
// system and its records in a store that fail as a test says.
type lab struct {
	*testing.T
	*App
	disk   *faultfs.FS
	faults *storewrap.Fault
	url    string
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newLab makes a lab with bucket "box".
func newLab(t *testing.T, args ...string) *lab {
	t.Helper()
	c, _, err := config.Parse("serve", append([]string{"--data", t.TempDir()}, args...), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, disk: faultfs.New(faultfs.NewDisk()), log: new(lockedBuffer)}
	files, err := localfs.Open(l.disk, "/contents", localfs.Options{WriteBehind: -1})
	if err != nil {
		t.Fatal(err)
	}
	l.faults = &storewrap.Fault{Store: mem.NewMeta()}
	l.App = New(c, &Stores{Meta: l.faults, Registry: l.faults, Content: files, SiteKey: make([]byte, 32)}, obs.NewLog(l.log, "debug"))
	if _, _, _, err := l.Accounts.EnsureRoot(context.Background(), rootKey, rootSecret); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(l.App)
	t.Cleanup(s.Close)
	l.url = s.URL
	l.want("PUT", "/box", "", 200)
	return l
}

type answer struct {
	status int
	code   string
	header http.Header
	body   string
}

// do makes a signed request; header has pairs of names and values.
func (l *lab) do(method, path, body string, header ...string) answer {
	l.Helper()
	r, err := http.NewRequest(method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: rootKey, SecretAccessKey: rootSecret}, "mucura", hex.EncodeToString(sum[:]), time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{code: err.Error()}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if err != nil {
		a.code = err.Error()
	}
	var doc struct{ Code string }
	if a.status >= 300 && xml.Unmarshal(b, &doc) == nil {
		a.code = doc.Code
	}
	return a
}

func (l *lab) want(method, path, body string, status int) answer {
	l.Helper()
	a := l.do(method, path, body)
	if a.status != status {
		l.Fatalf("%s %s: %d %s %s, want %d", method, path, a.status, a.code, a.body, status)
	}
	return a
}

func (l *lab) wantBody(path, want string) {
	l.Helper()
	if a := l.do("GET", path, ""); a.status != 200 || a.body != want {
		l.Errorf("GET %s: %d %s, %d bytes; want %d", path, a.status, a.code, len(a.body), len(want))
	}
}

// recover waits until the server has seen that its stores work again.
func (l *lab) recover() {
	l.Helper()
	for range 200 {
		open := false
		for _, b := range l.breakers {
			open = open || b.IsOpen()
		}
		if !open {
			return
		}
		time.Sleep(100 * time.Millisecond)
		l.do("PUT", "/box/probe", large)
		l.do("DELETE", "/box/probe", "")
	}
	l.Error("the server does not see that its stores work again")
}

// heal ends all faults and checks that the repository is whole.
func (l *lab) heal() {
	l.Helper()
	l.disk.Heal()
	l.faults.Before, l.faults.After, l.faults.Delay = nil, nil, nil
	l.recover()
	c := &fsck.Checker{Repo: l.Repo, Now: time.Now, ReadData: true, Problem: func(p fsck.Problem) { l.Error(p) }}
	if _, err := c.Run(context.Background()); err != nil {
		l.Error(err)
	}
}

// files counts the files on the disk, half written ones too.
func (l *lab) files() int {
	l.Helper()
	n := 0
	var walk func(dir string)
	walk = func(dir string) {
		d, err := l.disk.Open(dir)
		if err != nil {
			l.Fatal(err)
		}
		infos, err := d.Readdir(-1)
		if err != nil {
			l.Fatal(err)
		}
		d.Close()
		for _, i := range infos {
			if i.IsDir() {
				walk(dir + "/" + i.Name())
			} else {
				n++
			}
		}
	}
	walk("/contents")
	return n
}

var (
	large = strings.Repeat("large.", 200_000) // more than a store is given in one piece
	small = "small"
)
